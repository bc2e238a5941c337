/**
 * A mouse-like phantom for micro-CT: head with skull and teeth, trunk with heart, lungs, liver, kidneys, stomach and
 * bladder, spine with processes, ribs, limbs, tail. Sizes of a mouse of about 25 g lying on its belly, head to +z;
 * +y is the back. Not an atlas.
 */
import { createRandom, type Vector3 } from "@alara/core";
import {
  type AnatomicalPhantom,
  checkRange,
  createAnatomicalPhantom,
  type PhantomRegion,
} from "./anatomy.ts";
import { type MaterialSolid, makeBall, makeEllipsoid, makeTubePath, turnAxes } from "./shapes.ts";
import { createLongBone, createPlate, createRib, createVertebra } from "./skeleton.ts";
import { createContrastBlood, tissues } from "./tissues.ts";
import { growVesselTree } from "./vessel-tree.ts";

/** Options of {@link createMousePhantom}. */
export interface MousePhantomOptions {
  /** Varies lung vessels and bowel; default 1. */
  readonly seed?: number;
  /** Iodine in heart and vessels, mg/mL; default 0. */
  readonly iodineMgPerMl?: number;
  /** Radius of a tumour in the right lung, mm; 0 leaves it out; default 0. */
  readonly tumourRadiusMm?: number;
}

const BONE = { cortex: tissues.corticalBone, core: tissues.spongiosa };

/** Height of the spine above the axis: arched over the trunk, low at the neck. */
function locateSpine(z: number): Vector3 {
  return [0, 5.9 - 0.0036 * (z + 10) ** 2, z];
}

function buildBody(): MaterialSolid[] {
  const solids: MaterialSolid[] = [];
  for (const [content, less, label] of [
    [tissues.adipose, 0, "skin and fat"],
    [tissues.muscle, 0.7, "muscle"],
  ] as const) {
    solids.push(
      makeEllipsoid(label, content, [0, 0, -9], [12.5 - less, 11.5 - less, 31 - less]),
      makeEllipsoid(label, content, [0, 0.5, 13], [9.2 - less, 9.5 - less, 20 - less]),
      makeEllipsoid(label, content, [0, -0.5, 33], [6.8 - less, 7 - less, 12 - less]),
      makeEllipsoid(label, content, [0, -2, 41.5], [3.6 - less, 3.6 - less, 7 - less]),
      ...makeTubePath(
        label,
        content,
        [
          [0, 0, -36],
          [0, -3, -44],
          [1, -4, -56],
          [3, -4, -70],
        ],
        (i) => [3.4, 2.1, 1.6, 1][i] - 0.4 * less,
      ),
    );
    for (const side of [-1, 1]) {
      solids.push(
        makeEllipsoid(label, content, [side * 9.5, -4, -24], [4.6 - less, 5.5 - less, 7.5 - less]),
        ...makeTubePath(
          label,
          content,
          [
            [side * 12, -6, -20],
            [side * 13.5, -9.5, -32],
          ],
          2.6 - less,
        ),
        ...makeTubePath(
          label,
          content,
          [
            [side * 8.5, -4, 19],
            [side * 9.5, -8, 26],
          ],
          2.6 - less,
        ),
        makeEllipsoid(
          label,
          content,
          [side * 6.2, 6, 30],
          [2.6 - less * 0.9, 3.2 - less * 0.9, 1 - less * 0.9],
        ),
      );
    }
  }
  return solids;
}

function buildSkull(): MaterialSolid[] {
  const solids: MaterialSolid[] = [
    makeEllipsoid("skull", BONE.cortex, [0, 0.6, 32], [5.2, 4.6, 7.6]),
    makeEllipsoid("brain", tissues.brain, [0, 0.6, 32], [4.8, 4.2, 7.2]),
    makeEllipsoid("snout", BONE.cortex, [0, -1.4, 41], [2.4, 2.4, 5.6]),
    makeEllipsoid("nasal cavity", tissues.air, [0, -1.4, 41.4], [1.7, 1.7, 4.6]),
    makeEllipsoid("nasal septum", BONE.cortex, [0, -1.4, 41.4], [0.2, 1.7, 4.6]),
  ];
  for (const side of [-1, 1]) {
    solids.push(
      makeEllipsoid("tympanic bulla", BONE.cortex, [side * 3.6, -2.8, 27.4], [1.7, 1.7, 1.9]),
      makeEllipsoid("middle ear", tissues.air, [side * 3.6, -2.8, 27.4], [1.3, 1.3, 1.5]),
      makeBall("eye", tissues.water, [side * 4.4, 0.4, 37.6], 1.6),
      ...makeTubePath(
        "jaw",
        BONE.cortex,
        [
          [side * 4.2, -3.2, 30.5],
          [side * 2.8, -5, 36],
          [side * 0.8, -4.8, 43],
        ],
        0.55,
      ),
      ...makeTubePath(
        "tooth",
        BONE.cortex,
        [
          [side * 0.6, -4.6, 38],
          [side * 0.6, -4.6, 43],
          [side * 0.5, -3.4, 45.2],
        ],
        0.42,
      ),
      ...makeTubePath(
        "tooth",
        BONE.cortex,
        [
          [side * 0.6, -1.6, 43.5],
          [side * 0.6, -2.6, 45.6],
          [side * 0.5, -4, 46],
        ],
        0.42,
      ),
      makeEllipsoid("molars", BONE.cortex, [side * 1.7, -3.6, 37], [0.5, 0.9, 1.7]),
    );
  }
  return solids;
}

function buildOrgans(options: Required<MousePhantomOptions>): MaterialSolid[] {
  const { softTissue, muscle, water, bowel, adipose, lung, air } = tissues;
  const random = createRandom(options.seed);
  const blood = createContrastBlood(options.iodineMgPerMl);
  const solids: MaterialSolid[] = [];
  const lungs = [-1, 1].map((side) => ({
    side,
    centre: [side * 4, 0.3, 8.5] as const,
    semi: [3.7, 5.2, 8.8] as const,
  }));
  for (const { centre, semi } of lungs) solids.push(makeEllipsoid("lung", lung, centre, semi));
  for (const { side, centre, semi } of lungs) {
    const isInside = (p: Vector3): boolean =>
      ((p[0] - centre[0]) / semi[0]) ** 2 +
        ((p[1] - centre[1]) / semi[1]) ** 2 +
        ((p[2] - centre[2]) / semi[2]) ** 2 <
      0.85;
    for (const towards of [
      [side * 0.6, 0.4, 1],
      [side * 1, -0.3, 0.2],
      [side * 0.7, 0.6, -0.9],
    ] as const) {
      solids.push(
        ...growVesselTree(random, {
          label: "lung vessel",
          content: blood,
          fromMm: [side * 2, 1, 9],
          towards,
          radiusMm: 0.42,
          lengthMm: 2.6,
          generations: 4,
          isInside,
        }),
      );
    }
  }
  if (options.tumourRadiusMm > 0) {
    solids.push(makeBall("tumour", softTissue, [-4.6, 2, 7.5], options.tumourRadiusMm));
  }
  solids.push(
    makeEllipsoid("myocardium", muscle, [1, -2.4, 7.5], [3.4, 3.1, 4.1], turnAxes(0.5, 0.4)),
    makeEllipsoid("left ventricle", blood, [1.5, -2.3, 7.2], [1.7, 1.5, 2.5], turnAxes(0.5, 0.4)),
    makeEllipsoid("right ventricle", blood, [-1.1, -3, 8], [0.8, 1.4, 2.1], turnAxes(0.5, 0.4)),
    ...makeTubePath(
      "aorta",
      blood,
      [
        [0.6, -1, 10.5],
        [0.4, 0.6, 13],
        [0.8, 2.6, 11.5],
        [0.8, 3.4, 0],
        [0.4, 3.2, -22],
      ],
      0.55,
    ),
    ...makeTubePath(
      "caval vein",
      blood,
      [
        [-1.2, -1, 9],
        [-1.4, 0.6, 2],
        [-0.9, 2.8, -22],
      ],
      0.7,
    ),
    ...makeTubePath(
      "trachea",
      air,
      [
        [0, -1.6, 30],
        [0, -0.4, 18],
        [0, 0.8, 12],
      ],
      0.65,
    ),
    ...[-1, 1].flatMap((side) =>
      makeTubePath(
        "bronchus",
        air,
        [
          [0, 0.8, 12],
          [side * 2, 1, 10],
          [side * 2.6, 2, 5],
        ],
        (i) => [0.6, 0.5, 0.35][i],
      ),
    ),
    // Belly.
    makeEllipsoid("abdominal fat", adipose, [0, -1.2, -19], [9.6, 8.2, 15]),
    makeEllipsoid("liver", { ...softTissue, name: "liver" }, [0, -2, -2], [9.4, 7.2, 5.4]),
    makeEllipsoid("stomach wall", softTissue, [5.4, -1.4, -7], [3.8, 3.6, 3.2]),
    makeEllipsoid("stomach", bowel, [5.4, -1.4, -7], [3.3, 3.1, 2.7]),
    makeEllipsoid("stomach gas", air, [5.6, -2.8, -7], [1.4, 0.9, 1.2]),
    makeEllipsoid(
      "spleen",
      { ...softTissue, name: "spleen" },
      [8.6, 2.4, -11],
      [1.1, 1.6, 5],
      turnAxes(0.4, 0.3),
    ),
    makeEllipsoid("bladder", water, [0, -5.4, -32], [2.5, 2.2, 2.9]),
  );
  for (const side of [-1, 1]) {
    const z = side < 0 ? -9.5 : -13;
    solids.push(
      makeEllipsoid("kidney", { ...softTissue, name: "kidney" }, [side * 4.9, 3.4, z], [2.4, 2.7, 4.6]),
      makeEllipsoid("renal pelvis", adipose, [side * 4, 3.2, z], [0.8, 1, 1.8]),
    );
  }
  for (let i = 0; i < 26; i++) {
    const angle = 2 * Math.PI * random.nextUniform();
    const r = 6.4 * Math.sqrt(random.nextUniform());
    const at: Vector3 = [
      r * Math.cos(angle),
      -3.4 + 0.45 * r * Math.sin(angle),
      -14 - 14 * random.nextUniform(),
    ];
    const size = 1.2 + 0.8 * random.nextUniform();
    solids.push(
      makeEllipsoid("bowel", bowel, at, [size * 1.5, size, size], turnAxes(6.28 * random.nextUniform())),
    );
    if (i % 7 === 0) solids.push(makeBall("bowel gas", air, at, 0.5 * size));
  }
  return solids;
}

function buildSpineAndRibs(): MaterialSolid[] {
  const solids: MaterialSolid[] = [];
  for (let i = 0; i < 30; i++) {
    const z = 24 - 2.05 * i;
    solids.push(
      ...createVertebra({
        bone: BONE,
        centreMm: locateSpine(z),
        scale: 0.064 + 0.0008 * Math.min(i, 22),
        pitchMm: 2.05,
        spinousTiltRad: i < 13 ? 0.7 : 0.3,
        canal: tissues.brain,
        disc: tissues.cartilage,
      }),
    );
  }
  for (let i = 0; i < 13; i++) {
    const z = 17.5 - 2.05 * i;
    const [, spineY] = locateSpine(z);
    const swell = Math.sin((Math.PI * (i + 2.5)) / 17);
    for (const side of [-1, 1]) {
      const arc = {
        centreMm: [0, spineY - 5.6, z] as const,
        semiAxesMm: [4.6 + 3.9 * swell, 6 + 1.3 * swell] as const,
        tiltRad: 0.3,
        side,
        fromRad: 0.15,
        toRad: i < 7 ? 2.9 : 2.7 - 0.2 * (i - 6),
      };
      // Posterior ends at the spine: the tilt lifts them.
      const lifted = {
        ...arc,
        centreMm: [0, arc.centreMm[1], z - Math.sin(0.3) * arc.semiAxesMm[1]] as const,
      };
      solids.push(
        ...createRib({
          bone: BONE,
          arc: lifted,
          halfHeightMm: 0.34,
          halfThicknessMm: 0.24,
          cortexMm: 0.1,
          pieces: 12,
        }),
      );
    }
  }
  for (let i = 0; i < 5; i++) {
    solids.push(
      makeEllipsoid("sternum", BONE.cortex, [0, -7.9 - 0.1 * i, 16.5 - 2.7 * i], [0.7, 0.35, 1.15]),
    );
  }
  // Tail.
  for (let i = 0; i < 9; i++) {
    const z = -40 - 3 * i;
    solids.push(
      makeEllipsoid(
        "tail vertebra",
        BONE.cortex,
        [Math.max(0, -(z + 50) * 0.12), -2.6 - 0.07 * (i + 5), z],
        [0.62, 0.62, 1.25],
      ),
    );
  }
  return solids;
}

function buildLimbs(): MaterialSolid[] {
  const solids: MaterialSolid[] = [];
  const bone = (label: string, fromMm: Vector3, toMm: Vector3, radiusMm: number): void => {
    solids.push(
      ...createLongBone({
        label,
        bone: BONE,
        marrow: tissues.marrow,
        fromMm,
        toMm,
        radiusMm,
        endRadiusMm: 1.7 * radiusMm,
      }),
    );
  };
  for (const side of [-1, 1]) {
    solids.push(
      ...createPlate("pelvis", BONE, [side * 3.6, 3.2, -26], [0.6, 1.4, 6.5], 0, -0.25, 0.25),
      ...makeTubePath(
        "pelvis",
        BONE.cortex,
        [
          [side * 3.8, 1, -29],
          [side * 3, -2.4, -34],
          [side * 0.6, -3, -34],
        ],
        0.55,
      ),
      ...createPlate("scapula", BONE, [side * 5.6, 3.6, 17], [0.35, 3.2, 4.2], side * 0.35, 0.2, 0.12),
      ...makeTubePath(
        "clavicle",
        BONE.cortex,
        [
          [side * 0.6, -6.6, 18.5],
          [side * 5.4, -1.6, 20],
        ],
        0.28,
      ),
    );
    bone("femur", [side * 5, 0.6, -29], [side * 10.5, -6.4, -18.5], 0.75);
    bone("tibia", [side * 10.8, -7.2, -18.8], [side * 13, -9.2, -33.5], 0.6);
    bone("humerus", [side * 6.4, -1.4, 20], [side * 8.6, -5.2, 13], 0.6);
    bone("radius", [side * 8.7, -5.4, 13], [side * 9.4, -8, 25], 0.42);
  }
  return solids;
}

/**
 * Makes the mouse phantom.
 *
 * @returns solids of materials within 15 mm of the axis, from z −70 (tail) to +49 mm (nose)
 * @throws PhysicsError `OUT_OF_RANGE`, `BAD_MATERIAL`
 * Tested: regions of one material, repeats with the seed, every option.
 */
export function createMousePhantom(options: MousePhantomOptions = {}): AnatomicalPhantom {
  const { seed = 1, iodineMgPerMl = 0, tumourRadiusMm = 0 } = options;
  checkRange("tumourRadiusMm", tumourRadiusMm, 0, 3, "the lung is 7 mm wide");
  const solids = [
    ...buildBody(),
    ...buildSkull(),
    ...buildOrgans({ seed, iodineMgPerMl, tumourRadiusMm }),
    ...buildSpineAndRibs(),
    ...buildLimbs(),
  ];
  const find = (label: string): MaterialSolid => solids.find((solid) => solid.label === label)!;
  const regions: PhantomRegion[] = [
    {
      label: "left ventricle",
      centreMm: [1.5, -2.3, 7.2],
      radiusMm: 1,
      material: find("left ventricle").content,
    },
    { label: "brain", centreMm: [0, 1, 32], radiusMm: 3, material: tissues.brain },
    { label: "liver", centreMm: [-5, -2, -2], radiusMm: 1.6, material: find("liver").content },
    { label: "bladder", centreMm: [0, -5.6, -32], radiusMm: 1.4, material: tissues.water },
    { label: "femur marrow", centreMm: [7.75, -2.9, -23.75], radiusMm: 0.4, material: tissues.marrow },
  ];
  if (tumourRadiusMm > 0) {
    regions.push({
      label: "tumour",
      centreMm: [-4.6, 2, 7.5],
      radiusMm: 0.9 * tumourRadiusMm,
      material: tissues.softTissue,
    });
  }
  return createAnatomicalPhantom("mouse", solids, regions, [17, 13, 72]);
}
