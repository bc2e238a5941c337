/**
 * Beam hardening: the image is taken apart into tissues, projected, and seen by a polychromatic beam whose hardening
 * is not corrected (cupping), or corrected for water alone (dark bands between bones).
 */
import { createCentredGrid, createVolume, type Volume } from "@alara/core";
import { computeMuPerMm, createVoxelPhantom, materials, type VoxelPhantom } from "@alara/physics";
import { type BeamOptions, createBeamModel, projectAmounts } from "./beam-model.ts";
import {
  type ChainOptions,
  checkOption,
  type DegradationChain,
  type DegradationSource,
  type DegradedPair,
  degradeThroughChain,
  reconstructDifferences,
} from "./degradation.ts";

/** Options of {@link degradeByBeamHardening}. */
export interface BeamHardeningOptions extends ChainOptions, BeamOptions {
  /** Share of the fault that is added; 0 is clean, 1 (default) is what physics gives. */
  readonly strength?: number;
}

/** The attenuation of one slice on the chain's grid as a volume of HU. */
function renderPaddedSlice(chain: DegradationChain, slice: number): Volume<"HU"> {
  const { grid, muWaterPerMm } = chain;
  const geometry = createCentredGrid(
    [1, grid.rows, grid.columns],
    [1, grid.rowSpacingMm, grid.columnSpacingMm],
  );
  const attenuation = chain.getAttenuation(slice);
  return createVolume(
    "HU",
    geometry,
    attenuation.map((mu) => 1000 * (mu / muWaterPerMm - 1)),
  );
}

/** Tissues of one slice on the chain's grid. */
export function segmentSlice(
  chain: DegradationChain,
  slice: number,
  referenceEnergyKev: number,
): VoxelPhantom {
  return createVoxelPhantom(renderPaddedSlice(chain, slice), { referenceEnergyKev });
}

/**
 * Adds beam hardening.
 *
 * @param options.correction - default `"none"`
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`; PhysicsError for unknown spectra
 * Tested: cupping of water and its sign, water correction takes it away, dark bands between bones stay, strength 0 is
 * clean bit for bit.
 */
export async function degradeByBeamHardening(
  source: DegradationSource,
  options: BeamHardeningOptions = {},
): Promise<DegradedPair> {
  const { strength = 1, referenceEnergyKev = 70, correction = "none" } = options;
  checkOption("strength", strength, 0, 5, "1 is what physics gives");
  const name = typeof options.spectrum === "object" ? options.spectrum.name : (options.spectrum ?? "ct-120");
  return degradeThroughChain(
    source,
    options,
    { degradation: "beam-hardening", strength, referenceEnergyKev, correction, spectrum: name },
    ({ chain, start, end }) => {
      const scale = chain.muWaterPerMm / computeMuPerMm(materials.get("water"), referenceEnergyKev);
      const differences: Float32Array[] = [];
      for (let slice = start; slice < end; slice++) {
        const difference = new Float32Array(chain.geometry.anglesRad.length * chain.geometry.channels);
        differences.push(difference);
        if (strength === 0) continue;
        const phantom = segmentSlice(chain, slice, referenceEnergyKev);
        const beam = createBeamModel(phantom.materials, options, "none");
        const paths = projectAmounts(chain, phantom);
        const lengths = new Float64Array(paths.length);
        for (let i = 0; i < difference.length; i++) {
          let truth = 0;
          for (let m = 0; m < paths.length; m++) {
            lengths[m] = paths[m][i];
            truth += beam.referenceMuPerMm[m] * lengths[m];
          }
          if (truth === 0) continue;
          difference[i] = strength * scale * (beam.correct(-Math.log(beam.transmit(lengths))) - truth);
        }
      }
      return reconstructDifferences(chain, differences);
    },
  );
}
