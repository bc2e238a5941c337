/** Constructed volumes with known tissue and known noise for the tests of this package. */
import {
  createCentredGrid,
  createFftPlan,
  createRandom,
  createVolume,
  transform2d,
  type Volume,
} from "@alara/core";

/** HU of the constructed body, by tissue class. */
export const PHANTOM_HU = { air: -1000, fat: -100, soft: 50, lung: -780, bone: 900 };

/**
 * An elliptic body: fat rim, soft tissue, one lung, one bone, a thin table below; padding of −3024 HU in the corners.
 *
 * @param structureHu - contrast of 20 vessel-like discs in the soft tissue, which touch about 40 % of the noise tiles; 0 for none
 */
export function buildPhantom(slices: number, side: number, structureHu = 0): Volume<"HU"> {
  const data = new Float32Array(slices * side * side);
  const random = createRandom(3);
  const discs = Array.from({ length: structureHu === 0 ? 0 : 20 }, () => [
    (random.nextUniform() - 0.5) * 1.3,
    (random.nextUniform() - 0.5) * 1.0,
    0.015 + 0.02 * random.nextUniform(),
  ]);
  for (let s = 0; s < slices; s++) {
    for (let r = 0; r < side; r++) {
      for (let c = 0; c < side; c++) {
        const x = (2 * c + 1) / side - 1;
        const y = (2 * r + 1) / side - 1;
        const body = (x / 0.85) ** 2 + (y / 0.65) ** 2;
        let v = PHANTOM_HU.air;
        if (body < 1) v = PHANTOM_HU.fat;
        if (body < 0.75) v = PHANTOM_HU.soft;
        if (v === PHANTOM_HU.soft && discs.some(([a, b, d]) => (x - a) ** 2 + (y - b) ** 2 < d * d)) {
          v += structureHu;
        }
        if ((x - 0.35) ** 2 + y ** 2 < 0.2 ** 2) v = PHANTOM_HU.lung;
        if (x ** 2 + (y - 0.4) ** 2 < 0.1 ** 2) v = PHANTOM_HU.bone;
        if (Math.abs(y - 0.8) < 0.012) v = -200;
        if (x * x + y * y > 1) v = -3024;
        data[(s * side + r) * side + c] = v;
      }
    }
  }
  return createVolume("HU", createCentredGrid([slices, side, side], [2, 0.8, 0.8]), data);
}

/**
 * Stationary noise of exactly known SD, slice by slice independent. `side` must be a power of two.
 *
 * @param kind - `"white"`, or `"ramp"`: power spectrum |f|²·Hann² as filtered backprojection leaves it
 */
export function buildNoise(
  size: readonly [number, number, number],
  sigmaHu: number,
  kind: "white" | "ramp",
  seed: number,
): Float32Array {
  const [slices, rows, columns] = size;
  const plane = rows * columns;
  const random = createRandom(seed);
  const out = new Float32Array(slices * plane);
  const plans = kind === "ramp" ? [createFftPlan(columns), createFftPlan(rows)] : [];
  for (let s = 0; s < slices; s++) {
    const real = Float64Array.from({ length: plane }, () => random.nextNormal());
    let scale = sigmaHu;
    if (kind === "ramp") {
      const imaginary = new Float64Array(plane);
      transform2d(plans[0], plans[1], real, imaginary, "forward");
      let power = 0;
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          const fy = Math.min(r, rows - r) / rows;
          const fx = Math.min(c, columns - c) / columns;
          const f = Math.hypot(fx, fy);
          const gain = f < 0.5 ? f * (0.5 + 0.5 * Math.cos(2 * Math.PI * f)) : 0;
          power += gain * gain;
          real[r * columns + c] *= gain;
          imaginary[r * columns + c] *= gain;
        }
      }
      transform2d(plans[0], plans[1], real, imaginary, "inverse");
      scale = sigmaHu / Math.sqrt(power / plane);
    }
    for (let i = 0; i < plane; i++) out[s * plane + i] = scale * real[i];
  }
  return out;
}

/** A volume plus samples, voxel by voxel. */
export function addSamples(volume: Volume<"HU">, samples: Float32Array): Volume<"HU"> {
  return createVolume(
    "HU",
    volume.geometry,
    volume.data.map((v, i) => v + samples[i]),
  );
}
