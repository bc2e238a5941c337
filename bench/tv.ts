/**
 * Total-variation denoising of a 512² image: the time until the primal objective is within 1e-3 of the minimum, by our
 * FGP in one thread and by scikit-image's `denoise_tv_chambolle`. The minimum is known to 1e-6 from the dual. Beside it,
 * one iteration of FISTA-TV on the fast projector and on the plain TypeScript one.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { createCentredGrid, createRandom } from "@alara/core";
import {
  convertPhantomToMu,
  createFastProjector,
  createJosephProjector,
  createRandomBodyPhantom,
  createScanGeometry,
  createVolumeGrid,
  projectPhantom,
  scanners,
  voxelizePhantom,
} from "@alara/physics";
import { computeTotalVariation, createTvProx, denoiseTv, solveFistaTv } from "@alara/recon";
import { createTemporaryFolder } from "@alara/testing";
import { measureAlternating } from "./measure.ts";
import { findPython } from "./peers/python.ts";
import type { BenchResult } from "./result.ts";

const SIDE = 512;
/** HU; the noise has a standard deviation of 30 HU. */
const WEIGHT = 40;
const NOISE_HU = 30;
const SEED = 1;
/** How near the minimum both sides must come. */
const EXCESS = 1e-3;
const MU = 0.0193;

/** Runs the bench; needs scikit-image for the system's Python. */
export default async function benchTv(): Promise<BenchResult> {
  const python = findPython(["skimage", "numpy"], "python3-skimage");
  const random = createRandom(SEED);
  const body = createRandomBodyPhantom(random.derive("body"));
  const { data } = voxelizePhantom(body, createCentredGrid([1, SIDE, SIDE], [1, 0.8, 0.8]));
  const noise = random.derive("noise");
  const image = Float32Array.from(data, (value) => value + NOISE_HU * noise.nextNormal());
  const grid = { size: [1, SIDE, SIDE] as const };
  const best = denoiseTv(Float64Array.from(image), {
    ...grid,
    weight: WEIGHT,
    iterations: 3000,
    gapTolerance: 2e-6,
  });
  const target = best.primal * (1 + EXCESS);

  const measure = (x: ArrayLike<number> & Float32Array): number => {
    let fidelity = 0;
    for (let i = 0; i < x.length; i++) fidelity += (x[i] - image[i]) ** 2 / 2;
    return fidelity + WEIGHT * computeTotalVariation(x, grid);
  };
  const run = (iterations: number): Float32Array => {
    const out = new Float32Array(image.length);
    const prox = createTvProx(image, grid);
    prox.advance(image, WEIGHT, iterations, out);
    prox.writeImage(image, WEIGHT, out);
    return out;
  };
  const ourIterations = await findIterations(async (iterations) => measure(run(iterations)), target);

  const folder = createTemporaryFolder("bench-tv");
  const file = `${folder.path}/image.bin`;
  fs.writeFileSync(file, new Uint8Array(image.buffer));
  const peer = startPeer(python, [file, `${SIDE}`, `${SIDE}`, `${WEIGHT}`]);
  try {
    const versions = (await peer.next()) as { version: string; numpy: string };
    const ask = async (iterations: number): Promise<{ objective: number; seconds: number }> => {
      peer.write(iterations);
      return (await peer.next()) as { objective: number; seconds: number };
    };
    const theirIterations = await findIterations(async (k) => (await ask(k)).objective, target);
    const reached = { ours: measure(run(ourIterations)), peer: 0 };
    const { ours, peer: theirs } = await measureAlternating(
      () => run(ourIterations),
      async () => {
        reached.peer = (await ask(theirIterations)).objective;
      },
      { repeats: 5, warmups: 1 },
    );
    const reconstruction = await measureReconstruction();
    return {
      name: "tv",
      ours: ours.medianS,
      peer: theirs.medianS,
      peerName: `scikit-image ${versions.version} denoise_tv_chambolle, NumPy ${versions.numpy}`,
      unit: "s until the objective is within 1e-3 of the minimum",
      target: "ratio ≤ 1",
      ok: ours.medianS <= theirs.medianS,
      details: {
        "image, weight, noise, seed": [`${SIDE}², float32`, WEIGHT, NOISE_HU, SEED],
        "minimum between (dual, primal)": [best.dual, best.primal],
        "iterations (ours, peer)": [ourIterations, theirIterations],
        "objective reached (ours, peer)": [reached.ours, reached.peer],
        "fastest, s (ours, peer)": [ours.sortedS[0], theirs.sortedS[0]],
        "ms per iteration (ours, peer)": [
          (1000 * ours.medianS) / ourIterations,
          (1000 * theirs.medianS) / theirIterations,
        ],
        ...reconstruction,
      },
    };
  } finally {
    peer.stop();
    folder.dispose();
  }
}

/** Least number of iterations to reach the target: doubling, then halving the bracket. */
async function findIterations(
  measure: (iterations: number) => Promise<number>,
  target: number,
): Promise<number> {
  let high = 1;
  while ((await measure(high)) > target) {
    high *= 2;
    if (high > 2 ** 14) throw new Error(`the objective did not reach ${target} in ${high} iterations`);
  }
  let low = high / 2;
  while (high - low > Math.max(1, high / 50)) {
    const middle = Math.round((low + high) / 2);
    if ((await measure(middle)) <= target) high = middle;
    else low = middle;
  }
  return high;
}

/** Time of one FISTA-TV iteration of a 256² slice from 360 × 444 rays, both projectors. */
async function measureReconstruction(): Promise<Readonly<Record<string, unknown>>> {
  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 360, channelBinning: 2 });
  const grid = createVolumeGrid(createCentredGrid([1, 256, 256], [1, 1.6, 1.6]));
  const body = convertPhantomToMu(createRandomBodyPhantom(createRandom(SEED)), MU);
  const { data } = projectPhantom(body, geometry);
  const size = [1, 256, 256] as const;
  const fast = createFastProjector(geometry, grid);
  const plain = createJosephProjector(geometry, grid);
  const wide = Float64Array.from(data);
  const options = { tvWeight: 1, operatorNorm: 1e3, iterations: 4 };
  try {
    const { ours, peer } = await measureAlternating(
      () => solveFistaTv({ operator: fast, data, size }, options),
      () => solveFistaTv({ operator: plain, data: wide, size }, options),
      { repeats: 3, warmups: 1 },
    );
    return {
      "FISTA-TV, s per iteration of 256², 360 × 444 rays (fast, plain TypeScript)": [
        ours.medianS / options.iterations,
        peer.medianS / options.iterations,
      ],
    };
  } finally {
    fast.dispose();
  }
}

interface Peer {
  write(iterations: number): void;
  next(): Promise<unknown>;
  stop(): void;
}

function startPeer(python: string, args: readonly string[]): Peer {
  const script = fileURLToPath(new URL("./peers/tv.py", import.meta.url));
  const child = spawn(python, [script, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    write(iterations) {
      child.stdin.write(`${iterations}\n`);
    },
    async next() {
      const { value, done } = await lines.next();
      if (done) throw new Error("the peer ended without an answer");
      return JSON.parse(value);
    },
    stop() {
      child.stdin.end();
      child.kill();
    },
  };
}
