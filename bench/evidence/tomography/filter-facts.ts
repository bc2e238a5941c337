/**
 * Two traps of filtered back-projection (tomography.md §2.2, §2.3), measured: what a ramp sampled in the frequency domain
 * does to the mean, against the one whose taps are made in space; and the redundancy weights' identities.
 */
import { createCentredGrid, createRandom, nextPowerOfTwo, type ParallelGeometry } from "@alara/core";
import { projectValuePhantom } from "@alara/physics";
import { computeOffsetWeight, computeParkerWeight, type RampWindow, reconstructFbp } from "@alara/recon";
import { createAngles } from "../../workload/ct-scans.ts";
import { createRound } from "../../workload/round-phantoms.ts";
import { checkAtMost, type EvidencePart, findLargest, formatSmall } from "./tables.ts";

const MU = 0.0193;
const RADIUS_MM = 100;
const CENTRE: readonly [number, number] = [12, -7];
/** Parallel rays: how many, and mm between them. */
const SCANS = [
  [444, 1.1672],
  [256, 1],
] as const;
const SIZE = 40;
const SPACING_MM = 4.1;
const DRAWS = 5000;
const SEED = 11;

const createGeometry = (channels: number, channelPitchMm: number): ParallelGeometry => ({
  ...{ kind: "parallel", channels, channelPitchMm, channelOffset: 0.25 },
  anglesRad: createAngles(400, Math.PI),
});

/** Turns the ramp of taps in space into |f| at the transform's frequencies: 0 at frequency 0. */
function createSampledRamp(channels: number, pitchMm: number): RampWindow {
  const step = 1 / (nextPowerOfTwo(2 * channels) * pitchMm);
  return (frequency) => {
    const k = Math.round(frequency / step);
    let spatial = 1 / (4 * pitchMm);
    for (let n = 1; n < channels; n += 2) {
      const tap = pitchMm / (Math.PI * n * pitchMm) ** 2;
      spatial -= 2 * tap * Math.cos(2 * Math.PI * n * pitchMm * k * step);
    }
    return (k * step) / spatial;
  };
}

/** Mean of value/µ − 1 at least 15 mm inside the disc. */
async function measureBias(geometry: ParallelGeometry, window: "ram-lak" | RampWindow): Promise<number> {
  const sinogram = projectValuePhantom(createRound("cylinder", [...CENTRE, 0], RADIUS_MM, MU), geometry);
  const grid = createCentredGrid([1, SIZE, SIZE], [1, SPACING_MM, SPACING_MM]);
  const { data } = await reconstructFbp(sinogram, { grid, window, engine: "reference" });
  let [sum, count] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const y = (Math.floor(i / SIZE) - (SIZE - 1) / 2) * SPACING_MM - CENTRE[1];
    const x = ((i % SIZE) - (SIZE - 1) / 2) * SPACING_MM - CENTRE[0];
    if (Math.hypot(x, y) > RADIUS_MM - 15) continue;
    sum += data[i] / MU - 1;
    count++;
  }
  return sum / count;
}

/** Largest |w(β, γ) + w(β ± π − 2γ, −γ) − 1| of drawn rays in scans from the shortest to a turn. */
function measureParkerIdentity(): number {
  const random = createRandom(SEED);
  let worst = 0;
  for (let i = 0; i < DRAWS; i++) {
    const range = Math.PI + 0.8 + random.nextUniform() * (Math.PI - 0.8);
    const gamma = 0.4 * (2 * random.nextUniform() - 1);
    const beta = range * random.nextUniform();
    const sum =
      computeParkerWeight(beta, gamma, range) +
      computeParkerWeight(beta + Math.PI - 2 * gamma, -gamma, range) +
      computeParkerWeight(beta - Math.PI - 2 * gamma, -gamma, range);
    worst = Math.max(worst, Math.abs(sum - 1));
  }
  return worst;
}

/** Largest |w(s) + w(−s) − 2| of a displaced detector. */
function measureOffsetIdentity(): number {
  const random = createRandom(SEED);
  let worst = 0;
  for (let i = 0; i < DRAWS; i++) {
    const s = 4 * random.nextUniform() - 2;
    worst = Math.max(worst, Math.abs(computeOffsetWeight(s, 0.7) + computeOffsetWeight(-s, 0.7) - 2));
  }
  return worst;
}

/** Runs the part. */
export async function studyFilterFacts(): Promise<EvidencePart> {
  const rows: string[][] = [];
  const biases: number[] = [];
  for (const [channels, pitchMm] of SCANS) {
    const geometry = createGeometry(channels, pitchMm);
    const spatial = await measureBias(geometry, "ram-lak");
    const sampled = await measureBias(geometry, createSampledRamp(channels, pitchMm));
    biases.push(spatial);
    rows.push([
      `${channels} rays ${pitchMm} mm apart`,
      `${formatSmall(spatial)} (${(1000 * spatial).toFixed(2)} HU)`,
      `${formatSmall(sampled)} (${(1000 * sampled).toFixed(1)} HU)`,
    ]);
  }
  const parker = measureParkerIdentity();
  const offset = measureOffsetIdentity();
  return {
    tables: [
      {
        title: `Interior bias of a disc of ${RADIUS_MM} mm in parallel rays, by how the ramp is made`,
        columns: ["scan", "taps in space (ours)", "|f| at the transform's frequencies"],
        rows,
      },
      {
        title: `Redundancy weights of ${DRAWS} drawn rays and their conjugates: largest error of the sum`,
        columns: ["Parker (1)", "displaced detector (2)"],
        rows: [[formatSmall(parker), formatSmall(offset)]],
      },
    ],
    checks: [
      checkAtMost("bias with taps in space", findLargest(biases), 1e-4),
      checkAtMost("Parker's identity", parker, 1e-12),
      checkAtMost("identity of the displaced detector's weights", offset, 1e-12),
    ],
  };
}
