/**
 * How maximum pooling and its adjoints are written in ONNX; the rules and their definitions are in `pooling.ts`. On the
 * CPU the kernel gives the places of the maxima; GPU providers do not, so there the first maximum is found by comparing:
 * over whole windows where they tile the input, else place by place.
 */
import { type Attributes, countElements, type LoweringContext, type OperatorCall } from "../tensor.ts";
import { getList } from "./structure.ts";

/** Output `outputIndex` of the pooling kernel: the maxima or their places. */
export function lowerPool(
  context: LoweringContext,
  input: string,
  attributes: Attributes,
  outputIndex: number,
): string {
  return context.addNode(
    "MaxPool",
    [input],
    {
      kernel_shape: { ints: getList(attributes, "size") },
      strides: { ints: getList(attributes, "stride") },
    },
    { outputIndex },
  );
}

/** All values on one axis. */
export function lowerFlat(context: LoweringContext, value: string): string {
  return context.addNode("Reshape", [value, context.addConstant("int64", [1], [-1])]);
}

/** Every value repeated over its window. */
export function lowerRepeat(context: LoweringContext, value: string, size: readonly number[]): string {
  const scales = [1, 1, ...size];
  return context.addNode("Resize", [value, "", context.addConstant("float32", [scales.length], scales)], {
    mode: { string: "nearest" },
    coordinate_transformation_mode: { string: "asymmetric" },
    nearest_mode: { string: "floor" },
  });
}

/** 1 where `value` reaches its window's maximum, else 0. */
function lowerTies(context: LoweringContext, value: string, attributes: Attributes): string {
  const largest = lowerRepeat(context, lowerPool(context, value, attributes, 0), getList(attributes, "size"));
  const below = context.addNode("Sub", [largest, value]);
  return context.addNode("HardSigmoid", [below], { alpha: { float: -1e30 }, beta: { float: 1 } });
}

/**
 * 1 at the first maximum of each window, else 0, for windows that tile the input: ties are weighted by how early they
 * stand in the window, and the largest weight wins. Needs no indices, which GPU providers do not give.
 */
export function lowerWinnerMask(context: LoweringContext, input: string, call: OperatorCall): string {
  const size = getList(call.attributes, "size");
  const spatial = call.inputShapes[0].slice(2);
  const weights = new Float32Array(countElements(spatial));
  for (let linear = 0; linear < weights.length; linear++) {
    let rest = linear;
    let rank = 0;
    let span = 1;
    for (let axis = spatial.length - 1; axis >= 0; axis--) {
      rank += span * ((rest % spatial[axis]) % size[axis]);
      span *= size[axis];
      rest = Math.floor(rest / spatial[axis]);
    }
    weights[linear] = span - rank;
  }
  const ties = lowerTies(context, input, call.attributes);
  const ranked = context.addNode("Mul", [ties, context.addConstant("float32", [1, 1, ...spatial], weights)]);
  return lowerTies(context, ranked, call.attributes);
}

/** True when windows neither overlap nor leave anything out. */
export function isTiling({ inputShapes, attributes }: OperatorCall): boolean {
  const size = getList(attributes, "size");
  const stride = getList(attributes, "stride");
  return size.every((value, k) => value === stride[k] && inputShapes[0][k + 2] % value === 0);
}

function lowerReshape(context: LoweringContext, value: string, shape: readonly number[]): string {
  return context.addNode("Reshape", [value, context.addConstant("int64", [shape.length], shape)]);
}

/** The element at a place of every window: a strided slice of the spatial axes. */
function lowerPlace(
  context: LoweringContext,
  value: string,
  call: WindowCall,
  place: readonly number[],
): string {
  const list = (values: readonly number[]): string => context.addConstant("int64", [values.length], values);
  const ends = place.map((start, k) => start + (call.pooled[k + 2] - 1) * call.stride[k] + 1);
  return context.addNode("Slice", [
    value,
    list(place),
    list(ends),
    list(place.map((_, k) => k + 2)),
    list(call.stride),
  ]);
}

/** Adjoint of {@link lowerPlace}: zeros between and around. */
function lowerSpread(
  context: LoweringContext,
  value: string,
  call: WindowCall,
  place: readonly number[],
): string {
  let spread = value;
  const shape = [...call.pooled];
  call.stride.forEach((stride, k) => {
    if (stride === 1) return;
    const axis = k + 2;
    const count = shape[axis];
    const lead = countElements(shape.slice(0, axis));
    const rest = countElements(shape.slice(axis + 1));
    const apart = lowerReshape(context, spread, [lead * count, 1, rest]);
    const padded = context.addNode("Pad", [
      apart,
      context.addConstant("int64", [6], [0, 0, 0, 0, stride - 1, 0]),
    ]);
    const flat = lowerReshape(context, padded, [lead, count * stride, rest]);
    shape[axis] = (count - 1) * stride + 1;
    const cut = context.addNode("Slice", [
      flat,
      context.addConstant("int64", [1], [0]),
      context.addConstant("int64", [1], [shape[axis]]),
      context.addConstant("int64", [1], [1]),
    ]);
    spread = lowerReshape(context, cut, [...shape]);
  });
  const after = place.map((start, k) => call.input[k + 2] - start - shape[k + 2]);
  const pads = [0, 0, ...place, 0, 0, ...after];
  return context.addNode("Pad", [spread, context.addConstant("int64", [pads.length], pads)]);
}

interface WindowCall {
  readonly input: readonly number[];
  readonly pooled: readonly number[];
  readonly size: readonly number[];
  readonly stride: readonly number[];
}

/** Visits the places of a window in row-major order with a mask of the windows whose first maximum is there. */
function forEachWinningPlace(
  context: LoweringContext,
  input: string,
  call: WindowCall,
  visit: (place: readonly number[], mask: string) => void,
): void {
  const largest = lowerPool(context, input, { size: call.size, stride: call.stride }, 0);
  let open: string | null = null;
  const count = countElements(call.size);
  for (let n = 0; n < count; n++) {
    let rest = n;
    const place = call.size
      .toReversed()
      .map((length) => {
        const index = rest % length;
        rest = Math.floor(rest / length);
        return index;
      })
      .toReversed();
    const below = context.addNode("Sub", [largest, lowerPlace(context, input, call, place)]);
    const reaches = context.addNode("HardSigmoid", [below], { alpha: { float: -1e30 }, beta: { float: 1 } });
    const mask: string = open === null ? reaches : context.addNode("Mul", [reaches, open]);
    const before: string = open ?? context.addConstant("float32", [], [1]);
    open = context.addNode("Sub", [before, mask]);
    visit(place, mask);
  }
}

function addUp(context: LoweringContext, terms: readonly string[]): string {
  return terms.reduce((sum, term) => context.addNode("Add", [sum, term]));
}

/** The pooling gradient by comparison at every place of the window. */
export function lowerGradientByPlaces(
  context: LoweringContext,
  [input, upstream]: readonly string[],
  { inputShapes, attributes }: OperatorCall,
): string {
  const size = getList(attributes, "size");
  const stride = getList(attributes, "stride");
  const call = { input: inputShapes[0], pooled: inputShapes[1], size, stride };
  const terms: string[] = [];
  forEachWinningPlace(context, input, call, (place, mask) => {
    terms.push(lowerSpread(context, context.addNode("Mul", [mask, upstream]), call, place));
  });
  return addUp(context, terms);
}

/** Selection at the maxima by comparison at every place of the window. */
export function lowerSelectionByPlaces(
  context: LoweringContext,
  [input, values]: readonly string[],
  { inputShapes, outputShape, attributes }: OperatorCall,
): string {
  const size = getList(attributes, "size");
  const stride = getList(attributes, "stride");
  const call = { input: inputShapes[0], pooled: outputShape, size, stride };
  const terms: string[] = [];
  forEachWinningPlace(context, input, call, (place, mask) => {
    terms.push(context.addNode("Mul", [mask, lowerPlace(context, values, call, place)]));
  });
  return addUp(context, terms);
}
