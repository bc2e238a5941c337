/**
 * Where the labelled solids of a phantom lie, so that regions of interest can be put on them.
 */
import type { Vector3 } from "@alara/core";
import type { SolidPhantom, SolidShape } from "./solid.ts";

/** One labelled solid. */
export interface PhantomInsert<Content> {
  readonly label: string;
  readonly content: Content;
  readonly centreMm: Vector3;
  /**
   * Of the largest ball (ellipsoid), disc across the own axis (cylinder, cone: at its middle) or, in a box, ball that
   * fits; clip planes and later solids inside are not looked at.
   */
  readonly radiusMm: number;
  /** Number in `phantom.solids`. */
  readonly solid: number;
}

function getInnerRadius(shape: SolidShape): number {
  switch (shape.kind) {
    case "ellipsoid":
    case "cylinder":
      return Math.min(...shape.semiAxesMm);
    case "box":
      return Math.min(...shape.halfSizesMm);
    case "cone": {
      const [a, b] = shape.bottomSemiAxesMm;
      const [c, d] = shape.topSemiAxesMm;
      return Math.min(a + c, b + d) / 2;
    }
  }
}

/**
 * Labelled solids in the phantom's order.
 *
 * @param label - only those of this label; default: all that have one
 * Tested: the content found at each centre of the registered phantoms.
 */
export function listInserts<C>(phantom: SolidPhantom<C>, label?: string): readonly PhantomInsert<C>[] {
  return phantom.solids.flatMap((solid, i) =>
    solid.label === undefined || (label !== undefined && solid.label !== label)
      ? []
      : [
          {
            label: solid.label,
            content: solid.content,
            centreMm: solid.shape.centreMm,
            radiusMm: getInnerRadius(solid.shape),
            solid: i,
          },
        ],
  );
}
