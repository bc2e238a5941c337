/**
 * A tree of axis-aligned boxes over the solids of a phantom: which solids a line may meet. Only an accelerator: what
 * it leaves out is surely missed, what it names is then intersected exactly. Infinite boxes are allowed.
 */
import type { SolidBounds } from "./convex-solid.ts";

/** Finds the solids whose bounds a line meets. */
export interface SolidTree {
  /** Bounds of all solids; for none, zeros. */
  readonly bounds: SolidBounds;
  /**
   * @param ray - origin x, y, z (mm) and unit direction x, y, z
   * @param found - receives solid numbers, in no order; as long as there are solids
   * @returns how many
   */
  findAlong(ray: Float64Array, found: Int32Array): number;
}

const LEAF_SIZE = 3;

/** Builds the tree by halving along the longest spread of centres. Tested against testing every solid. */
export function createSolidTree(bounds: readonly SolidBounds[]): SolidTree {
  const order = Int32Array.from(bounds, (_, i) => i);
  /** Per node: low x, y, z, high x, y, z. */
  const boxes: number[] = [];
  /** Per node: first and last + 1 in `order` for leaves; −(left + 1) and −(right + 1) for others. */
  const links: number[] = [];
  const findCentre = (solid: number, axis: number): number => {
    const { lowMm, highMm } = bounds[solid];
    const centre = (lowMm[axis] + highMm[axis]) / 2;
    return Number.isFinite(centre) ? centre : 0;
  };
  const build = (start: number, end: number): number => {
    const node = links.length / 2;
    links.push(start, end);
    const low = [Infinity, Infinity, Infinity];
    const high = [-Infinity, -Infinity, -Infinity];
    for (let k = start; k < end; k++) {
      for (let axis = 0; axis < 3; axis++) {
        low[axis] = Math.min(low[axis], bounds[order[k]].lowMm[axis]);
        high[axis] = Math.max(high[axis], bounds[order[k]].highMm[axis]);
      }
    }
    // A hair wider, so that no rounding in the box test loses a solid.
    const slack = (x: number): number => (Number.isFinite(x) ? 1e-9 * (1 + Math.abs(x)) : 0);
    boxes.push(...low.map((x) => x - slack(x)), ...high.map((x) => x + slack(x)));
    if (end - start <= LEAF_SIZE) return node;
    let widest = 0;
    let spread = -1;
    for (let axis = 0; axis < 3; axis++) {
      let least = Infinity;
      let most = -Infinity;
      for (let k = start; k < end; k++) {
        const centre = findCentre(order[k], axis);
        least = Math.min(least, centre);
        most = Math.max(most, centre);
      }
      if (most - least > spread) {
        spread = most - least;
        widest = axis;
      }
    }
    order.subarray(start, end).sort((a, b) => findCentre(a, widest) - findCentre(b, widest) || a - b);
    const middle = (start + end) >> 1;
    const left = build(start, middle);
    const right = build(middle, end);
    links[2 * node] = -(left + 1);
    links[2 * node + 1] = -(right + 1);
    return node;
  };
  if (bounds.length > 0) build(0, bounds.length);
  const nodeBoxes = Float64Array.from(boxes);
  const nodeLinks = Int32Array.from(links);
  const stack = new Int32Array(64);
  const least = (axis: number): number => bounds.reduce((low, b) => Math.min(low, b.lowMm[axis]), Infinity);
  const most = (axis: number): number =>
    bounds.reduce((high, b) => Math.max(high, b.highMm[axis]), -Infinity);
  const whole: SolidBounds =
    bounds.length === 0
      ? { lowMm: [0, 0, 0], highMm: [0, 0, 0] }
      : { lowMm: [least(0), least(1), least(2)], highMm: [most(0), most(1), most(2)] };

  /** Origin and inverse direction of the line at hand. */
  let x = 0;
  let y = 0;
  let z = 0;
  let inverseX = 0;
  let inverseY = 0;
  let inverseZ = 0;
  /** An inverse of ±∞ gives ±∞; NaN (0 · ∞) only on the widened faces, where no solid is. */
  const isMet = (node: number): boolean => {
    const at = 6 * node;
    let low = -Infinity;
    let high = Infinity;
    let first = (nodeBoxes[at] - x) * inverseX;
    let second = (nodeBoxes[at + 3] - x) * inverseX;
    if (first < second) {
      low = first;
      high = second;
    } else if (first >= second) {
      low = second;
      high = first;
    }
    first = (nodeBoxes[at + 1] - y) * inverseY;
    second = (nodeBoxes[at + 4] - y) * inverseY;
    if (first < second) {
      if (first > low) low = first;
      if (second < high) high = second;
    } else {
      if (second > low) low = second;
      if (first < high) high = first;
    }
    first = (nodeBoxes[at + 2] - z) * inverseZ;
    second = (nodeBoxes[at + 5] - z) * inverseZ;
    if (first < second) {
      if (first > low) low = first;
      if (second < high) high = second;
    } else {
      if (second > low) low = second;
      if (first < high) high = first;
    }
    return !(low > high);
  };

  return {
    bounds: whole,
    findAlong(ray, found) {
      if (nodeLinks.length === 0) return 0;
      x = ray[0];
      y = ray[1];
      z = ray[2];
      inverseX = 1 / ray[3];
      inverseY = 1 / ray[4];
      inverseZ = 1 / ray[5];
      let count = 0;
      let depth = 0;
      stack[depth++] = 0;
      while (depth > 0) {
        const node = stack[--depth];
        if (!isMet(node)) continue;
        const first = nodeLinks[2 * node];
        const second = nodeLinks[2 * node + 1];
        if (first < 0) {
          stack[depth++] = -first - 1;
          stack[depth++] = -second - 1;
        } else {
          for (let k = first; k < second; k++) found[count++] = order[k];
        }
      }
      return count;
    },
  };
}
