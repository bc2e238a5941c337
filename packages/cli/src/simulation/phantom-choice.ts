/** The phantoms of `physics` under one list of names, as the command line offers them. */
import {
  convertPhantomToMu,
  extrudePhantom,
  type MaterialPhantom,
  measurePhantomBounds,
  phantoms,
  type SolidBounds,
  solidPhantoms,
  type ValuePhantom,
} from "@alara/physics";
import { MU_WATER_70KEV_PER_MM } from "@alara/recon";
import { UsageError } from "../context.ts";

/** Attenuation of water that the registered phantoms of plain values refer to, 1/mm. */
const VALUE_MU_WATER_PER_MM = 0.02;

/** A phantom to voxelise or to scan. */
export type ChosenPhantom = { readonly bounds: SolidBounds } & (
  | { readonly content: "materials"; readonly phantom: MaterialPhantom }
  | { readonly content: "values"; readonly phantom: ValuePhantom; readonly muWaterPerMm: number }
);

/** A line of the list. */
export interface PhantomListing {
  readonly name: string;
  readonly summary: string;
  readonly content: "materials" | "values";
}

/** All phantoms by name. */
export function listPhantoms(): readonly PhantomListing[] {
  return [
    ...[...solidPhantoms.entries()].map(([name, { summary, content }]) => ({ name, summary, content })),
    ...[...phantoms.entries()].map(([name, { summary }]) => ({
      name,
      summary: `${summary}; the same in every slice`,
      content: "values" as const,
    })),
  ];
}

/** Whether a name is a phantom's. */
export function isPhantomName(name: string): boolean {
  return solidPhantoms.has(name) || phantoms.has(name);
}

/**
 * Makes a phantom.
 *
 * @throws UsageError for unknown names
 */
export function choosePhantom(name: string): ChosenPhantom {
  if (solidPhantoms.has(name)) {
    const entry = solidPhantoms.get(name);
    if (entry.content === "materials") {
      const phantom = entry.create();
      return { content: "materials", phantom, bounds: measurePhantomBounds(phantom) };
    }
    const phantom = entry.create();
    return {
      content: "values",
      phantom,
      bounds: measurePhantomBounds(phantom),
      muWaterPerMm: VALUE_MU_WATER_PER_MM,
    };
  }
  if (!phantoms.has(name)) {
    throw new UsageError(`there is no phantom "${name}"; \`alara simulate phantom --list\` lists them`);
  }
  const plane = phantoms.get(name).create();
  const muWaterPerMm = plane.unit === "HU" ? MU_WATER_70KEV_PER_MM : VALUE_MU_WATER_PER_MM;
  const phantom = extrudePhantom(
    plane.unit === "HU" ? convertPhantomToMu({ ...plane, unit: "HU" }, muWaterPerMm) : plane,
  );
  return { content: "values", phantom, bounds: measurePhantomBounds(phantom), muWaterPerMm };
}
