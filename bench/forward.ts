/**
 * Forward projection at clinical size: Joseph's method, fan beam, 512² pixels, 984 views × 888 channels, a stack of
 * eight, two threads; against plain C on two threads, and for parallel rays against scikit-image's `radon`. The
 * adjoint's time and the cost against views, slices and pixels stand in the details.
 */
import { createCentredGrid, createWasmPool, type ScanGeometry, type WasmPool } from "@alara/core";
import {
  createFastProjector,
  createJosephProjector,
  createVolumeGrid,
  type VolumeGrid,
} from "@alara/physics";
import { createTemporaryFolder } from "@alara/testing";
import { measureAlternating, summariseTimes } from "./measure.ts";
import { startPlainC, startRadon, type TimedPeer } from "./peers/timed-process.ts";
import type { BenchResult } from "./result.ts";
import {
  createAngles,
  createBlobs,
  createFanScan,
  measureCurve,
  readFloats,
  requireAgreement,
  timeFastest,
  writeFloats,
} from "./workload/ct-scans.ts";

const THREADS = 2;
const LIMIT_S = 0.4;
const SIDE = 512;
const SLICES = 8;
const VIEWS = 984;
/** The plain TypeScript is timed on so many views and scaled. */
const TYPESCRIPT_VIEWS = 41;
/** scikit-image's `radon` likewise. */
const RADON_VIEWS = 41;
const FIELD_MM = 500;

function createGrid(slices: number, side: number): VolumeGrid {
  return createVolumeGrid(createCentredGrid([slices, side, side], [1, FIELD_MM / side, FIELD_MM / side]));
}

/** Images whose rows are blobs, darkened towards the top and bottom. */
function createImages(slices: number, side: number): Float32Array {
  const data = createBlobs(2, slices * side, side);
  for (let i = 0; i < data.length; i++) {
    const y = (2 * (Math.floor(i / side) % side)) / (side - 1) - 1;
    data[i] *= 0.005 * Math.max(0, 1 - y * y);
  }
  return data;
}

function prepareForward(
  geometry: ScanGeometry,
  slices: number,
  side: number,
  pool: WasmPool,
): () => Promise<unknown> {
  const projector = createFastProjector(geometry, createGrid(slices, side), { pool });
  const images = createImages(slices, side);
  const out = new Float32Array(projector.rangeLength);
  return () => projector.apply(images, out);
}

/** Parallel rays one pixel apart on one slice; `radon` turns the image and sums its columns. */
async function compareWithRadon(folder: string, pool: WasmPool): Promise<Record<string, unknown>> {
  const image = createImages(1, SIDE);
  for (let i = 0; i < image.length; i++) {
    const [x, y] = [(i % SIDE) - SIDE / 2, Math.floor(i / SIDE) - SIDE / 2];
    if (Math.hypot(x, y) > SIDE / 2 - 2) image[i] = 0;
  }
  writeFloats(`${folder}/image.bin`, image);
  const peer = await startRadon("radon", folder, RADON_VIEWS, SIDE, SIDE);
  try {
    const times = summariseTimes([await peer.run(), await peer.run()]);
    await peer.save();
    // radon's axis and middle channel lie on pixel n/2; its column sums look along +row at 0 and turn the other way.
    const geometry: ScanGeometry = {
      ...{ kind: "parallel", channels: SIDE, channelPitchMm: 1, channelOffset: 0.5 },
      anglesRad: createAngles(RADON_VIEWS, Math.PI).map((angle) => -angle),
    };
    const grid = createVolumeGrid(createCentredGrid([1, SIDE, SIDE], [1, 1, 1]), [0, 0.5, 0.5]);
    const ours = await createFastProjector(geometry, grid, { pool }).apply(image);
    const theirs = readFloats(`${folder}/radon.bin`);
    // `[channel][view]` there.
    const turned = Float32Array.from(ours, (_, i) => theirs[(i % SIDE) * RADON_VIEWS + Math.floor(i / SIDE)]);
    return {
      [`${peer.name}, parallel, s per slice`]: (times.medianS * VIEWS) / RADON_VIEWS,
      "relative RMS difference to scikit-image's output": requireAgreement(
        "ours and radon",
        ours,
        turned,
        2e-2,
      ),
    };
  } finally {
    peer.stop();
  }
}

/** Runs the bench; needs gcc and a Python with scikit-image. */
export default async function benchForward(): Promise<BenchResult> {
  const folder = createTemporaryFolder("bench-forward");
  const pool = createWasmPool({ threads: THREADS });
  const single = createWasmPool({ threads: 1 });
  let peer: TimedPeer | undefined;
  try {
    const geometry = createFanScan(VIEWS);
    const grid = createGrid(SLICES, SIDE);
    const images = createImages(SLICES, SIDE);
    writeFloats(`${folder.path}/images.bin`, images);
    const centre = (geometry.channels - 1) / 2 + geometry.channelOffset;
    const plainC = startPlainC(
      "plain-projector.c",
      folder.path,
      [
        ...[THREADS, `${folder.path}/images.bin`, `${folder.path}/sinogram.bin`, SLICES, SIDE, SIDE],
        ...[grid.columnSpacingMm, grid.firstRowMm, grid.firstColumnMm, VIEWS, 2 * Math.PI],
        ...[geometry.channels, centre, geometry.channelPitchRad, geometry.sourceToIsoMm],
      ],
      THREADS,
    );
    peer = plainC;
    const projector = createFastProjector(geometry, grid, { pool });
    const alone = createFastProjector(geometry, grid, { pool: single });
    const sinogram = new Float32Array(projector.rangeLength);
    const { ours, peer: theirs } = await measureAlternating(
      () => projector.apply(images, sinogram),
      () => plainC.run(),
      { repeats: 5 },
    );
    await plainC.save();
    const difference = requireAgreement(
      `ours and ${plainC.name}`,
      sinogram,
      readFloats(`${folder.path}/sinogram.bin`),
      1e-3,
    );
    const scaling = await measureAlternating(
      () => alone.apply(images, sinogram),
      () => projector.apply(images, sinogram),
      { repeats: 5 },
    );
    const adjoint = await timeFastest(() => projector.applyAdjoint(sinogram));
    const typescript = createJosephProjector(createFanScan(TYPESCRIPT_VIEWS), createGrid(1, SIDE));
    const image = Float64Array.from(images.subarray(0, SIDE * SIDE));
    const slow = await timeFastest(async () => typescript.apply(image), 2);
    const one = scaling.ours.medianS / SLICES;
    const curves = {
      views: await measureCurve([246, 492, 984, 1968], (views) =>
        prepareForward(createFanScan(views), SLICES, SIDE, pool),
      ),
      slices: await measureCurve([8, 16, 32], (slices) => prepareForward(geometry, slices, SIDE, pool)),
      // Work is rays × steps: it grows with the side of the image.
      side: await measureCurve([256, 512, 1024], (side) => prepareForward(geometry, SLICES, side, pool)),
    };
    const perSlice = ours.medianS / SLICES;
    return {
      name: "forward",
      ours: perSlice,
      peer: theirs.medianS / SLICES,
      peerName: plainC.name,
      unit: "s per slice",
      target: `≤ ${LIMIT_S} s per slice`,
      ok: perSlice <= LIMIT_S,
      details: {
        scan: `${geometry.kind}, ${VIEWS} views × ${geometry.channels} channels, ${SLICES} × ${SIDE} × ${SIDE} voxels`,
        "fastest (ours, peer)": [ours.sortedS[0] / SLICES, theirs.sortedS[0] / SLICES],
        "relative RMS difference to the peer's output": difference,
        "adjoint, fastest": adjoint / SLICES,
        "one thread": one,
        "gain of the second thread": scaling.ours.medianS / scaling.peer.medianS,
        "plain TypeScript, one thread": (slow * VIEWS) / TYPESCRIPT_VIEWS,
        "one thread against plain TypeScript": (slow * VIEWS) / TYPESCRIPT_VIEWS / one,
        "cost by views, s": curves.views,
        "cost by slices, s": curves.slices,
        "cost by rows and columns, s": curves.side,
        ...(await compareWithRadon(folder.path, pool)),
      },
    };
  } finally {
    peer?.stop();
    pool.dispose();
    single.dispose();
    folder.dispose();
  }
}
