/**
 * What the tomography benches work on: scans of the sizes that the targets name, data, files for peers, comparison of
 * outputs, and the curve of cost against size. Data are smooth blobs with noise: speed does not depend on them, the
 * comparison of outputs does.
 */
import fs from "node:fs";
import { createRandom, type FanArcGeometry, type ParallelGeometry } from "@alara/core";

/** Angles evenly over an arc, rad. */
export function createAngles(views: number, arcRad: number): Float64Array {
  return Float64Array.from({ length: views }, (_, v) => (arcRad * v) / views);
}

/** The fan beam of the targets: GE LightSpeed, 888 channels (MIRT). */
export function createFanScan(views = 984): FanArcGeometry {
  return {
    ...{ kind: "fan-arc", sourceToIsoMm: 541, sourceToDetectorMm: 949.075, channels: 888 },
    ...{
      channelPitchRad: 1.0239 / 949.075,
      channelOffset: 1.25,
      anglesRad: createAngles(views, 2 * Math.PI),
    },
  };
}

/** Parallel rays one pixel apart that cover a square image of `size` pixels of 1 mm from corner to corner. */
export function createParallelScan(views: number, size: number): ParallelGeometry {
  const channels = 2 * Math.ceil(size / Math.SQRT2) + 1;
  return {
    ...{ kind: "parallel", channels, channelPitchMm: 1, channelOffset: 0 },
    anglesRad: createAngles(views, Math.PI),
  };
}

/** Rows of smooth blobs with noise. */
export function createBlobs(seed: number, count: number, length: number): Float32Array {
  const random = createRandom(seed);
  const data = new Float32Array(count * length);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < length; k++) {
      const x = (2 * k) / (length - 1) - 1;
      data[i * length + k] = 4 * Math.max(0, 1 - x * x) ** 2 * (1 + 0.1 * random.nextNormal());
    }
  }
  return data;
}

/** Writes float32 values. */
export function writeFloats(path: string, values: Float32Array): void {
  fs.writeFileSync(path, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** Reads float32 values. */
export function readFloats(path: string): Float32Array {
  const bytes = fs.readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/**
 * Root mean square difference over that of the first.
 *
 * @throws Error when it is above `limit`: a bench of two programs that do different things is none
 */
export function requireAgreement(
  what: string,
  ours: Float32Array,
  theirs: Float32Array,
  limit: number,
): number {
  let squares = 0;
  let total = 0;
  for (let i = 0; i < ours.length; i++) {
    squares += (ours[i] - theirs[i]) ** 2;
    total += ours[i] ** 2;
  }
  const difference = Math.sqrt(squares / total);
  if (!(ours.length === theirs.length && difference <= limit)) {
    throw new Error(`${what}: outputs of ${ours.length} and ${theirs.length} values differ by ${difference}`);
  }
  return difference;
}

/** Fastest of some runs, seconds. */
export async function timeFastest(run: () => Promise<unknown>, repeats = 3): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await run();
    fastest = Math.min(fastest, (performance.now() - start) / 1000);
  }
  return fastest;
}

/** Seconds by size, and the slope of their logarithms against each other: 1 is linear. */
export interface CostCurve {
  readonly seconds: Readonly<Record<string, number>>;
  readonly slope: number;
}

/** Measures the cost at several sizes; the slope is the least-squares one. */
export async function measureCurve(
  sizes: readonly number[],
  prepare: (size: number) => () => Promise<unknown>,
): Promise<CostCurve> {
  const seconds: Record<string, number> = {};
  const points: (readonly [number, number])[] = [];
  for (const size of sizes) {
    const time = await timeFastest(prepare(size));
    seconds[String(size)] = Number(time.toPrecision(4));
    points.push([Math.log(size), Math.log(time)]);
  }
  const [meanX, meanY] = [0, 1].map(
    (axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length,
  );
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return { seconds, slope: Number((covariance / variance).toFixed(3)) };
}
