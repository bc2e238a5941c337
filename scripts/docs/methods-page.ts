/**
 * The text of docs/guide/methods.md: methods, tasks, recipes and their keys, from the registries of `learn` and `enhance`
 * and the recipes that ship. Not here: writing the file (list-methods.ts).
 */
import { readdirSync, readFileSync } from "node:fs";
import {
  AUGMENTATION_KEYS,
  buildRecipeProgram,
  parseRecipe,
  type Recipe,
  SAMPLING_KEYS,
  type TaskOption,
  trainingTasks,
} from "@alara/enhance";
import { countMacs, listPatchSides, methods } from "@alara/learn";

const RECIPES = new URL("../../recipes/", import.meta.url);

interface MethodNotes {
  /** Tasks that make sense for it, the usual one first. */
  readonly tasks: readonly string[];
  readonly pitfalls: string;
  readonly source: string;
}

/** What no registry knows; a method without a line here stops the script. */
const NOTES: Readonly<Record<string, MethodNotes>> = {
  regression: {
    tasks: [
      "low-dose",
      "scanned-pairs",
      "super-resolution",
      "artifacts",
      "contrast",
      "inpainting",
      "synthesis",
    ],
    pitfalls:
      "Noisy targets are learnt on average (L2: mean, L1: median): low contrast may blur. Errors against noisy targets contain their noise.",
    source: "Chen et al. 2017, doi 10.1364/BOE.8.000679; Muller et al. 2023, Med Phys 50:5643",
  },
  "lung-regions": {
    tasks: ["lung-regions"],
    pitfalls:
      "Chest only; consolidated lung is trained as other tissue. The gate is soft, so look at the border once.",
    source: "Nakayama et al. 2018 (two networks, regions of 32 and 64 pixels)",
  },
  noise2noise: {
    tasks: ["repeats"],
    pitfalls:
      "Noise must be independent between the two. With inserted noise the scan's own noise is in both and stays.",
    source: "Lehtinen et al. 2018, arXiv 1803.04189",
  },
  noise2inverse: {
    tasks: ["split-projections"],
    pitfalls:
      "Few views per subset streak, and streaks that all subsets share are kept. Here the scan is simulated from slices.",
    source: "Hendriksen, Pelt & Batenburg 2020, IEEE TCI 6:1320",
  },
  noise2void: {
    tasks: ["noisy"],
    pitfalls: "CT noise reaches over neighbours: with `spread` 0 the network learns the noise.",
    source: "Krull et al. 2019, arXiv 1811.10980; Broaddus et al. 2020 (structured)",
  },
  neighbor2neighbor: {
    tasks: ["noisy"],
    pitfalls:
      "Assumes noise independent between neighbours; of CT noise it removes the fine part only. A smaller `gamma` smooths more.",
    source: "Huang et al. 2021, arXiv 2101.02824",
  },
  sure: {
    tasks: ["noisy"],
    pitfalls:
      "`sigmaHu` must be the noise's, everywhere; too high blurs, too low keeps noise. Correlated noise breaks it.",
    source: "Stein 1981; Soltanayev & Chun 2018, arXiv 1803.01314",
  },
  gan: {
    tasks: ["low-dose", "super-resolution", "inpainting", "synthesis", "scanned-pairs", "artifacts"],
    pitfalls:
      "Invents texture and can invent structure: RMSE is usually worse, lesions must be checked. Critic and generator may run apart; watch both losses.",
    source:
      "Goodfellow et al. 2014; Isola et al. 2017, arXiv 1611.07004; Gulrajani et al. 2017, arXiv 1704.00028 (wgan-gp)",
  },
  cyclegan: {
    tasks: ["unpaired"],
    pitfalls:
      "What one domain shows more often it paints into the other. HU may drift; check means. No truth, so no best step unless pairs are in the validation side.",
    source: "Zhu et al. 2017, arXiv 1703.10593",
  },
  ozaki: {
    tasks: ["unpaired"],
    pitfalls:
      "As cyclegan. Values outside −600 to 400 HU are clipped by its network. Wants a feature network (`ct-features`) for its perceptual loss.",
    source: "Ozaki et al. 2022, arXiv 2107.05238",
  },
  autoencoder: {
    tasks: ["noisy"],
    pitfalls: "A bottleneck that is too wide gives features that say nothing; no enhancement by itself.",
    source: "Hinton & Salakhutdinov 2006, doi 10.1126/science.1127647",
  },
};

interface Listed {
  readonly file: string;
  readonly recipe: Recipe;
}

function readRecipes(): Listed[] {
  return readdirSync(RECIPES)
    .filter((file) => file.endsWith(".json") && file !== "recipe.schema.json")
    .sort()
    .map((file) => ({ file, recipe: parseRecipe(readFileSync(new URL(file, RECIPES), "utf8")) }));
}

function findNotes(name: string): MethodNotes {
  const notes = NOTES[name];
  if (notes === undefined) throw new Error(`method "${name}" has no line in methods-page.ts`);
  return notes;
}

const escapePipes = (text: string): string => text.replaceAll("|", "\\|");
const linkRecipe = (file: string): string => `[${file.replace(".json", "")}](../../recipes/${file})`;

/** Billions of multiplications of one forward pass over the patches of a step. */
function countStep(recipe: Recipe): { readonly network: string; readonly billions: number } {
  const { main } = buildRecipeProgram(recipe, { features: { digest: "", apply: (x) => x } }).networks;
  const { patch, batch, accumulate = 1 } = recipe.training;
  const macs = countMacs(main, listPatchSides(patch)) * batch * accumulate;
  return { network: main.name, billions: macs / 1e9 };
}

function describeBatch({ training }: Recipe): string {
  const { patch, batch, accumulate = 1 } = training;
  return `${accumulate > 1 ? `${accumulate} × ` : ""}${batch} × ${listPatchSides(patch).join("×")}`;
}

function listOptions(options: Readonly<Record<string, TaskOption>>): string {
  return Object.entries(options)
    .map(([name, { description, defaultValue }]) => {
      return `  - \`${name}\` (${JSON.stringify(defaultValue)}): ${description}`;
    })
    .join("\n");
}

function listKeys(keys: Readonly<Record<string, TaskOption>>): string {
  return Object.entries(keys)
    .map(([name, { description, defaultValue }]) => {
      return `| \`${name}\` | \`${JSON.stringify(defaultValue)}\` | ${escapePipes(description)} |`;
    })
    .join("\n");
}

/** The page. */
export function createMethodsPage(): string {
  const recipes = readRecipes();
  const tasks = [...trainingTasks.entries()];
  const methodRows = [...methods.entries()].map(([name, { when, fields }]) => {
    const { tasks: fitting, pitfalls, source } = findNotes(name);
    for (const task of fitting) {
      const missing = fields.filter((field) => !trainingTasks.get(task).fields.includes(field));
      if (missing.length > 0) throw new Error(`task "${task}" gives "${name}" no ${missing.join(", ")}`);
    }
    const shipped = recipes.filter(({ recipe }) => (recipe.method?.name ?? "regression") === name);
    const costs = shipped.map(({ recipe }) => countStep(recipe).billions);
    const cost =
      costs.length === 0
        ? "–"
        : `${Math.min(...costs).toFixed(1)}${costs.length > 1 ? ` to ${Math.max(...costs).toFixed(1)}` : ""}`;
    return `| \`${name}\` | ${when} | ${fitting.join(", ")} | ${shipped.map(({ file }) => linkRecipe(file)).join(", ")} | ${cost} | ${pitfalls} | ${source} |`;
  });
  const taskRows = tasks.map(
    ([name, { summary, truth, fields }]) =>
      `| \`${name}\` | ${escapePipes(summary)} | ${escapePipes(truth)} | ${fields.join(", ")} |`,
  );
  const taskOptions = tasks
    .filter(([, { options }]) => Object.keys(options).length > 0)
    .map(([name, { options }]) => `- \`${name}\`\n${listOptions(options)}`);
  const methodOptions = [...methods.entries()]
    .filter(([, { options }]) => Object.keys(options).length > 0)
    .map(([name, { options }]) => `- \`${name}\`\n${listOptions(options)}`);
  const recipeRows = recipes.map(({ file, recipe }) => {
    const { network, billions } = countStep(recipe);
    const { steps } = recipe.training;
    return `| ${linkRecipe(file)} | ${recipe.summary} | ${recipe.method?.name ?? "regression"} | ${recipe.data.task?.name ?? "low-dose"} | ${network} | ${describeBatch(recipe)} | ${steps} | ${billions.toFixed(1)} | ${((billions * steps) / 1000).toFixed(0)} |`;
  });
  return `# Methods, tasks and recipes

Written by \`scripts/docs/list-methods.ts\` from the registries and the recipes; do not edit. A **method** says what is
minimised, a **task** says what images it is fed with, a **recipe** names one of each, the networks and the numbers
([training](training.md)). [Networks and losses](networks.md) have a page of their own.

## Methods

Cost: 10⁹ multiplications of one forward pass of the main network over a step's patches, over the recipes named. A
training step takes about three times that for one network; critics, cycles and probes come on top.

| method | when | tasks that feed it | recipes | cost | pitfalls | source |
|---|---|---|---|---|---|---|
${methodRows.join("\n")}

### Options of methods, with defaults

${methodOptions.join("\n")}

## Tasks

| task | what it makes | truth | fields |
|---|---|---|---|
${taskRows.join("\n")}

Slices with neighbours (2.5D: \`inputChannels\` 3, 5 …) and slabs (3D: \`dimensions\` 3 and a patch of three sides) follow
from the network. A network with \`hasStrength\` is validated at strength 1. Phantoms are the same in every slice: in 2.5D
and 3D they teach a network to average along z, so recipes for these set \`phantoms.share\` to 0.

### Options of tasks, with defaults

${taskOptions.join("\n")}

## Recipes

The last two columns are 10⁹ multiplications per step and 10¹² per run, as above. Sized for two cores within about two
hours, going by multiplications; \`ozaki-full\` wants a GPU.

| recipe | what it trains | method | task | network | batch | steps | per step | per run |
|---|---|---|---|---|---|---|---|---|
${recipeRows.join("\n")}

## Where patches are taken: \`data.sampling\`

Without it, \`data.bodyShare\` of the patches hold body.

| key | default | meaning |
|---|---|---|
${listKeys(SAMPLING_KEYS)}

## How patches are varied: \`data.augmentation\`

Without it, quarter turns and flips. What interpolates also smooths noise, in input and target alike.

| key | default | meaning |
|---|---|---|
${listKeys(AUGMENTATION_KEYS)}
`;
}
