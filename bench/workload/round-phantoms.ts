/** Balls, and cylinders along z (discs of planar scans), as phantoms of one value: what bias is measured on. */
import type { ValuePhantom } from "@alara/physics";

/** A ball or an endless cylinder of `mu` per mm. */
export function createRound(
  shape: "ball" | "cylinder",
  centreMm: readonly [number, number, number],
  radiusMm: number,
  mu: number,
): ValuePhantom {
  return {
    name: shape,
    composition: "replace",
    solids: [
      {
        shape:
          shape === "ball"
            ? { kind: "ellipsoid", centreMm, semiAxesMm: [radiusMm, radiusMm, radiusMm] }
            : {
                kind: "cylinder",
                centreMm,
                semiAxesMm: [radiusMm, radiusMm],
                halfLengthMm: Number.POSITIVE_INFINITY,
              },
        content: mu,
      },
    ],
  };
}
