/**
 * The configurations of convolution under the operator table's suite: 2D and 3D, strided with and without pixels left
 * over, dilated, grouped, depthwise, asymmetric padding, kernels of 1 and of unequal sides, few and many channels.
 */
import type { Attributes, OperatorExample } from "../tensor.ts";
import {
  type ConvolutionGeometry,
  computeOutputPadding,
  computeOutputSizes,
  toAttributes,
} from "./convolution-geometry.ts";

interface Configuration extends Partial<ConvolutionGeometry> {
  readonly input: readonly number[];
  readonly weight: readonly number[];
  readonly hasBias?: boolean;
}

const CONFIGURATIONS: readonly Configuration[] = [
  { input: [2, 2, 5, 4], weight: [3, 2, 3, 3], before: [1, 1], after: [1, 1] },
  { input: [1, 2, 4, 5], weight: [3, 2, 3, 3], before: [1, 1], after: [1, 1], hasBias: true },
  { input: [2, 3, 5, 6], weight: [1, 3, 3, 2] },
  { input: [2, 3, 3, 4], weight: [2, 3, 1, 1] },
  { input: [2, 3, 4, 5], weight: [1, 3, 3, 3], before: [1, 1], after: [1, 1] },
  { input: [1, 2, 4, 5], weight: [1, 2, 3, 2], before: [2, 0], after: [0, 1] },
  { input: [1, 2, 5, 3], weight: [3, 2, 3, 1], before: [0, 0], after: [1, 0] },
  { input: [2, 2, 5, 6], weight: [2, 2, 3, 3], stride: [2, 2], before: [1, 1], after: [1, 1] },
  { input: [1, 2, 4, 7], weight: [3, 2, 2, 2], stride: [2, 3], hasBias: true },
  { input: [1, 2, 7, 6], weight: [2, 2, 3, 2], dilation: [2, 3], before: [2, 1], after: [1, 3] },
  {
    input: [1, 1, 8, 8],
    weight: [2, 1, 3, 3],
    stride: [3, 2],
    dilation: [2, 2],
    before: [1, 2],
    after: [2, 2],
  },
  { input: [2, 4, 4, 3], weight: [6, 2, 3, 3], groups: 2, before: [1, 1], after: [1, 1] },
  { input: [1, 3, 5, 5], weight: [3, 1, 3, 3], groups: 3, stride: [2, 2], before: [1, 1], after: [0, 1] },
  { input: [1, 2, 3, 4, 3], weight: [2, 2, 3, 3, 3], before: [1, 1, 1], after: [1, 1, 1], hasBias: true },
  { input: [2, 2, 3, 3, 4], weight: [1, 2, 1, 2, 3], before: [0, 1, 0], after: [0, 0, 1] },
  { input: [1, 2, 4, 5, 4], weight: [1, 2, 2, 3, 2], stride: [2, 2, 2], before: [0, 1, 1], after: [0, 1, 0] },
  {
    input: [1, 1, 5, 4, 5],
    weight: [2, 1, 2, 2, 3],
    dilation: [2, 1, 2],
    before: [1, 0, 2],
    after: [0, 0, 2],
  },
  {
    input: [1, 4, 3, 3, 3],
    weight: [2, 2, 2, 3, 3],
    groups: 2,
    stride: [1, 2, 1],
    before: [0, 1, 1],
    after: [1, 1, 1],
  },
];

function complete({ input, groups = 1, ...given }: Configuration): ConvolutionGeometry {
  const axes = input.length - 2;
  const fill = (value: number): readonly number[] => new Array<number>(axes).fill(value);
  const { stride = fill(1), dilation = fill(1), before = fill(0), after = fill(0) } = given;
  return { stride, dilation, before, after, groups };
}

function listExamples(
  build: (
    shapes: { input: readonly number[]; weight: readonly number[]; output: readonly number[] },
    attributes: Attributes,
    configuration: Configuration,
  ) => OperatorExample,
): readonly OperatorExample[] {
  return CONFIGURATIONS.map((configuration) => {
    const { input, weight } = configuration;
    const geometry = complete(configuration);
    const sizes = computeOutputSizes(input.slice(2), weight.slice(2), geometry);
    const output = [input[0], weight[0], ...sizes];
    return build({ input, weight, output }, toAttributes(geometry), configuration);
  });
}

/** Examples of the convolution itself. */
export const CONVOLUTION_EXAMPLES: readonly OperatorExample[] = listExamples(
  ({ input, weight }, attributes, { hasBias }) => ({
    shapes: hasBias ? [input, weight, [weight[0]]] : [input, weight],
    attributes,
  }),
);

/** Examples of the adjoint in the input. */
export const ADJOINT_EXAMPLES: readonly OperatorExample[] = listExamples(
  ({ input, weight, output }, attributes, configuration) => ({
    shapes: [output, weight],
    attributes: {
      ...attributes,
      outputPadding: computeOutputPadding(input.slice(2), weight.slice(2), complete(configuration)),
    },
  }),
);

/** Examples of the adjoint in the weights. */
export const WEIGHT_GRADIENT_EXAMPLES: readonly OperatorExample[] = listExamples(
  ({ input, weight, output }, attributes) => ({
    shapes: [input, output],
    attributes: { ...attributes, kernel: weight.slice(2) },
  }),
);
