/**
 * A pelvis in three dimensions: iliac wings, sacrum, sit bones, pubis and hip joints, thigh bones, bladder, rectum
 * with gas, prostate or uterus, muscles and vessels; one hip may be a metal prosthesis. Rough anatomy of an adult
 * lying on the back.
 */
import type { Vector3 } from "@alara/core";
import type { Material } from "../../materials/material.ts";
import { type AnatomicalPhantom, createAnatomicalPhantom, type PhantomRegion } from "./anatomy.ts";
import {
  type MaterialSolid,
  makeBall,
  makeColumn,
  makeEllipsoid,
  makeTaper,
  makeTube,
  makeTubePath,
  moveAlong,
  turnAxes,
} from "./shapes.ts";
import { createPlate, createVertebra } from "./skeleton.ts";
import { createContrastBlood, tissues } from "./tissues.ts";

/** Options of {@link createPelvisPhantom}. */
export interface PelvisPhantomOptions {
  /** Default `"male"` (prostate); `"female"` has a uterus and a wider inlet. */
  readonly sex?: "male" | "female";
  /** Which hip is metal; default `"none"`. */
  readonly prosthesis?: "none" | "left" | "right" | "both";
  /** Stem and cup; default titanium alloy. */
  readonly stemMaterial?: Material;
  /** Ball of the joint; default cobalt-chromium. */
  readonly ballMaterial?: Material;
  /** Gas in the rectum; default true. */
  readonly rectalGas?: boolean;
  /** Iodine in the vessels, mg/mL; default 0. */
  readonly iodineMgPerMl?: number;
}

const BONE = { cortex: tissues.corticalBone, core: tissues.spongiosa };
const DOWN = [{ normal: [0, 0, -1], offsetMm: 150 }] as const;

/** Tube of cortex with a spongy core between points, rounded joints. */
function buildBoneTube(
  label: string,
  points: readonly Vector3[],
  radiusMm: number,
  cortexMm: number,
): MaterialSolid[] {
  const ends = [points[0], points[points.length - 1]];
  return [
    ...makeTubePath(label, BONE.cortex, points, radiusMm),
    ...ends.map((end) => makeBall(label, BONE.cortex, end, radiusMm)),
    ...makeTubePath(`${label} core`, BONE.core, points, radiusMm - cortexMm),
    ...ends.map((end) => makeBall(`${label} core`, BONE.core, end, radiusMm - cortexMm)),
  ];
}

function buildSoftParts(): MaterialSolid[] {
  const { adipose, muscle } = tissues;
  const solids: MaterialSolid[] = [
    makeColumn("fat", adipose, [0, 0, 45], [176, 112], 105),
    makeEllipsoid("fat", adipose, [0, 4, -20], [184, 120, 95]),
  ];
  for (const side of [-1, 1]) {
    solids.push(makeColumn("fat", adipose, [side * 92, 4, -100], [88, 100], 50));
    solids.push(makeColumn("thigh muscle", muscle, [side * 94, 2, -105], [70, 82], 45));
    solids.push(
      makeEllipsoid("gluteal muscle", muscle, [side * 88, 62, -5], [62, 26, 85], turnAxes(side * -0.42)),
      makeEllipsoid("gluteal muscle", muscle, [side * 138, 8, 0], [20, 56, 80], turnAxes(side * 0.1)),
      makeEllipsoid("thigh muscle", muscle, [side * 102, -60, -60], [48, 26, 60]),
    );
  }
  solids.push(makeColumn("abdominal wall", muscle, [0, 0, 85], [150, 92], 65));
  solids.push(makeColumn("pelvic fat", adipose, [0, -2, 60], [138, 80], 90));
  for (const side of [-1, 1]) {
    solids.push(
      makeEllipsoid("rectus muscle", muscle, [side * 28, -84, 60], [26, 7, 95]),
      makeEllipsoid("psoas", muscle, [side * 58, 2, 90], [24, 26, 75], turnAxes(side * 0.3)),
      makeEllipsoid("iliopsoas", muscle, [side * 84, -34, 10], [22, 20, 62]),
      makeEllipsoid("back muscle", muscle, [side * 34, 76, 100], [32, 24, 60]),
      makeEllipsoid("obturator muscle", muscle, [side * 62, 14, -40], [13, 34, 36]),
    );
  }
  return solids;
}

function buildPelvicBones(wide: number): MaterialSolid[] {
  const solids: MaterialSolid[] = [];
  // Lumbar spine and sacrum.
  for (const [y, z, scale] of [
    [24, 148, 1.2],
    [28, 112, 1.2],
  ] as const) {
    solids.push(
      ...createVertebra({
        bone: BONE,
        centreMm: [0, y, z],
        scale,
        pitchMm: 36,
        spinousTiltRad: 0.2,
        canal: tissues.water,
        disc: tissues.cartilage,
      }),
    );
  }
  const sacrum: readonly (readonly [number, number, number, number])[] = [
    [46, 84, 54, 20],
    [60, 60, 50, 17],
    [72, 36, 40, 14],
    [78, 14, 29, 11],
    [76, -6, 19, 8],
    [68, -24, 9, 6],
  ];
  for (const [y, z, halfWidth, halfDepth] of sacrum) {
    solids.push(...createPlate("sacrum", BONE, [0, y, z], [halfWidth, halfDepth, 16], 0, 0.45, 1.8));
  }
  for (const [y, z] of [
    [58, 84],
    [70, 60],
    [80, 38],
  ]) {
    solids.push(makeEllipsoid("sacral canal", tissues.water, [0, y, z], [9, 4.5, 14], turnAxes(0, 0.45)));
    for (const side of [-1, 1]) {
      solids.push(
        makeTube("sacral foramen", tissues.adipose, [side * 22, y - 22, z - 6], [side * 22, y + 4, z], 4),
      );
    }
  }
  for (const side of [-1, 1]) {
    const s = side * wide;
    // Iliac wing: three plates from the sacroiliac joint to the front spine, one above the hip.
    solids.push(
      ...createPlate("ilium", BONE, [s * 66, 52, 66], [34, 9, 46], side * -0.95, 0, 1.8),
      ...createPlate("ilium", BONE, [s * 92, 22, 78], [44, 6, 50], side * -1.12, 0, 1.6),
      ...createPlate("ilium", BONE, [s * 112, -16, 66], [38, 7.5, 44], side * -1.35, 0, 1.7),
      ...createPlate("ilium", BONE, [s * 92, 14, 24], [46, 12, 34], side * -1.15, 0, 2),
    );
    const hip: Vector3 = [s * 88, -4, -18];
    // Pubis and sit bone.
    solids.push(
      ...buildBoneTube(
        "pubis",
        [
          [s * 74, -26, -14],
          [s * 42, -58, -34],
          [side * 8, -66, -46],
        ],
        9,
        1.8,
      ),
      ...buildBoneTube(
        "pubis",
        [
          [side * 9, -64, -46],
          [s * 30, -38, -76],
          [s * 52, 6, -88],
        ],
        7.5,
        1.6,
      ),
      ...buildBoneTube(
        "sit bone",
        [
          [s * 76, 26, -26],
          [s * 66, 34, -56],
          [s * 56, 22, -86],
        ],
        13,
        2,
      ),
      makeBall("hip socket", BONE.cortex, hip, 34),
      makeBall("hip socket core", BONE.core, hip, 32),
    );
    // The socket opens outward and down.
    solids.push({
      ...makeBall("joint capsule", tissues.muscle, hip, 34.2),
      clips: [
        {
          normal: [-side * 0.8, 0, 0.6],
          offsetMm: -side * 0.8 * hip[0] + 0.6 * hip[2] - 9,
        },
      ],
    });
    solids.push(makeBall("joint cartilage", tissues.cartilage, hip, 27.5));
  }
  solids.push(makeEllipsoid("pubic symphysis", tissues.cartilage, [0, -66, -46], [3.5, 10, 17]));
  return solids;
}

function buildFemur(side: number, wide: number): MaterialSolid[] {
  const hip: Vector3 = [side * wide * 88, -4, -18];
  const neck: Vector3 = moveAlong(hip, [side * 46, 14, -36]);
  const trochanter: Vector3 = moveAlong(hip, [side * 56, 18, -26]);
  const shaft: Vector3 = moveAlong(hip, [side * 46, 12, -132]);
  return [
    makeTaper("femur", BONE.cortex, hip, neck, 16, 20),
    makeEllipsoid("femur", BONE.cortex, trochanter, [16, 20, 24]),
    makeTaper("femur", BONE.cortex, neck, shaft, 20, 15),
    makeBall("femoral head", BONE.cortex, hip, 24.5),
    makeTaper("femur core", BONE.core, hip, neck, 14, 18),
    makeEllipsoid("femur core", BONE.core, trochanter, [14.4, 18.4, 22.4]),
    makeTaper("femur marrow", tissues.marrow, neck, shaft, 17, 8),
    makeBall("femoral head core", BONE.core, hip, 22.8),
  ];
}

function buildProsthesis(side: number, wide: number, stem: Material, ball: Material): MaterialSolid[] {
  const hip: Vector3 = [side * wide * 88, -4, -18];
  const neck: Vector3 = moveAlong(hip, [side * 40, 12, -34]);
  const tip: Vector3 = moveAlong(hip, [side * 46, 12, -130]);
  const opening: Vector3 = [-side * 0.8, 0, 0.6];
  const clip = (lift: number) => [
    {
      normal: [-opening[0], -opening[1], -opening[2]] as const,
      offsetMm: -(opening[0] * hip[0] + opening[1] * hip[1] + opening[2] * hip[2]) + lift,
    },
  ];
  return [
    // The head and neck of the bone are gone.
    { ...makeBall("joint capsule", tissues.muscle, hip, 27.5) },
    { ...makeBall("prosthesis cup", stem, hip, 27.5), clips: clip(4) },
    { ...makeBall("prosthesis liner", tissues.polyethylene, hip, 23.5), clips: clip(5) },
    makeTaper("prosthesis stem", stem, neck, tip, 9.5, 5),
    makeTaper("prosthesis neck", stem, hip, neck, 6.5, 9),
    makeBall("prosthesis neck", stem, neck, 9.5),
    makeBall("prosthesis ball", ball, hip, 16),
  ];
}

function buildOrgans(
  options: Required<Pick<PelvisPhantomOptions, "sex" | "rectalGas">>,
  blood: Material,
): MaterialSolid[] {
  const { water, muscle, softTissue, bowel, air } = tissues;
  const rectum: Vector3[] = [
    [0, 48, -72],
    [0, 52, -30],
    [-4, 46, 0],
    [10, 30, 30],
    [38, 8, 56],
    [66, -2, 84],
    [72, -4, 140],
  ];
  const solids: MaterialSolid[] = [
    ...makeTubePath("rectum wall", softTissue, rectum, (i) => [12, 19, 18, 15, 14, 14, 14][i]),
    ...makeTubePath("rectum", bowel, rectum, (i) => [4, 15, 15, 12, 11, 11, 11][i]),
    makeEllipsoid("bladder wall", muscle, [0, -28, -6], [43, 33, 31]),
    makeEllipsoid("bladder", water, [0, -28, -6], [39.5, 29.5, 27.5]),
  ];
  if (options.rectalGas) {
    solids.push(makeEllipsoid("rectal gas", air, [-1, 46, -18], [11, 8, 20]));
    solids.push(makeEllipsoid("bowel gas", air, [72, -9, 112], [8, 6, 16]));
  }
  if (options.sex === "male") {
    solids.push(
      makeEllipsoid("prostate", { ...softTissue, name: "prostate" }, [0, 6, -50], [25, 18, 20]),
      ...[-1, 1].map((side) =>
        makeEllipsoid("seminal vesicle", softTissue, [side * 17, 18, -20], [18, 6, 7], turnAxes(side * 0.3)),
      ),
    );
  } else {
    solids.push(
      makeEllipsoid("uterus", { ...muscle, name: "uterus" }, [3, 6, 34], [28, 22, 30], turnAxes(0.1, 0.6)),
      makeEllipsoid("uterine cavity", softTissue, [3, 6, 34], [14, 3, 18], turnAxes(0.1, 0.6)),
      makeEllipsoid("vagina", softTissue, [0, 16, -30], [16, 6, 36]),
      ...[-1, 1].map((side) => makeEllipsoid("ovary", softTissue, [side * 44, 10, 36], [11, 8, 14])),
    );
  }
  // Small bowel and vessels.
  for (const [x, y, z, r] of [
    [-20, -48, 62, 16],
    [18, -52, 58, 15],
    [-48, -36, 74, 15],
    [-6, -30, 88, 16],
    [40, -48, 88, 16],
    [-30, -52, 108, 16],
    [16, -50, 122, 17],
    [-62, -30, 118, 17],
  ]) {
    solids.push(makeEllipsoid("small bowel", bowel, [x, y, z], [1.3 * r, r, r], turnAxes(x * 0.02)));
  }
  for (const side of [-1, 1]) {
    solids.push(
      ...makeTubePath(
        "iliac artery",
        blood,
        [
          [side * 5, 4, 150],
          [side * 36, 6, 90],
          [side * 66, -24, 30],
          [side * 70, -70, -40],
          [side * 78, -62, -140],
        ],
        5,
      ),
      ...makeTubePath(
        "iliac vein",
        blood,
        [
          [side * 12, 14, 150],
          [side * 42, 18, 90],
          [side * 60, -12, 26],
          [side * 58, -64, -40],
          [side * 66, -58, -140],
        ],
        6,
      ),
    );
  }
  return solids;
}

/**
 * Makes the pelvis phantom.
 *
 * @returns solids of materials from z −150 (thighs) to +150 mm (lumbar spine); hip joints at z −18
 * @throws PhysicsError `BAD_MATERIAL`
 * Tested: regions of one material, metal only where a prosthesis is asked for, every option.
 */
export function createPelvisPhantom(options: PelvisPhantomOptions = {}): AnatomicalPhantom {
  const {
    sex = "male",
    prosthesis = "none",
    stemMaterial = tissues.titanium,
    ballMaterial = tissues.cobaltChromium,
    rectalGas = true,
    iodineMgPerMl = 0,
  } = options;
  const blood = createContrastBlood(iodineMgPerMl);
  const wide = sex === "female" ? 1.05 : 1;
  const solids = [...buildSoftParts(), ...buildPelvicBones(wide), ...buildOrgans({ sex, rectalGas }, blood)];
  const regions: PhantomRegion[] = [
    { label: "bladder", centreMm: [0, -28, -6], radiusMm: 18, material: tissues.water },
    { label: "gluteal muscle", centreMm: [-94, 70, -5], radiusMm: 7, material: tissues.muscle },
    { label: "lumbar vertebra", centreMm: [0, 28, 112], radiusMm: 7, material: tissues.spongiosa },
  ];
  for (const [name, side] of [
    ["right", -1],
    ["left", 1],
  ] as const) {
    const hip: Vector3 = [side * wide * 88, -4, -18];
    if (prosthesis === name || prosthesis === "both") {
      const shaft = buildFemur(side, wide).filter(
        ({ label, shape }) => !label?.includes("head") && Math.abs(shape.centreMm[0]) > Math.abs(hip[0]) + 30,
      );
      solids.push(...shaft, ...buildProsthesis(side, wide, stemMaterial, ballMaterial));
      regions.push({ label: `${name} hip`, centreMm: hip, radiusMm: 5, material: ballMaterial });
    } else {
      solids.push(...buildFemur(side, wide));
      regions.push({ label: `${name} hip`, centreMm: hip, radiusMm: 14, material: tissues.spongiosa });
    }
  }
  const cut = solids.map((solid) => ({
    ...solid,
    clips: [...(solid.clips ?? []), ...DOWN, { normal: [0, 0, 1] as const, offsetMm: 150 }],
  }));
  return createAnatomicalPhantom("pelvis", cut, regions, [190, 128, 150]);
}
