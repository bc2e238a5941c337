/**
 * Writes docs/guide/operators.md: the operator table of `learn` from its registry, and the functions composed of it.
 * Run: node scripts/docs/list-operators.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { operators } from "@alara/learn";

const PAGE = fileURLToPath(new URL("../../docs/guide/operators.md", import.meta.url));

/** Cells of a Markdown table may not hold bars. */
function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|");
}

const rows = [...operators.entries()].map(([name, operator]) => {
  const [{ shapes }] = operator.examples;
  const example = shapes.map((shape) => `[${shape.join(", ")}]`).join(" ");
  return `| \`${name}\` | ${escapeCell(operator.summary)} | ${example} |`;
});

const page = `# Operators

Graphs are built from the operators of this table (written by \`scripts/docs/list-operators.ts\`; do not edit). Each has a
shape rule, a lowering to ONNX opset 17, a gradient written with the same operators, and a definition in float64. Every
entry is tested for its first and second derivative against finite differences, and against onnxruntime; so gradients of
gradients work everywhere. Images are [batch, channel, row, column], volumes [batch, channel, slice, row, column].

| operator | what it computes | shapes of its first test case |
|---|---|---|
${rows.join("\n")}

## Ties and kinks

\`maxPool\` sends the gradient to the first maximum of a window; \`maximum\`, \`minimum\` and \`reduceMax\` share it evenly among
equal values; the derivatives of \`abs\`, \`relu\` and \`clip\` at the kink are 0, those of \`leakyRelu\` and \`prelu\` the slope.
All but that of \`clip\` (1 at its ends there) are PyTorch's choices.

## Functions composed of operators

| function | what it computes |
|---|---|
| \`conv2d\`, \`conv3d\`, \`convTranspose2d\`, \`convTranspose3d\` | convolutions with stride, dilation, groups and padding modes |
| \`instanceNorm\`, \`groupNorm\`, \`layerNorm\`, \`batchNorm\`, \`computeChannelMoments\` | normalisation layers with optional scale and bias |
| \`reduceMin\` | smallest value over axes |
| \`fft2\`, \`inverseFft2\` | two-dimensional Fourier transform of real images as matrix products |
| \`applyDropout\` | dropout with a mask that is fed |
| \`attentionGate\` | additive attention of skip connections (Oktay et al. 2018) |
| \`channelAttention\` | squeeze and excitation (Hu et al. 2018) |
| \`windowAttention\` | self-attention in windows, plain or shifted (Liu et al. 2021) |

Volumes through \`spaceToDepth\`, \`depthToSpace\`, \`pixelUnshuffle\` and \`pixelShuffle\` are composed too, of reshapes and a
transpose.

## Use

\`\`\`ts
import { createInput, createParameter, grad, instanceNorm, maxPool, prelu, reduceMean } from "@alara/learn";

const x = createInput("x", [8, 16, 64, 64]);
const slope = createParameter("slope", [16], { kind: "constant", value: 0.25 });
const features = prelu(instanceNorm(maxPool(x, { size: 2 })), slope);
const [gradient] = grad(reduceMean(features), [slope]);
\`\`\`

A wrong shape throws \`LearnError\` \`SHAPE_MISMATCH\` or \`OUT_OF_RANGE\` at the line that built the node, with both shapes in
the message.
`;
writeFileSync(PAGE, page);
