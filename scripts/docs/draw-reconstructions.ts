/**
 * Draws what every geometry, window, method, comparator and degradation looks like on one thorax, and writes the page
 * docs/theory/reconstructions.md. Takes a few minutes. Run: node scripts/docs/draw-reconstructions.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createCentredGrid, createRandom, type Sinogram, type Volume } from "@alara/core";
import {
  computeLineIntegrals,
  computeMuPerMm,
  createConeCurvedGeometry,
  createConeFlatGeometry,
  createFanFlatGeometry,
  createParallelGeometry,
  createScanGeometry,
  createThoraxPhantom,
  evaluatePhantom,
  flatPanelScanners,
  materials,
  projectValuePhantom,
  scanners,
  simulateCounts,
  voxelizeHu,
} from "@alara/physics";
import {
  convertMuToHu,
  degradations,
  iterativeMethods,
  reconstructFbp,
  reconstructHybridIterative,
  reconstructIterative,
  reconstructModelBased,
} from "@alara/recon";
import { encodePng } from "./png.ts";

const FOLDER = fileURLToPath(new URL("../../docs/images/reconstructions/", import.meta.url));
const PAGE = fileURLToPath(new URL("../../docs/theory/reconstructions.md", import.meta.url));
const SIZE = 224;
const FOV_MM = 390;
const ENERGY_KEV = 70;
const NOISE = { incidentQuanta: 3e4, electronicNoiseQuanta: 4 };
const WINDOW = [-160, 240] as const;
const MU_WATER = computeMuPerMm(materials.get("water"), ENERGY_KEV);

const phantom = createThoraxPhantom({ iodineMgPerMl: 8, nodules: 6 });
const values = evaluatePhantom(phantom, ENERGY_KEV);
const grid = createCentredGrid([1, SIZE, SIZE], [1.5, FOV_MM / SIZE, FOV_MM / SIZE]);

interface Picture {
  readonly title: string;
  readonly file: string;
}
const sections: { readonly heading: string; readonly text: string; readonly pictures: Picture[] }[] = [];

function save(
  name: string,
  title: string,
  volume: Volume<"HU">,
  window: readonly [number, number] = WINDOW,
): void {
  const file = `${name}.png`;
  const plane = SIZE * SIZE;
  const middle = Math.floor(volume.geometry.size[0] / 2) * plane;
  writeFileSync(
    `${FOLDER}${file}`,
    encodePng(volume.data.subarray(middle, middle + plane), SIZE, SIZE, window),
  );
  sections[sections.length - 1].pictures.push({ title, file });
}

function addNoise<S extends Sinogram<"line integral">>(sinogram: S): S {
  const counts = simulateCounts(sinogram.data, NOISE, createRandom(1));
  return { ...sinogram, data: computeLineIntegrals(counts, NOISE) };
}

const toHu = (mu: Volume<"1/mm">): Volume<"HU"> => convertMuToHu(mu, MU_WATER);

mkdirSync(FOLDER, { recursive: true });
sections.push({ heading: "Truth", text: "The phantom itself.", pictures: [] });
save("truth", "thorax at 70 keV", voxelizeHu(phantom, ENERGY_KEV, grid));

const ge = scanners.get("ge-lightspeed");
const panel = {
  ...flatPanelScanners.get("rtk-test"),
  channels: 500,
  channelPitchMm: 2,
  rows: 9,
  rowPitchMm: 3,
};
sections.push({
  heading: "Geometries",
  text: "Exact noise-free line integrals, filtered back-projection with a Hann window; cones in their mid-plane.",
  pictures: [],
});
const arc = createScanGeometry(ge, { views: 492, channelBinning: 2 });
const geometries = [
  ["parallel", createParallelGeometry({ channels: 450, channelPitchMm: 1, views: 360 })],
  ["fan-arc", arc],
  ["fan-arc, short scan", createScanGeometry(ge, { channelBinning: 2, arc: "short" })],
  ["fan-flat", createFanFlatGeometry(panel, { views: 360 })],
  ["fan-flat, offset detector", createFanFlatGeometry(panel, { views: 720, channelShiftMm: 300 })],
  ["cone-flat (FDK)", createConeFlatGeometry(panel, { views: 360 })],
  ["cone-curved (FDK)", createConeCurvedGeometry(ge, { views: 492, channelBinning: 2, rows: 8 })],
] as const;
for (const [title, geometry] of geometries) {
  const sinogram = projectValuePhantom(values, geometry, { raysPerChannel: 2 });
  const image = await reconstructFbp(sinogram, { grid, window: "hann", truncation: "ignore" });
  save(title.replace(/[^a-z]+/g, "-").replace(/-$/, ""), title, toHu(image));
}

const clean = projectValuePhantom(values, arc, { raysPerChannel: 2 });
const noisy = addNoise(clean);
sections.push({
  heading: "Windows",
  text: `Filtered back-projection of a scan with ${NOISE.incidentQuanta} quanta per sample in air.`,
  pictures: [],
});
for (const window of [
  "ram-lak",
  "shepp-logan",
  "cosine",
  "hamming",
  "hann",
  "ge-soft",
  "ge-standard",
  "ge-bone",
]) {
  save(`window-${window}`, window, toHu(await reconstructFbp(noisy, { grid, window })));
}

sections.push({
  heading: "Iterative methods",
  text: "The same noisy scan; started from FBP, default settings, 15 passes.",
  pictures: [],
});
const start = await reconstructFbp(noisy, { grid, window: "hann" });
const initial = { ...start, data: start.data.map((value) => Math.max(1e-6, value)) };
for (const name of iterativeMethods.names) {
  const method = iterativeMethods.get(name);
  const image = await reconstructIterative(noisy, {
    method: name,
    grid,
    initial,
    iterations: 15,
    recordObjective: false,
    ...(method.usesWeights ? { noise: NOISE } : {}),
    ...(name === "pwls" ? { strength: 3e4, prior: { potential: "huber", delta: 4e-4 } } : {}),
  });
  save(`method-${name}`, name, toHu(image));
}

sections.push({
  heading: "Conventional comparators",
  text: "Look-alikes, levels mild, standard, strong; not vendors' products.",
  pictures: [],
});
for (const strength of ["mild", "standard", "strong"] as const) {
  const hybrid = await reconstructHybridIterative(noisy, {
    grid,
    window: "ge-standard",
    noise: NOISE,
    strength,
  });
  save(`hybrid-${strength}`, `hybrid-iterative, ${strength}`, toHu(hybrid));
}
for (const strength of ["mild", "standard", "strong"] as const) {
  const modelled = await reconstructModelBased(noisy, { grid, noise: NOISE, strength });
  save(`model-based-${strength}`, `model-based, ${strength}`, toHu(modelled));
}

sections.push({
  heading: "Degradations",
  text: "Faults with known truth, each at a severity of 0.6 in the noise-free thorax.",
  pictures: [],
});
for (const [name, entry] of degradations.entries()) {
  const { degraded } = await entry.apply(
    { phantom, grid },
    { seed: 3, severity: 0.6, views: 492, channelBinning: 2 },
  );
  save(`degraded-${name}`, name, degraded);
}

const lines = [
  "# Reconstructions",
  "",
  "What the geometries, windows, methods and faults of [tomography](tomography.md) look like on one slice of the thorax",
  `phantom: ${SIZE}² pixels, soft-tissue window. Made by \`node scripts/docs/draw-reconstructions.ts\`.`,
  "",
];
for (const { heading, text, pictures } of sections) {
  lines.push(`## ${heading}`, "", text, "");
  lines.push("| | | | |", "|---|---|---|---|");
  for (let i = 0; i < pictures.length; i += 4) {
    const row = [0, 1, 2, 3].map((k) => pictures[i + k]);
    const cell = (p: Picture | undefined): string =>
      p === undefined ? "" : `![${p.title}](../images/reconstructions/${p.file})<br>${p.title}`;
    lines.push(`| ${row.map(cell).join(" | ")} |`);
  }
  lines.push("");
}
writeFileSync(PAGE, lines.join("\n"));
