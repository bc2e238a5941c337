/**
 * Metal streaks: ellipses of metal are put into the image and seen by a polychromatic beam with few quanta left behind
 * them: beam hardening, non-linear partial volume over the detector's channels, photon starvation with its clamped
 * logarithm. The clean image holds the same metal without streaks. Scatter and motion of the metal are not modelled.
 */
import { createCentredGrid, createRandom, createVolume, type GridGeometry } from "@alara/core";
import {
  computeLineIntegrals,
  computeLogVariance,
  computeMuPerMm,
  createPhantomProjector,
  getRayAngleRad,
  type Material,
  materials,
  type Phantom,
  simulateCounts,
  voxelizePhantom,
} from "@alara/physics";
import { segmentSlice } from "./beam-hardening.ts";
import { type BeamOptions, createBeamModel, projectAmounts } from "./beam-model.ts";
import {
  type ChainOptions,
  checkOption,
  type DegradationSource,
  type DegradedPair,
  degradeThroughChain,
  reconstructDifferences,
  renderSource,
} from "./degradation.ts";

/** An ellipse of metal in every slice. */
export interface MetalInsert {
  /** Centre from the rotation axis, mm. */
  readonly xMm: number;
  readonly yMm: number;
  readonly semiAxisXMm: number;
  /** Default: the other semi-axis. */
  readonly semiAxisYMm?: number;
  /** Of the first semi-axis from x towards y; default 0. */
  readonly rotationRad?: number;
}

/** Options of {@link degradeByMetal}. */
export interface MetalOptions extends ChainOptions, BeamOptions {
  /** Seed of the noise behind the metal. */
  readonly seed: number;
  /** What is put in; none leaves the image clean. */
  readonly inserts: readonly MetalInsert[];
  /** Default titanium alloy's main part, titanium. */
  readonly material?: Material;
  /** Quanta per channel and view without an object; default 2e5. `Infinity` leaves out noise and starvation. */
  readonly incidentQuanta?: number;
  /** Readout noise in quanta; default 4. */
  readonly electronicNoiseQuanta?: number;
  /** Rays over the width of a channel whose signals are averaged; default 5. */
  readonly raysPerChannel?: number;
  /** Both images are cut off here; default 3071 HU (12 bits); `Infinity` keeps the metal's own HU. */
  readonly ceilingHu?: number;
}

/** Share of each pixel that metal covers. */
function computeCoverage(
  metal: Phantom<"1/mm">,
  geometry: GridGeometry,
  axisOffsetMm: readonly [number, number] | undefined,
): Float32Array {
  const slice = { ...geometry, size: [1, geometry.size[1], geometry.size[2]] as const };
  return voxelizePhantom(metal, slice, { subsamples: 8, ...(axisOffsetMm && { axisOffsetMm }) }).data;
}

/**
 * Puts metal into an image, with and without its streaks.
 *
 * @param options.correction - of tissue; default `"water"`
 * @returns `clean` holds the metal (cut off at `ceilingHu`) and no streaks
 * @throws ReconError `OUT_OF_RANGE`, `NON_FINITE`; PhysicsError for unknown spectra
 * @remarks Noise is that which the metal adds: the image's own noise is taken off in variance.
 * Tested: dark band between two inserts and little across, noise in the streak, metal that neither hardens nor
 * starves leaves nothing, no inserts is clean bit for bit.
 */
export async function degradeByMetal(
  source: DegradationSource,
  options: MetalOptions,
): Promise<DegradedPair> {
  const {
    seed,
    inserts,
    material = materials.get("titanium"),
    incidentQuanta = 2e5,
    electronicNoiseQuanta = 4,
    raysPerChannel = 5,
    ceilingHu = 3071,
    referenceEnergyKev = 70,
    correction = "water",
  } = options;
  checkOption("incidentQuanta", incidentQuanta, 10, Number.POSITIVE_INFINITY, "CT has 1e4 to 1e6");
  checkOption("electronicNoiseQuanta", electronicNoiseQuanta, 0, 1e4, "CT has about 4");
  checkOption("raysPerChannel", raysPerChannel, 1, 50, "pass e.g. 5");
  checkOption("ceilingHu", ceilingHu, 500, Number.POSITIVE_INFINITY, "12 bits end at 3071");
  for (const { xMm, yMm, semiAxisXMm, semiAxisYMm = semiAxisXMm } of inserts) {
    checkOption("insert semi-axis", Math.min(semiAxisXMm, semiAxisYMm), 0.1, 100, "mm");
    checkOption("insert position", Math.max(Math.abs(xMm), Math.abs(yMm)), 0, 400, "mm from the axis");
  }
  const metal: Phantom<"1/mm"> = {
    unit: "1/mm",
    composition: "replace",
    background: 0,
    ellipses: inserts.map((insert) => ({
      xMm: insert.xMm,
      yMm: insert.yMm,
      semiAxisXMm: insert.semiAxisXMm,
      semiAxisYMm: insert.semiAxisYMm ?? insert.semiAxisXMm,
      rotationRad: insert.rotationRad ?? 0,
      value: 1,
    })),
  };
  const waterMu = computeMuPerMm(materials.get("water"), referenceEnergyKev);
  const metalMu = computeMuPerMm(material, referenceEnergyKev);
  const image = renderSource(source, options.axisOffsetMm);
  const plane = image.geometry.size[1] * image.geometry.size[2];
  const random = createRandom(seed);

  // Differences first, on the image without metal; then the metal is put into both images.
  const pair = await degradeThroughChain(
    source,
    options,
    {
      degradation: "metal-streaks",
      seed,
      inserts,
      material: material.name,
      incidentQuanta,
      electronicNoiseQuanta,
      raysPerChannel,
      ceilingHu,
      referenceEnergyKev,
      correction,
      spectrum: typeof options.spectrum === "object" ? options.spectrum.name : (options.spectrum ?? "ct-120"),
    },
    ({ chain, start, end }) => {
      const { geometry, grid } = chain;
      const { channels } = geometry;
      const views = geometry.anglesRad.length;
      const differences = Array.from({ length: end - start }, () => new Float32Array(views * channels));
      if (inserts.length === 0) return reconstructDifferences(chain, differences);
      // Metal lengths of sub-rays, where there are any.
      const projector = createPhantomProjector(metal);
      const rays: number[] = [];
      const subLengths: number[] = [];
      for (let view = 0; view < views; view++) {
        const beta = geometry.anglesRad[view];
        const x = geometry.sourceToIsoMm * Math.cos(beta);
        const y = geometry.sourceToIsoMm * Math.sin(beta);
        for (let c = 0; c < channels; c++) {
          const lengths = Array.from({ length: raysPerChannel }, (_, k) => {
            const angle = beta - getRayAngleRad(geometry, c + (k + 0.5) / raysPerChannel - 0.5);
            return projector.integrate(x, y, -Math.cos(angle), -Math.sin(angle));
          });
          if (lengths.every((length) => length === 0)) continue;
          rays.push(view * channels + c);
          subLengths.push(...lengths);
        }
      }
      const paddedGeometry = createCentredGrid(
        [1, grid.rows, grid.columns],
        [1, grid.rowSpacingMm, grid.columnSpacingMm],
      );
      const keep = computeCoverage(metal, paddedGeometry, options.axisOffsetMm).map((share) => 1 - share);
      const scale = chain.muWaterPerMm / waterMu;
      for (let slice = start; slice < end; slice++) {
        const phantom = segmentSlice(chain, slice, referenceEnergyKev);
        const beam = createBeamModel([...phantom.materials, material], options, "water");
        const paths = projectAmounts(chain, phantom, keep);
        const lengths = new Float64Array(paths.length + 1);
        const noise = random.derive(`metal/${slice}`);
        const difference = differences[slice - start];
        rays.forEach((ray, k) => {
          for (let m = 0; m < paths.length; m++) lengths[m] = paths[m][ray];
          lengths[paths.length] = 0;
          const without = -Math.log(beam.transmit(lengths));
          let signal = 0;
          let metalMm = 0;
          for (let j = 0; j < raysPerChannel; j++) {
            const length = subLengths[k * raysPerChannel + j];
            lengths[paths.length] = length;
            signal += beam.transmit(lengths) / raysPerChannel;
            metalMm += length / raysPerChannel;
          }
          const behind = -Math.log(signal);
          let seen = beam.correct(behind);
          if (incidentQuanta < Number.POSITIVE_INFINITY) {
            const model = { incidentQuanta, electronicNoiseQuanta };
            const [measured] = computeLineIntegrals(simulateCounts([behind], model, noise), model);
            const added = computeLogVariance(behind, model);
            const own = Math.min(added, computeLogVariance(without, model));
            seen += (beam.correct(measured) - seen) * Math.sqrt(1 - own / added);
          }
          difference[ray] = scale * (seen - beam.correct(without) - metalMu * metalMm);
        });
      }
      return reconstructDifferences(chain, differences);
    },
  );
  if (inserts.length === 0) return pair;
  const coverage = computeCoverage(metal, image.geometry, options.axisOffsetMm);
  const metalHu = 1000 * (metalMu / waterMu - 1);
  const clean = createVolume("HU", image.geometry);
  const degraded = createVolume("HU", image.geometry);
  for (let i = 0; i < clean.data.length; i++) {
    const share = coverage[i % plane];
    const truth = pair.clean.data[i];
    const artifact = pair.degraded.data[i] - truth;
    const value = share === 0 ? truth : truth + share * (metalHu - truth);
    clean.data[i] = Math.min(ceilingHu, value);
    degraded.data[i] = artifact === 0 ? clean.data[i] : Math.min(ceilingHu, value + artifact);
  }
  return { clean, degraded, parameters: pair.parameters };
}
