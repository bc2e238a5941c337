/**
 * Spectra by name: CT tubes, micro-CT and megavolt beams, made by the models of this folder when asked for.
 */
import { createRegistry, type Registry } from "@alara/core";
import { materials } from "../materials/materials.ts";
import { createLinacSpectrum, FLATTENING_COPPER_MM } from "./linac.ts";
import type { Spectrum } from "./spectrum.ts";
import { createTubeSpectrum } from "./tube.ts";

/** A spectrum that can be had by name. */
export interface SpectrumPreset {
  readonly name: string;
  readonly summary: string;
  /** Makes the spectrum; the same each time. */
  create(): Spectrum;
}

const aluminium = materials.get("aluminium");

/** CT: tungsten 7°, 3 mm aluminium beside the inherent filtration. */
function describeCt(kilovolts: number): SpectrumPreset {
  const name = `ct-${kilovolts}`;
  return {
    name,
    summary: `CT tube, ${kilovolts} kV, tungsten 7°, 3 mm Al`,
    create: () => createTubeSpectrum(kilovolts, { name, filters: [{ material: aluminium, thicknessMm: 3 }] }),
  };
}

/** CT with tin, as used for lung and low-dose scans. */
function describeTin(kilovolts: number, tinMm: number): SpectrumPreset {
  const name = `ct-${kilovolts}-sn`;
  const filters = [
    { material: aluminium, thicknessMm: 3 },
    { material: materials.get("tin"), thicknessMm: tinMm },
  ];
  return {
    name,
    summary: `CT tube, ${kilovolts} kV, tungsten 7°, 3 mm Al and ${tinMm} mm Sn`,
    create: () => createTubeSpectrum(kilovolts, { name, filters }),
  };
}

/** Micro-CT: tungsten 12°, 0.5 mm aluminium and nothing else. */
function describeMicro(kilovolts: number): SpectrumPreset {
  const name = `micro-ct-${kilovolts}`;
  return {
    name,
    summary: `micro-CT tube, ${kilovolts} kV, tungsten 12°, 0.5 mm Al`,
    create: () =>
      createTubeSpectrum(kilovolts, {
        name,
        anodeAngleRad: (12 * Math.PI) / 180,
        inherentAluminiumMm: 0,
        filters: [{ material: aluminium, thicknessMm: 0.5 }],
      }),
  };
}

function describeLinac(name: string, summary: string, endPointKev: number, copperMm = 0): SpectrumPreset {
  return { name, summary, create: () => createLinacSpectrum(endPointKev, { name, copperMm }) };
}

const presets: readonly SpectrumPreset[] = [
  ...[70, 80, 90, 100, 110, 120, 130, 140, 150].map(describeCt),
  describeTin(100, 0.4),
  describeTin(150, 0.6),
  {
    name: "cbct-100",
    summary: "cone-beam CT tube, 100 kV, tungsten 14°, 2.7 mm Al in all and 0.89 mm Ti",
    create: () =>
      createTubeSpectrum(100, {
        name: "cbct-100",
        anodeAngleRad: (14 * Math.PI) / 180,
        inherentAluminiumMm: 2.7,
        filters: [{ material: materials.get("titanium"), thicknessMm: 0.89 }],
      }),
  },
  ...[40, 50, 60, 70, 80, 90].map(describeMicro),
  describeLinac("mv-2.5", "2.5 MeV accelerator for imaging, no filter", 2500),
  describeLinac("mv-3.5", "TomoTherapy-like 3.5 MV imaging beam", 3500),
  describeLinac("mv-6-unfiltered", "6 MeV accelerator without flattening filter", 6000),
  describeLinac("mv-6", "6 MeV accelerator with flattening filter", 6000, FLATTENING_COPPER_MM),
];

/** Spectra by name. */
export const spectra: Registry<SpectrumPreset> = createRegistry<SpectrumPreset>(
  "spectrum",
  presets.map((preset) => [preset.name, preset] as const),
);
