/**
 * What stands in the beam before the object: flat filters and bowties, as thicknesses of materials over the ray
 * angle γ (tomography.md §2.5). Flat filters lie at right angles to the central ray (path t/(cosγ cosα), α the cone
 * angle); a bowtie is the same along z (path t(γ)/cosα).
 */
import { PhysicsError } from "../errors.ts";
import type { Material } from "../materials/material.ts";

/** A bowtie filter. */
export type Bowtie =
  | {
      /**
       * Together with a centred cylinder of `diameterMm` of the same material every ray passes the same length:
       * t = d − 2√(d²/4 − D² sin²γ). Of water, the ideal bowtie exp(−µ(maxPL − PL)).
       */
      readonly kind: "ideal";
      readonly material: Material;
      readonly diameterMm: number;
    }
  | {
      /** t = T·(1 − cos(πγ/(2Γ))): 0 in the middle, T at |γ| = Γ; held beyond 2Γ. */
      readonly kind: "cosine";
      readonly material: Material;
      readonly edgeThicknessMm: number;
      readonly edgeAngleRad: number;
    }
  | {
      /** t = T·(γ/Γ)². */
      readonly kind: "quadratic";
      readonly material: Material;
      readonly edgeThicknessMm: number;
      readonly edgeAngleRad: number;
    }
  | {
      /** Thickness of each material at given angles; linear between them, held outside. */
      readonly kind: "profile";
      readonly layers: readonly {
        readonly material: Material;
        /** Ascending. */
        readonly anglesRad: ArrayLike<number>;
        readonly thicknessMm: ArrayLike<number>;
      }[];
    };

/** Thickness of one material over γ. */
export interface BowtieLayer {
  readonly material: Material;
  thicknessAt(gammaRad: number): number;
}

function interpolateProfile(x: ArrayLike<number>, y: ArrayLike<number>, at: number): number {
  const n = x.length;
  if (at <= x[0]) return y[0];
  if (at >= x[n - 1]) return y[n - 1];
  let i = 0;
  while (at >= x[i + 1]) i++;
  return y[i] + ((at - x[i]) / (x[i + 1] - x[i])) * (y[i + 1] - y[i]);
}

/**
 * The layers of a bowtie.
 *
 * @param sourceToIsoMm - of the scan; the ideal bowtie needs it
 * @throws PhysicsError `OUT_OF_RANGE` for thicknesses < 0 or profiles that do not ascend
 * Tested: an ideal bowtie flattens its cylinder's sinogram to rounding; profiles against their nodes.
 */
export function createBowtieLayers(bowtie: Bowtie, sourceToIsoMm: number): readonly BowtieLayer[] {
  if (bowtie.kind === "ideal") {
    const { material, diameterMm } = bowtie;
    if (!(diameterMm > 0 && Number.isFinite(diameterMm))) {
      throw new PhysicsError("OUT_OF_RANGE", `bowtie diameterMm ${diameterMm} must be > 0; pass e.g. 300`);
    }
    return [
      {
        material,
        thicknessAt(gamma) {
          const s = sourceToIsoMm * Math.sin(gamma);
          return diameterMm - 2 * Math.sqrt(Math.max(0, (diameterMm * diameterMm) / 4 - s * s));
        },
      },
    ];
  }
  if (bowtie.kind === "profile") {
    return bowtie.layers.map(({ material, anglesRad, thicknessMm }) => {
      const n = anglesRad.length;
      let isGood = n > 0 && thicknessMm.length === n;
      for (let i = 0; i < n; i++) {
        isGood &&= thicknessMm[i] >= 0 && Number.isFinite(thicknessMm[i]) && Number.isFinite(anglesRad[i]);
        isGood &&= i === 0 || anglesRad[i] > anglesRad[i - 1];
      }
      if (!isGood) {
        throw new PhysicsError(
          "OUT_OF_RANGE",
          `bowtie profile of ${material.name}: ${n} angles must ascend and have ${n} thicknesses ≥ 0, got ${thicknessMm.length}`,
        );
      }
      return { material, thicknessAt: (gamma) => interpolateProfile(anglesRad, thicknessMm, gamma) };
    });
  }
  const { kind, material, edgeThicknessMm, edgeAngleRad } = bowtie;
  if (!(edgeThicknessMm >= 0 && edgeAngleRad > 0 && Number.isFinite(edgeThicknessMm))) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `bowtie edgeThicknessMm ${edgeThicknessMm} must be ≥ 0 and edgeAngleRad ${edgeAngleRad} > 0`,
    );
  }
  return [
    {
      material,
      thicknessAt(gamma) {
        const x = gamma / edgeAngleRad;
        if (kind === "quadratic") return edgeThicknessMm * x * x;
        return edgeThicknessMm * (1 - Math.cos((Math.PI / 2) * Math.min(2, Math.abs(x))));
      },
    },
  ];
}
