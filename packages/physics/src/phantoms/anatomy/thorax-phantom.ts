/**
 * A thorax in three dimensions: lungs with vessels and airways, heart with chambers, great vessels, spine with
 * processes, ribs, sternum, shoulder girdle, upper liver and stomach; nodules and arms at will. Rough anatomy of
 * an adult lying on the back; nothing moves.
 */
import { createRandom, type Random, type Vector3 } from "@alara/core";
import type { Material } from "../../materials/material.ts";
import {
  type AnatomicalPhantom,
  checkCount,
  checkRange,
  createAnatomicalPhantom,
  type PhantomRegion,
} from "./anatomy.ts";
import {
  type MaterialSolid,
  makeBall,
  makeBox,
  makeColumn,
  makeEllipsoid,
  makeTube,
  makeTubePath,
  moveAlong,
  sampleArc,
  turnAxes,
} from "./shapes.ts";
import { createLongBone, createPlate, createRib, createVertebra } from "./skeleton.ts";
import { createContrastBlood, tissues } from "./tissues.ts";
import { growVesselTree } from "./vessel-tree.ts";

/** A nodule of a {@link createThoraxPhantom}. */
export interface NoduleOptions {
  readonly centreMm: Vector3;
  readonly radiusMm: number;
  /** Default soft tissue. */
  readonly material?: Material;
}

/** Options of {@link createThoraxPhantom}. */
export interface ThoraxPhantomOptions {
  /** Varies vessels, nodules and small things; default 1. */
  readonly seed?: number;
  /** Iodine in heart and vessels, mg/mL; default 0. */
  readonly iodineMgPerMl?: number;
  /** Nodules at given places, or how many to draw; default 0. */
  readonly nodules?: number | readonly NoduleOptions[];
  /** Default `"absent"` (raised). */
  readonly arms?: "absent" | "down";
  /** How often lung vessels split, 0..7; default 6. */
  readonly vesselGenerations?: number;
}

const BONE = { cortex: tissues.corticalBone, core: tissues.spongiosa };
const LUNG_CENTRE: readonly [number, number, number] = [69, 4, -10];
const LUNG_SEMI: Vector3 = [57, 82, 144];
/** Lower end of the phantom. */
const BOTTOM_MM = -190;
const BOTTOM = [{ normal: [0, 0, -1], offsetMm: -BOTTOM_MM }] as const;

/** Curve of the spine: y over z, backward in the middle of the chest. */
function locateSpine(z: number): Vector3 {
  return [0, 56 - 0.0011 * (z - 10) ** 2, z];
}

function isInLung(side: number, [x, y, z]: Vector3, share: number): boolean {
  const u = (x - side * LUNG_CENTRE[0]) / LUNG_SEMI[0];
  const v = (y - LUNG_CENTRE[1]) / LUNG_SEMI[1];
  const w = (z - LUNG_CENTRE[2]) / LUNG_SEMI[2];
  if (u * u + v * v + w * w > share * share) return false;
  // The domes of the diaphragm.
  const top = side < 0 ? -62 : -76;
  return z > top - 55 * ((x / 62 - side) ** 2 + (y / 95) ** 2) + 6;
}

function buildTrunk(hasArms: boolean): MaterialSolid[] {
  const { adipose, muscle, softTissue } = tissues;
  const solids: MaterialSolid[] = [];
  if (hasArms) {
    for (const side of [-1, 1]) {
      const shoulder: Vector3 = [side * 168, 18, 116];
      const elbow: Vector3 = [side * 215, 30, -190];
      solids.push(
        makeTube("arm", adipose, shoulder, elbow, 45),
        makeBall("arm", adipose, shoulder, 50),
        makeTube("arm", muscle, shoulder, elbow, 37),
        ...createLongBone({
          label: "humerus",
          bone: BONE,
          marrow: tissues.marrow,
          fromMm: [side * 160, 18, 120],
          toMm: elbow,
          radiusMm: 11,
          endRadiusMm: 23,
        }),
      );
    }
  }
  // Fat outside, muscle inside: trunk, shoulders, neck.
  for (const [content, less] of [
    [adipose, 0],
    [muscle, 11],
  ] as const) {
    const label = content === adipose ? "fat" : "muscle";
    solids.push(
      makeColumn(label, content, [0, 4, -60], [166 - less, 114 - less], 130),
      makeEllipsoid(label, content, [0, 4, 70], [166 - less, 114 - less, 95 - less]),
      makeEllipsoid(label, content, [0, 22, 118], [198 - less, 66 - less, 52 - less]),
      makeColumn(label, content, [0, 12, 165], [62 - less, 58 - less], 35),
    );
  }
  for (const side of [-1, 1]) {
    solids.push(
      makeEllipsoid("pectoral fat", adipose, [side * 70, -78, 25], [58, 28, 52]),
      makeEllipsoid("pectoral muscle", muscle, [side * 72, -82, 62], [60, 13, 46], turnAxes(side * 0.25)),
      makeEllipsoid("back muscle", muscle, [side * 36, 82, -20], [30, 20, 170]),
      makeEllipsoid("axillary fat", adipose, [side * 138, 10, 70], [18, 40, 45]),
    );
  }
  // What fills the chest between the organs.
  solids.push(makeEllipsoid("mediastinum", softTissue, [0, 2, -10], [128, 88, 165]));
  solids.push(makeEllipsoid("mediastinal fat", adipose, [0, -10, 20], [42, 70, 110]));
  return solids;
}

function buildLungs(random: Random, blood: Material, generations: number): MaterialSolid[] {
  const solids: MaterialSolid[] = [];
  for (const side of [-1, 1]) {
    const centre: Vector3 = [side * LUNG_CENTRE[0], LUNG_CENTRE[1], LUNG_CENTRE[2]];
    solids.push(makeEllipsoid("lung", tissues.lung, centre, LUNG_SEMI));
  }
  for (const side of [-1, 1]) {
    const hilum: Vector3 = [side * 36, 6, 14];
    const isInside = (point: Vector3): boolean => isInLung(side, point, 0.95);
    const directions: readonly Vector3[] = [
      [side * 0.9, -0.6, 0.9],
      [side * 0.8, 0.5, 1],
      [side * 1, -0.9, 0.1],
      [side * 1, 0.7, 0],
      [side * 0.8, -0.4, -0.8],
      [side * 0.7, 0.7, -0.9],
      [side * 0.5, -0.8, -0.3],
      [side * 0.4, 0.2, 1.2],
    ];
    for (const towards of directions) {
      const tree = growVesselTree(random, {
        label: "lung vessel",
        content: blood,
        fromMm: hilum,
        towards,
        radiusMm: 4.2 + 1.2 * random.nextUniform(),
        lengthMm: 30 + 8 * random.nextUniform(),
        generations,
        isInside,
      });
      solids.push(...tree);
      const end = moveAlong(hilum, towards, 26);
      solids.push(makeTube("bronchus wall", tissues.softTissue, hilum, end, 3.4));
      solids.push(makeTube("bronchus", tissues.air, hilum, end, 2.4));
    }
  }
  return solids;
}

function buildHeart(blood: Material): MaterialSolid[] {
  const { adipose, muscle, softTissue } = tissues;
  const axes = turnAxes(0.65, 0.4);
  const heart: Vector3 = [20, -30, -28];
  const aortaPath: Vector3[] = [
    [6, -22, 4],
    [-8, -30, 30],
    [-8, -28, 52],
    [-1, -14, 68],
    [9, 6, 72],
    [17, 24, 64],
    [20, 34, 44],
    [18, 38, 0],
    [14, 36, -60],
    [8, 33, -190],
  ];
  return [
    makeEllipsoid("pericardial fat", adipose, heart, [62, 47, 55], axes),
    makeEllipsoid("myocardium", muscle, heart, [55, 41, 50], axes),
    makeEllipsoid("left ventricle", blood, [38, -28, -36], [26, 18, 24], axes),
    makeEllipsoid("right ventricle", blood, [6, -48, -36], [30, 15, 26], turnAxes(0.45, 0.3)),
    makeEllipsoid("right atrium", blood, [-22, -22, -22], [17, 20, 26]),
    makeEllipsoid("left atrium", blood, [12, 0, -8], [27, 15, 19]),
    // Veins to the left atrium, pulmonary trunk and its branches, caval vein.
    ...[-1, 1].map((side) => makeTube("pulmonary vein", blood, [12, 2, -4], [side * 42, 8, 2], 6)),
    ...makeTubePath(
      "pulmonary trunk",
      blood,
      [
        [14, -48, 2],
        [16, -30, 26],
        [18, -8, 34],
        [40, 6, 22],
      ],
      12,
    ),
    ...makeTubePath(
      "pulmonary trunk",
      blood,
      [
        [16, -14, 32],
        [-14, -8, 28],
        [-40, 4, 18],
      ],
      10,
    ),
    ...makeTubePath(
      "superior caval vein",
      blood,
      [
        [-26, -22, -5],
        [-26, -24, 40],
        [-22, -26, 90],
      ],
      9,
    ),
    ...makeTubePath("aorta", softTissue, aortaPath, 14.5),
    ...makeTubePath("aorta", blood, aortaPath, 13),
    ...makeTubePath(
      "carotid artery",
      blood,
      [
        [0, -12, 74],
        [-14, -10, 105],
        [-20, 0, 195],
      ],
      5,
    ),
    ...makeTubePath(
      "carotid artery",
      blood,
      [
        [10, 4, 76],
        [16, 0, 110],
        [20, 0, 195],
      ],
      5,
    ),
    ...[-1, 1].flatMap((side) =>
      makeTubePath(
        "subclavian artery",
        blood,
        [
          [side * 15, -2, 94],
          [side * 40, -12, 136],
          [side * 78, -16, 140],
          [side * 128, -2, 122],
        ],
        4.5,
      ),
    ),
  ];
}

function buildAirways(): MaterialSolid[] {
  const trachea: Vector3[] = [
    [0, 0, 200],
    [0, 4, 130],
    [0, 12, 46],
  ];
  const solids: MaterialSolid[] = [
    ...makeTubePath(
      "oesophagus",
      tissues.bowel,
      [
        [3, 20, 190],
        [2, 30, 60],
        [-2, 28, -60],
        [14, 18, -120],
      ],
      7,
    ),
  ];
  const mains = [-1, 1].map((side): Vector3[] => [
    [0, 12, 46],
    [side * 20, 12, 28],
    [side * 38, 7, 13],
  ]);
  for (const [content, radius, label] of [
    [tissues.cartilage, 10, "trachea wall"],
    [tissues.air, 8, "trachea"],
  ] as const) {
    solids.push(...makeTubePath(label, content, trachea, radius));
    for (const main of mains)
      solids.push(...makeTubePath(label, content, main, (i) => radius * (1 - 0.2 * i)));
  }
  return solids;
}

function buildUpperAbdomen(blood: Material): MaterialSolid[] {
  const { softTissue, bowel, air, adipose } = tissues;
  const liver: Material = { ...softTissue, name: "liver", densityGPerCm3: 1.06 };
  return [
    makeEllipsoid("diaphragm", tissues.muscle, [58, 0, -140], [66, 84, 70], undefined, BOTTOM),
    makeEllipsoid("abdominal fat", adipose, [0, 0, -170], [124, 86, 60], undefined, BOTTOM),
    makeEllipsoid("liver", liver, [-52, 0, -128], [76, 82, 66], undefined, BOTTOM),
    makeEllipsoid("liver", liver, [20, -34, -128], [70, 42, 44]),
    makeEllipsoid("spleen", { ...softTissue, name: "spleen" }, [86, 40, -128], [36, 38, 52]),
    makeEllipsoid("stomach", bowel, [62, -18, -130], [48, 46, 50]),
    makeEllipsoid("stomach gas", air, [62, -40, -118], [28, 16, 22]),
    makeTube("inferior caval vein", blood, [-24, 16, -190], [-23, -8, -48], 11),
  ];
}

function buildSpine(): MaterialSolid[] {
  const solids: MaterialSolid[] = [];
  const pitch = 24;
  for (let level = -7; level <= 7; level++) {
    const z = level * pitch + 4;
    solids.push(
      ...createVertebra({
        bone: BONE,
        centreMm: locateSpine(z),
        scale: 1.02 - 0.022 * level,
        pitchMm: pitch,
        canal: tissues.water,
        disc: tissues.cartilage,
      }),
    );
    solids.push(
      makeColumn("spinal cord", tissues.brain, moveAlong(locateSpine(z), [0, 19, 0]), [5, 4.2], 12),
    );
  }
  return solids;
}

function buildRibs(): MaterialSolid[] {
  const solids: MaterialSolid[] = [];
  for (let rib = 0; rib < 12; rib++) {
    const z = 128 - rib * 24;
    // The cage follows the lungs: narrow at the top, widest in the middle.
    const above = Math.max(0, z - 22);
    const below = Math.max(0, -z - 20);
    const width = 76 + 58 * Math.sqrt(Math.max(0.05, 1 - (above / 150) ** 2)) - 0.08 * below;
    const depth = 97 * Math.sqrt(1 - (above / 210) ** 2) - 0.05 * below;
    const spine = locateSpine(z);
    const tiltRad = 0.3 + 0.02 * Math.min(rib, 8);
    const toRad = rib < 7 ? 2.35 : rib < 10 ? 2.05 - 0.13 * (rib - 7) : 1.35 - 0.3 * (rib - 10);
    for (const side of [-1, 1]) {
      const arc = {
        // The arc's posterior end meets the spine at height z.
        centreMm: [0, 2, z - Math.sin(tiltRad) * depth * 0.9] as const,
        semiAxesMm: [width, depth] as const,
        tiltRad,
        side,
        fromRad: 0.28,
        toRad,
      };
      const points = sampleArc({ ...arc, fromRad: toRad, toRad: Math.min(2.85, toRad + 0.5) }, 4);
      if (rib < 10) {
        for (let i = 0; i < 4; i++) {
          solids.push(
            makeTube("costal cartilage", tissues.cartilage, points[i], points[i + 1], [6.5, 4.5], {
              near: [0, 0, 1],
              overlapMm: 1,
            }),
          );
        }
      }
      solids.push(...createRib({ bone: BONE, arc, pieces: 14 }));
      const first = sampleArc(arc, 14)[0];
      solids.push(
        makeTube("rib", BONE.cortex, first, moveAlong(spine, [side * 15, 12, 2]), [6, 4], {
          near: [0, 0, 1],
        }),
      );
    }
  }
  return solids;
}

function buildGirdle(): MaterialSolid[] {
  const solids: MaterialSolid[] = [
    makeBox("sternum", BONE.cortex, [0, -90, 62], [24, 6.5, 20], turnAxes(0, -0.3)),
    makeBox("sternum core", BONE.core, [0, -90, 62], [22.6, 5.1, 18.6], turnAxes(0, -0.3)),
    makeBox("sternum", BONE.cortex, [0, -97, -2], [16, 6, 48], turnAxes(0, -0.06)),
    makeBox("sternum core", BONE.core, [0, -97, -2], [14.6, 4.6, 46.6], turnAxes(0, -0.06)),
    makeEllipsoid("xiphoid", tissues.cartilage, [0, -97, -60], [9, 4, 18]),
  ];
  for (const side of [-1, 1]) {
    const inner: Vector3 = [side * 22, -74, 92];
    const middle: Vector3 = [side * 80, -58, 112];
    const outer: Vector3 = [side * 150, -5, 132];
    for (const [from, to] of [
      [inner, middle],
      [middle, outer],
    ]) {
      solids.push(makeTube("clavicle", BONE.cortex, from, to, 7, { overlapMm: 2 }));
      solids.push(makeTube("clavicle core", BONE.core, from, to, 5));
    }
    // Shoulder blade: two plates, its spine and the head of the humerus.
    solids.push(
      ...createPlate("scapula", BONE, [side * 105, 78, 62], [40, 4.2, 62], side * -0.62, 0, 1.3),
      ...createPlate("scapula", BONE, [side * 135, 48, 92], [24, 5.5, 24], side * -0.9, 0, 1.6),
      makeTube("scapula", BONE.cortex, [side * 82, 92, 84], [side * 150, 48, 118], [9, 3.5], {
        near: [0, 0, 1],
      }),
      makeBall("humerus", BONE.cortex, [side * 160, 18, 120], 24),
      makeBall("humerus core", BONE.core, [side * 160, 18, 120], 22),
    );
  }
  return solids;
}

/**
 * Makes the thorax phantom.
 *
 * @returns solids of materials from about z −190 (upper abdomen) to +200 mm (neck)
 * @throws PhysicsError `OUT_OF_RANGE`, `BAD_MATERIAL`
 * Tested: regions of one material, repeats with the seed, every option changes what it should.
 */
export function createThoraxPhantom(options: ThoraxPhantomOptions = {}): AnatomicalPhantom {
  const { seed = 1, iodineMgPerMl = 0, nodules = 0, arms = "absent", vesselGenerations = 6 } = options;
  checkCount("vesselGenerations", vesselGenerations, 7, "each generation doubles the vessels");
  const random = createRandom(seed);
  const blood = createContrastBlood(iodineMgPerMl);
  const placed: NoduleOptions[] =
    typeof nodules === "number" ? drawNodules(random.derive("nodules"), nodules) : [...nodules];
  for (const { radiusMm } of placed) checkRange("nodule radiusMm", radiusMm, 0.1, 60, "pass e.g. 4");
  const solids: MaterialSolid[] = [
    ...buildTrunk(arms === "down"),
    ...buildLungs(random.derive("vessels"), blood, vesselGenerations),
    ...placed.map(({ centreMm, radiusMm, material = tissues.softTissue }) =>
      makeBall("nodule", material, centreMm, radiusMm),
    ),
    ...buildUpperAbdomen(blood),
    ...buildHeart(blood),
    ...buildAirways(),
    ...buildSpine(),
    ...buildRibs(),
    ...buildGirdle(),
  ];
  const regions: PhantomRegion[] = [
    { label: "left ventricle", centreMm: [40, -28, -36], radiusMm: 12, material: blood },
    { label: "descending aorta", centreMm: [17.7, 37.9, -5], radiusMm: 8, material: blood },
    {
      label: "liver",
      centreMm: [-70, 0, -128],
      radiusMm: 25,
      material: solids.find(({ label }) => label === "liver")!.content,
    },
    { label: "vertebra", centreMm: locateSpine(4), radiusMm: 6, material: tissues.spongiosa },
    { label: "trachea", centreMm: [0, 4, 130], radiusMm: 6, material: tissues.air },
    ...placed.map(({ centreMm, radiusMm, material = tissues.softTissue }, i) => ({
      label: `nodule ${i + 1}`,
      centreMm,
      radiusMm: 0.9 * radiusMm,
      material,
    })),
  ];
  return createAnatomicalPhantom(
    "thorax",
    solids,
    regions,
    arms === "down" ? [262, 120, 245] : [200, 120, 202],
  );
}

/** Balls in the lungs, 2 to 10 mm in radius, apart from each other and from the hilum. */
function drawNodules(random: Random, count: number): NoduleOptions[] {
  checkCount("nodules", count, 40, "pass an integer or a list");
  const nodules: NoduleOptions[] = [];
  for (let attempt = 0; nodules.length < count && attempt < 20000; attempt++) {
    const side = random.nextUniform() < 0.5 ? -1 : 1;
    const at = (axis: 0 | 1 | 2): number => (2 * random.nextUniform() - 1) * LUNG_SEMI[axis];
    const centreMm: Vector3 = [side * LUNG_CENTRE[0] + at(0), LUNG_CENTRE[1] + at(1), LUNG_CENTRE[2] + at(2)];
    const radiusMm = 2 + 8 * random.nextUniform() ** 2;
    // Outside the heart's reach and inside one lung.
    if (!isInLung(side, centreMm, 0.78) || Math.abs(centreMm[0]) < 76 || centreMm[2] < -45) continue;
    const isFree = nodules.every(
      (other) =>
        Math.hypot(...([0, 1, 2] as const).map((k) => other.centreMm[k] - centreMm[k])) >
        other.radiusMm + radiusMm + 2,
    );
    if (isFree) nodules.push({ centreMm, radiusMm });
  }
  return nodules;
}
