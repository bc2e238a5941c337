/**
 * The structured coronary phantom (after Higaki 2024, doi 10.1016/j.ejro.2024.100570): a chest with
 * ribs and vertebrae of plaster, a left ventricle with dilute contrast, a coronary artery with a stenosis and one
 * with a stent. The paper gives no drawing: sizes here are an adult's, not that phantom's.
 */
import type { Vector3 } from "@alara/core";
import type { Material } from "../../materials/material.ts";
import {
  type AnatomicalPhantom,
  checkRange,
  createAnatomicalPhantom,
  type PhantomRegion,
} from "./anatomy.ts";
import { type MaterialSolid, makeColumn, makeEllipsoid, makeTaper, makeTube, turnAxes } from "./shapes.ts";
import { createRib, createVertebra } from "./skeleton.ts";
import { createCalcifiedTissue, createContrastBlood, tissues } from "./tissues.ts";

/** The stent of a {@link createCoronaryPhantom}. */
export interface StentOptions {
  /** Outer diameter, mm; default the vessel's. */
  readonly diameterMm?: number;
  /** Default 18. */
  readonly lengthMm?: number;
  /** Width and depth of the struts, mm; default 0.1. */
  readonly strutMm?: number;
  /** Distance of the rings, mm; default 1.5. */
  readonly ringPitchMm?: number;
  /** Struts along the vessel that join the rings; default 6. */
  readonly connectors?: number;
  /** Default stainless steel. */
  readonly material?: Material;
}

/** Options of {@link createCoronaryPhantom}. */
export interface CoronaryPhantomOptions {
  /** Iodine in the arteries, mg/mL; default 14 (about 360 HU above blood at 70 keV). */
  readonly arteryIodineMgPerMl?: number;
  /** Iodine in the left ventricle, mg/mL; default 10. */
  readonly ventricleIodineMgPerMl?: number;
  /** Diameter of the open lumen of both arteries, mm; default 3.5. */
  readonly vesselDiameterMm?: number;
  /** Narrowing of the lumen's diameter, 0..100 %; 50 % by diameter is 75 % by area. Default 50. */
  readonly stenosisPercent?: number;
  /** Length of the narrowest part, mm; the lumen narrows over 2 mm at each end. Default 8. */
  readonly stenosisLengthMm?: number;
  /** Default `"soft"`. */
  readonly plaque?: "soft" | "calcified";
  /** Hydroxyapatite of calcified plaque, mg/cm³; default 800. */
  readonly plaqueHydroxyapatiteMgPerCm3?: number;
  /** `null` leaves the stent out; default a stent of {@link StentOptions}' defaults. */
  readonly stent?: StentOptions | null;
  /** Half length of the chest along z, mm; default 110. */
  readonly halfLengthMm?: number;
}

/** Centre of the heart. */
const HEART: Vector3 = [22, -24, 0];
/** The artery with the stenosis and the one with the stent, both along z. */
const STENOSED: Vector3 = [10, -72, 0];
const STENTED: Vector3 = [76, -16, 0];
const TRANSITION_MM = 2;

/**
 * Makes the structured coronary phantom.
 *
 * @returns solids of materials; the stenosis is centred on z = 0 at x 10, y −72 mm, the stent at x 76, y −16 mm
 * @throws PhysicsError `OUT_OF_RANGE`, `BAD_MATERIAL`
 * Tested: lumen diameters and lengths along rays, regions of one material, stent struts, every option.
 */
export function createCoronaryPhantom(options: CoronaryPhantomOptions = {}): AnatomicalPhantom {
  const {
    arteryIodineMgPerMl = 14,
    ventricleIodineMgPerMl = 10,
    vesselDiameterMm = 3.5,
    stenosisPercent = 50,
    stenosisLengthMm = 8,
    plaque = "soft",
    plaqueHydroxyapatiteMgPerCm3 = 800,
    stent = {},
    halfLengthMm = 110,
  } = options;
  checkRange("vesselDiameterMm", vesselDiameterMm, 0.5, 8, "coronary arteries have 1.5 to 5");
  checkRange("stenosisPercent", stenosisPercent, 0, 100, "state the narrowing of the diameter, e.g. 50");
  checkRange("stenosisLengthMm", stenosisLengthMm, 0.5, 40, "pass e.g. 8");
  checkRange("halfLengthMm", halfLengthMm, 60, 1000, "the heart alone takes 60");
  const ventricle = createContrastBlood(ventricleIodineMgPerMl);
  const lumen = createContrastBlood(arteryIodineMgPerMl);
  const plaqueMaterial =
    plaque === "calcified" ? createCalcifiedTissue(plaqueHydroxyapatiteMgPerCm3) : tissues.softTissue;
  const plaster = { cortex: tissues.plaster, core: tissues.plaster };

  const solids: MaterialSolid[] = [
    makeColumn("fat", tissues.adipose, [0, 0, 0], [162, 112], halfLengthMm),
    makeColumn("chest wall", tissues.softTissue, [0, 0, 0], [154, 104], halfLengthMm),
  ];
  for (const side of [-1, 1]) {
    solids.push(
      makeEllipsoid("lung", tissues.lung, [side * 72, 2, 0], [58, 84, 1.35 * halfLengthMm], undefined, [
        { normal: [0, 0, 1], offsetMm: halfLengthMm },
        { normal: [0, 0, -1], offsetMm: halfLengthMm },
      ]),
    );
  }
  solids.push(makeColumn("mediastinum", tissues.softTissue, [0, 30, 0], [30, 46], halfLengthMm));

  // Vertebrae and ribs of plaster.
  const pitch = 25;
  const levels = Math.floor((halfLengthMm - 12) / pitch);
  for (let level = -levels; level <= levels; level++) {
    solids.push(
      ...createVertebra({
        bone: plaster,
        centreMm: [0, 52, level * pitch],
        scale: 1.05,
        pitchMm: pitch,
        canal: tissues.softTissue,
      }),
    );
  }
  for (let level = -levels - 2; level <= levels + 3; level++) {
    for (const side of [-1, 1]) {
      const arc = {
        centreMm: [0, 0, level * pitch] as const,
        semiAxesMm: [141, 95] as const,
        tiltRad: 0.38,
        side,
        fromRad: 0.3,
        toRad: 2.75,
      };
      solids.push(
        ...createRib({ bone: plaster, arc }).filter(
          ({ shape }) => Math.abs(shape.centreMm[2]) < halfLengthMm - 14,
        ),
      );
    }
  }

  // Heart: fat around muscle around the ventricle with contrast.
  const axes = turnAxes(0.6, 0.35);
  solids.push(
    makeEllipsoid("epicardial fat", tissues.adipose, HEART, [60, 54, 58], axes),
    makeEllipsoid("myocardium", tissues.muscle, HEART, [53, 46, 52], axes),
    makeEllipsoid("left ventricle", ventricle, [34, -20, -4], [24, 21, 34], axes),
    makeEllipsoid("right ventricle", tissues.blood, [-6, -34, -2], [14, 24, 30], turnAxes(0.5)),
  );

  // Arteries in fat.
  const radius = vesselDiameterMm / 2;
  const wall = 0.7;
  const reach = 36;
  for (const [x, y] of [STENOSED, STENTED]) {
    solids.push(
      makeColumn("epicardial fat", tissues.adipose, [x, y, 0], [radius + 6, radius + 6], reach + 6),
      makeColumn("artery wall", tissues.softTissue, [x, y, 0], [radius + wall, radius + wall], reach),
      makeColumn("artery lumen", lumen, [x, y, 0], [radius, radius], reach),
    );
  }
  const narrow = radius * (1 - stenosisPercent / 100);
  const half = stenosisLengthMm / 2;
  const [sx, sy] = STENOSED;
  if (stenosisPercent > 0) {
    solids.push(makeColumn("plaque", plaqueMaterial, [sx, sy, 0], [radius, radius], half + TRANSITION_MM));
    for (const side of [-1, 1]) {
      solids.push(
        makeTaper(
          "artery lumen",
          lumen,
          [sx, sy, side * half],
          [sx, sy, side * (half + TRANSITION_MM)],
          narrow,
          radius,
        ),
      );
    }
    if (narrow > 0) solids.push(makeColumn("stenosis lumen", lumen, [sx, sy, 0], [narrow, narrow], half));
  }
  const regions: PhantomRegion[] = [
    { label: "left ventricle", centreMm: [34, -20, -4], radiusMm: 14, material: ventricle },
    { label: "myocardium", centreMm: [30, 12, 0], radiusMm: 3, material: tissues.muscle },
    { label: "artery lumen", centreMm: [sx, sy, 25], radiusMm: 0.7 * radius, material: lumen },
    {
      label: "epicardial fat",
      centreMm: [sx, sy - radius - 3.4, 0],
      radiusMm: 1.6,
      material: tissues.adipose,
    },
    { label: "lung", centreMm: [-85, 0, 0], radiusMm: 20, material: tissues.lung },
    { label: "vertebra", centreMm: [0, 52, 0], radiusMm: 8, material: tissues.plaster },
    { label: "chest wall", centreMm: [-25, 92, 0], radiusMm: 4, material: tissues.softTissue },
  ];
  if (narrow > 0 && stenosisPercent > 0) {
    regions.push({
      label: "stenosis lumen",
      centreMm: [sx, sy, 0],
      radiusMm: Math.min(0.8 * narrow, half),
      material: lumen,
    });
  }

  if (stent !== null) {
    const {
      diameterMm = vesselDiameterMm,
      lengthMm = 18,
      strutMm = 0.1,
      ringPitchMm = 1.5,
      connectors = 6,
      material = tissues.steel,
    } = stent;
    checkRange("stent.strutMm", strutMm, 0.01, 0.45 * diameterMm, "struts have about 0.06 to 0.15 mm");
    checkRange(
      "stent.diameterMm",
      diameterMm,
      strutMm,
      vesselDiameterMm + 2 * wall,
      "it must fit the vessel",
    );
    checkRange("stent.lengthMm", lengthMm, ringPitchMm, 2 * reach - 10, "pass e.g. 18");
    checkRange("stent.ringPitchMm", ringPitchMm, 1.5 * strutMm, lengthMm, "rings must not touch");
    checkRange("stent.connectors", connectors, 0, 40, "pass e.g. 6");
    const [x, y] = STENTED;
    const outer = diameterMm / 2;
    const inner = outer - strutMm;
    const rings = Math.floor(lengthMm / ringPitchMm) + 1;
    const first = -((rings - 1) * ringPitchMm) / 2;
    for (let ring = 0; ring < rings; ring++) {
      const z = first + ring * ringPitchMm;
      solids.push(makeColumn("stent", material, [x, y, z], [outer, outer], strutMm / 2));
      solids.push(makeColumn("artery lumen", lumen, [x, y, z], [inner, inner], strutMm / 2));
    }
    for (let i = 0; i < connectors; i++) {
      const angle = (2 * Math.PI * (i + 0.25)) / connectors;
      const px = x + (outer - strutMm / 2) * Math.cos(angle);
      const py = y + (outer - strutMm / 2) * Math.sin(angle);
      solids.push(makeTube("stent", material, [px, py, first], [px, py, -first], strutMm / 2));
    }
    regions.push({ label: "stent lumen", centreMm: [x, y, 0], radiusMm: 0.8 * inner, material: lumen });
  }
  return createAnatomicalPhantom("coronary", solids, regions, [165, 115, halfLengthMm]);
}
