/**
 * Draws every registered phantom for docs/theory/phantoms.md: an axial picture of each, a coronal one of those that
 * change along z, and writes the page that shows them. Run: node scripts/docs/draw-phantoms.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createCentredGrid, type GridGeometry } from "@alara/core";
import {
  anatomicalPhantoms,
  evaluatePhantom,
  measurePhantomBounds,
  phantoms,
  placePhantom,
  solidPhantoms,
  type ValuePhantom,
  voxelizePhantom,
  voxelizeSolids,
} from "@alara/physics";
import { encodePng } from "./png.ts";

const FOLDER = fileURLToPath(new URL("../../docs/images/phantoms/", import.meta.url));
const PAGE = fileURLToPath(new URL("../../docs/theory/phantoms.md", import.meta.url));
const SIZE = 224;
const ENERGY_KEV = 70;
const MICRO_ENERGY_KEV = 30;
const MU_WATER: Readonly<Record<number, number>> = { 70: 0.019286, 30: 0.03756 };

/** Black and white in HU, and the height that is shown; default soft tissue at z = 0. */
const VIEWS: Readonly<Record<string, { readonly window?: readonly [number, number]; readonly z?: number }>> =
  {
    "shepp-logan": { window: [-50, 100] },
    "shepp-logan-modified": { window: [-1000, 200] },
    "shepp-logan-3d": { window: [-1000, 200] },
    "forbild-head": { window: [0, 100] },
    "forbild-head-materials": { window: [0, 100] },
    "catphan-ctp486": { window: [-200, 200] },
    "catphan-ctp515": { window: [20, 80] },
    "catphan-ctp528": { window: [-200, 1500] },
    "acr-464-module-2": { window: [60, 130] },
    "acr-464-module-4": { window: [-200, 1500] },
    "acr-464": { window: [-400, 400], z: 5 },
    catphan: { window: [-400, 400] },
    cct189: { window: [-15, 25] },
    "random-chest": { window: [-1000, 500] },
    thorax: { window: [-1000, 400] },
    "micro-ct": { window: [-1000, 2000] },
    mouse: { window: [-1000, 1500], z: 10 },
    coronary: { window: [-300, 700] },
  };
const DEFAULT_WINDOW: readonly [number, number] = [-400, 500];
const MICRO = new Set(["micro-ct", "mouse"]);

interface Drawn {
  readonly name: string;
  readonly summary: string;
  readonly pictures: readonly string[];
}

function toHu(data: Float32Array, muWater: number): Float32Array {
  return data.map((mu) => 1000 * (mu / muWater - 1));
}

/** A picture in the plane of z = height, or, turned upright, of y = 0. */
function drawSolids(
  name: string,
  phantom: ValuePhantom,
  muWater: number,
  plane: "axial" | "coronal",
): string {
  const { lowMm, highMm } = measurePhantomBounds(phantom);
  const view = VIEWS[name] ?? {};
  const reach = (axis: number): number => Math.max(-lowMm[axis], highMm[axis]);
  const isAxial = plane === "axial";
  const half = 1.06 * Math.max(reach(0), isAxial ? reach(1) : reach(2));
  const pixel = (2 * half) / SIZE;
  // A coronal picture is an axial one of the phantom turned by a quarter about x: its z is shown upwards.
  const shown = isAxial
    ? phantom
    : placePhantom(phantom, { axes: { x: [1, 0, 0], y: [0, 0, 1], z: [0, -1, 0] } });
  const grid: GridGeometry = createCentredGrid([1, SIZE, SIZE], [pixel, pixel, pixel]);
  const { data } = voxelizeSolids(shown, grid, {
    subsamples: 3,
    isocentreOffsetMm: [isAxial ? -(view.z ?? 0) : 0, 0, 0],
  });
  const file = `${name}-${plane}.png`;
  writeFileSync(
    `${FOLDER}${file}`,
    encodePng(toHu(data, muWater), SIZE, SIZE, view.window ?? DEFAULT_WINDOW),
  );
  return file;
}

/** Whether anything changes along z within the phantom. */
function isThreeDimensional(phantom: ValuePhantom): boolean {
  const { lowMm, highMm } = measurePhantomBounds(phantom);
  const height = highMm[2] - lowMm[2];
  return Number.isFinite(height) && height > 60 * ((highMm[0] - lowMm[0]) / 200);
}

mkdirSync(FOLDER, { recursive: true });
const drawn: Drawn[] = [];
const addMaterials = (
  name: string,
  summary: string,
  phantom: Parameters<typeof evaluatePhantom>[0],
): void => {
  const energy = MICRO.has(name) ? MICRO_ENERGY_KEV : ENERGY_KEV;
  const values = evaluatePhantom(phantom, energy);
  const pictures = [drawSolids(name, values, MU_WATER[energy], "axial")];
  if (isThreeDimensional(values)) pictures.push(drawSolids(name, values, MU_WATER[energy], "coronal"));
  drawn.push({ name, summary, pictures });
};
for (const [name, entry] of solidPhantoms.entries()) {
  if (entry.content === "materials") addMaterials(name, entry.summary, entry.create());
  else {
    const phantom = entry.create();
    drawn.push({
      name,
      summary: entry.summary,
      pictures: [drawSolids(name, phantom, 0.02, "axial"), drawSolids(name, phantom, 0.02, "coronal")],
    });
  }
}
for (const [name, entry] of anatomicalPhantoms.entries()) addMaterials(name, entry.summary, entry.create());
for (const [name, entry] of phantoms.entries()) {
  const phantom = entry.create();
  const reach = Math.max(
    ...phantom.ellipses.map((e) => Math.hypot(e.xMm, e.yMm) + Math.max(e.semiAxisXMm, e.semiAxisYMm)),
  );
  const pixel = (2.1 * Math.min(reach, 215)) / SIZE;
  const { data } = voxelizePhantom(phantom, createCentredGrid([1, SIZE, SIZE], [1, pixel, pixel]), {
    subsamples: 3,
  });
  const hu = phantom.unit === "HU" ? data : toHu(data, 0.02);
  writeFileSync(`${FOLDER}${name}.png`, encodePng(hu, SIZE, SIZE, VIEWS[name]?.window ?? DEFAULT_WINDOW));
  drawn.push({ name, summary: entry.summary, pictures: [`${name}.png`] });
}

const lines = [
  "# Phantoms",
  "",
  "Every phantom of `alara simulate phantom --list`, drawn by `node scripts/docs/draw-phantoms.ts`: axial, and coronal",
  "(head up) where the phantom changes along z. Materials at 70 keV, micro-CT at 30 keV; windows differ. What they are made",
  "of stands in [tomography §2.8](tomography.md#28-phantoms); line integrals through them are exact.",
  "",
  "| phantom | | |",
  "|---|---|---|",
  ...drawn.map(({ name, summary, pictures }) => {
    const images = pictures.map((file) => `![${name}](../images/phantoms/${file})`);
    return `| **${name}**: ${summary} | ${images[0]} | ${images[1] ?? ""} |`;
  }),
  "",
];
writeFileSync(PAGE, lines.join("\n"));
