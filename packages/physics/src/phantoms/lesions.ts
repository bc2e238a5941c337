/**
 * Lesions of known size, contrast and edge put into phantoms, and the same phantom without: truth pairs for detection
 * and for the response of enhancement. A lesion replaces what it covers by one content; a soft edge is a nest of
 * shells, so that line integrals stay exact for the stepped profile.
 */
import type { Vector3 } from "@alara/core";
import { PhysicsError } from "../errors.ts";
import { computeMuPerMm } from "../materials/attenuation.ts";
import type { Material } from "../materials/material.ts";
import { materials } from "../materials/materials.ts";
import { withDensity } from "../materials/mixtures.ts";
import type { MaterialPhantom, Solid, SolidPhantom, SolidShape, ValuePhantom } from "./solid.ts";
import { createSolidTracer } from "./trace-solids.ts";

/** A lesion's form. */
export interface LesionForm {
  /** `"sphere"`, or `"rod"`: a round rod along z. Default `"sphere"`. */
  readonly shape?: "sphere" | "rod";
  readonly centreMm: Vector3;
  /** Where the contrast has fallen to half. */
  readonly diameterMm: number;
  /** Of a rod, mm; default `Infinity`. */
  readonly lengthMm?: number;
  /**
   * Width over which a soft edge falls from full contrast to none, as ½(1 + cos), mm; default 0, a sharp edge.
   * At most the diameter.
   */
  readonly edgeWidthMm?: number;
  /**
   * Steps of a soft edge; default 16. The stepped profile is off the smooth one by at most contrast/(2·steps)
   * at any point.
   */
  readonly edgeSteps?: number;
  /** Label of the solids; default `"lesion"`. */
  readonly label?: string;
}

/** A lesion in a phantom of values. */
export interface ValueLesion extends LesionForm {
  /** Above what lies at the centre, 1/mm. */
  readonly contrastPerMm: number;
}

/** A lesion in a phantom of materials. */
export interface MaterialLesion extends LesionForm {
  /**
   * Above what lies at the lesion's centre, HU at `energyKev`: that material made denser or thinner. For water-like
   * surroundings the contrast is then the same at every energy.
   */
  readonly contrastHu: number;
  /** Default 70. */
  readonly energyKev?: number;
}

/** A phantom with a lesion and the same without. */
export interface LesionPair<P> {
  readonly present: P;
  readonly absent: P;
}

/** Radii of a lesion's steps and the share of the contrast from there inwards, outermost first. */
function listSteps(lesion: LesionForm): { readonly radiusMm: number; readonly share: number }[] {
  const { diameterMm, edgeWidthMm = 0, edgeSteps = 16 } = lesion;
  if (!(diameterMm > 0 && diameterMm < Infinity)) {
    throw new PhysicsError("OUT_OF_RANGE", `lesion diameter ${diameterMm} mm must be > 0 and finite`);
  }
  if (!(edgeWidthMm >= 0 && edgeWidthMm <= diameterMm)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `edge width ${edgeWidthMm} mm must lie in 0..${diameterMm} mm, the lesion's diameter`,
    );
  }
  if (!(Number.isInteger(edgeSteps) && edgeSteps >= 1)) {
    throw new PhysicsError("OUT_OF_RANGE", `edgeSteps ${edgeSteps} is not an integer ≥ 1`);
  }
  if (edgeWidthMm === 0) return [{ radiusMm: diameterMm / 2, share: 1 }];
  // Step k of n lies where ½(1 + cos πt) = (k − ½)/n, t from 0 at full contrast to 1 at none.
  return Array.from({ length: edgeSteps }, (_, i) => {
    const t = Math.acos((2 * (i + 0.5)) / edgeSteps - 1) / Math.PI;
    return { radiusMm: diameterMm / 2 + (t - 0.5) * edgeWidthMm, share: (i + 1) / edgeSteps };
  });
}

function createShape(lesion: LesionForm, radiusMm: number): SolidShape {
  const { centreMm } = lesion;
  return lesion.shape === "rod"
    ? {
        kind: "cylinder",
        centreMm,
        semiAxesMm: [radiusMm, radiusMm],
        halfLengthMm: (lesion.lengthMm ?? Infinity) / 2,
      }
    : { kind: "ellipsoid", centreMm, semiAxesMm: [radiusMm, radiusMm, radiusMm] };
}

/** What lies at a point; `undefined` for nothing. */
export function getContentAt<C>(phantom: SolidPhantom<C>, pointMm: Vector3): C | undefined {
  const found = createSolidTracer(phantom).findSolid(...pointMm);
  return found < 0 ? undefined : phantom.solids[found].content;
}

/**
 * Puts a lesion into a phantom of values.
 *
 * @throws PhysicsError `OUT_OF_RANGE` for forms that are none; `NON_FINITE` for the contrast
 * Tested: exact mass added, profile of soft edges.
 */
export function insertValueLesion(phantom: ValuePhantom, lesion: ValueLesion): ValuePhantom {
  const { contrastPerMm, label = "lesion" } = lesion;
  if (!Number.isFinite(contrastPerMm)) {
    throw new PhysicsError("NON_FINITE", `lesion contrast ${contrastPerMm} 1/mm is not finite`);
  }
  const steps = listSteps(lesion);
  const isAdditive = phantom.composition === "additive";
  const base = isAdditive ? 0 : (getContentAt(phantom, lesion.centreMm) ?? 0);
  const solids = steps.map(
    ({ radiusMm, share }): Solid<number> => ({
      label,
      shape: createShape(lesion, radiusMm),
      content: isAdditive ? contrastPerMm / steps.length : base + share * contrastPerMm,
    }),
  );
  return { ...phantom, solids: [...phantom.solids, ...solids] };
}

/**
 * Puts a lesion into a phantom of materials.
 *
 * @throws PhysicsError `OUT_OF_RANGE` for forms that are none, for a centre outside the phantom, and for contrasts
 *   that leave no density; as `computeMuPerMm`
 */
export function insertLesion(phantom: MaterialPhantom, lesion: MaterialLesion): MaterialPhantom {
  const { contrastHu, energyKev = 70, label = "lesion" } = lesion;
  const base = getContentAt(phantom, lesion.centreMm);
  if (base === undefined) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `no solid of "${phantom.name}" holds the lesion's centre [${lesion.centreMm}]; contrast is against what lies there`,
    );
  }
  const perDensity = computeMuPerMm(base, energyKev) / base.densityGPerCm3;
  const perHu = computeMuPerMm(materials.get("water"), energyKev) / 1000;
  const change = (contrastHu * perHu) / perDensity;
  if (!(base.densityGPerCm3 + change > 0)) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `a contrast of ${contrastHu} HU in ${base.name} at ${energyKev} keV leaves a density of ${base.densityGPerCm3 + change} g/cm³`,
    );
  }
  const makeContent = (share: number): Material =>
    withDensity(base, base.densityGPerCm3 + share * change, {
      name: `${label} in ${base.name}, ${Math.round(100 * share)} %`,
    });
  const solids = listSteps(lesion).map(
    ({ radiusMm, share }): Solid<Material> => ({
      label,
      shape: createShape(lesion, radiusMm),
      content: makeContent(share),
    }),
  );
  return { ...phantom, solids: [...phantom.solids, ...solids] };
}

/** The phantom with and without a lesion. */
export function createLesionPair(
  phantom: MaterialPhantom,
  lesion: MaterialLesion,
): LesionPair<MaterialPhantom> {
  return { present: insertLesion(phantom, lesion), absent: phantom };
}

/** The same phantom without the solids of a label: what lies below shows again. */
export function removeLabelled<P extends SolidPhantom<unknown>>(phantom: P, label: string): P {
  return { ...phantom, solids: phantom.solids.filter((solid) => solid.label !== label) };
}
