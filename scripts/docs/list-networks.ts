/**
 * Writes docs/guide/networks.md: networks, their parts, critics and losses of `learn`, from the registries.
 * Run: node scripts/docs/list-networks.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  countMacs,
  countParameters,
  critics,
  featureNetworks,
  losses,
  type NetworkConfig,
  networks,
} from "@alara/learn";

const PAGE = fileURLToPath(new URL("../../docs/guide/networks.md", import.meta.url));

/** What each network is for; a name without a line here stops the script. */
const PURPOSES: Readonly<Record<string, string>> = {
  "residual-cnn": "the shipped model's network: convolutions on unshuffled pixels",
  "cnn-10": "the plain ten-layer network of low-dose CT",
  "red-cnn": "residual encoder–decoder (Chen et al. 2017); the usual yardstick",
  dncnn: "residual denoiser with batch normalisation (Zhang et al. 2017)",
  unet: "U-Net in two or three dimensions (Ronneberger et al. 2015)",
  "attention-unet": "U-Net with attention gates whose maps can be looked at (Oktay et al. 2018)",
  efficient: "own network for quick inference on a CPU",
  "lung-split": "two networks, one for the lungs, blended by a soft gate",
  "cyclegan-generator": "encoder and decoder of Ozaki & Kaji 2022 in one",
  autoencoder: "gives back its input; its features serve perceptual losses",
};

function findPurpose(name: string): string {
  const purpose = PURPOSES[name];
  if (purpose === undefined) throw new Error(`network "${name}" has no line in ${import.meta.filename}`);
  return purpose;
}

function listConfig(config: NetworkConfig): string {
  return Object.entries(config)
    .map(([key, value]) => `${key} ${JSON.stringify(value)}`)
    .join(", ");
}

const networkRows = [...networks.entries()].map(([name, make]) => {
  const network = make({});
  const cost = (countMacs(network, [512, 512]) / 1e9).toFixed(1);
  const weights = (countParameters(network.parameters) / 1e6).toFixed(2);
  const reach = `${network.receptiveRadius}${network.hasGlobalReach ? " (and the whole image)" : ""}`;
  return `| \`${name}\` | ${findPurpose(name)} | ${cost} | ${weights} | ${reach} | ${network.sizeMultiple} |`;
});

const configRows = [...networks.entries()].map(
  ([name, make]) => `- \`${name}\`: ${listConfig(make({}).config)}`,
);

const partRows = [...featureNetworks.entries()].map(
  ([name, make]) => `| \`${name}\` | ${make({}).summary} |`,
);
const criticRows = [...critics.entries()].map(
  ([name, make]) =>
    `| \`${name}\` | ${make({}).summary}; each score judges ${make({}).patchSize} pixels a side |`,
);

const lossRows = [...losses.entries()].map(
  ([name, { summary, unit, options }]) =>
    `| \`${name}\` | ${summary.replaceAll("|", "\\|")} | ${unit} | ${options.map((key) => `\`${key}\``).join(", ")} |`,
);

const page = `# Networks and losses

Written by \`scripts/docs/list-networks.ts\` from the registries of \`@alara/learn\`; do not edit. Networks map HU to HU with
their scaling inside. Residual ones start as the identity. Each is tested against PyTorch (output, loss, every gradient),
for its stated reach, and as an exported model.

| network | what it is | 10⁹ multiplications per 512 × 512 | 10⁶ weights | reach, pixels | sizes multiples of |
|---|---|---|---|---|---|
${networkRows.join("\n")}

Reach is the halo that tiles need. Instance and group normalisation mix the whole image into each pixel; a network with
them says so (\`hasGlobalReach\`).

## Configuration and defaults

${configRows.join("\n")}

\`inputChannels\` are neighbouring slices (the output is the middle one's); \`hasStrength\` adds a last channel that is no HU;
\`outputScale\` 2 doubles the matrix; \`isResidual\` false drops the identity; \`lung-split\` takes \`inside.…\` and
\`outside.…\` for its networks.

## Parts and critics

| part | what goes in and comes out |
|---|---|
${[...partRows, ...criticRows].join("\n")}

## Losses of a prediction and a target

\`scale\` divides HU; the unit is that of scale 1; \`ssim\` and \`ms-ssim\` have none and do not change with it.

| loss | what it is | unit | options |
|---|---|---|---|
${lossRows.join("\n")}

## Losses as functions

Adversarial: \`buildLsganCriticLoss\`, \`buildLsganGeneratorLoss\`, \`buildWganCriticLoss\`, \`buildWganGeneratorLoss\`,
\`buildGradientPenalty\`, \`buildHingeCriticLoss\`. Unpaired: \`buildCycleLoss\`, \`buildIdentityLoss\`, \`buildAutoencoderLoss\`,
\`buildIdempotenceLoss\`, \`buildPerceptualLoss\`, \`buildAirLoss\`, \`buildLatentLoss\`. Self-supervised: \`buildMaskedLoss\`
(Noise2Void), \`buildNeighbourLoss\`, \`buildSureLoss\`. Each is tested to reach the parameters that it should, and no other.
`;

writeFileSync(PAGE, page);
process.stdout.write(`${PAGE}\n`);
