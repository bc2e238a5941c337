/**
 * What the benches of filtered back-projection share: ours (filter and back-projection, two threads) against a plain C
 * back-projector that is handed filtered samples and does not filter, one thread against two, one thread against the
 * float64 TypeScript, and the cost against views, slices and pixels.
 */
import { createCentredGrid, createWasmPool, type GridGeometry, type WasmPool } from "@alara/core";
import {
  createFbpPlan,
  createPlanFilter,
  createSimdEngine,
  type FbpGeometry,
  type FbpPlan,
  referenceEngine,
  selectPlanViews,
} from "@alara/recon";
import { createTemporaryFolder } from "@alara/testing";
import { measureAlternating, summariseTimes } from "../measure.ts";
import { startPlainC, type TimedPeer } from "../peers/timed-process.ts";
import type { BenchResult } from "../result.ts";
import {
  type CostCurve,
  createBlobs,
  measureCurve,
  readFloats,
  requireAgreement,
  timeFastest,
  writeFloats,
} from "./ct-scans.ts";

const THREADS = 2;
const LIMIT_TO_C = 2;
const LIMIT_TO_TYPESCRIPT = 4;
const LIMIT_OF_SECOND_THREAD = 1.8;

/** One scan at the size of the target. */
export interface FbpWorkload {
  readonly name: string;
  readonly makeGeometry: (views: number) => FbpGeometry;
  readonly views: number;
  readonly arcRad: number;
  /** `[slices, rows, columns]`; rows equal columns. */
  readonly size: readonly [number, number, number];
  readonly pixelMm: number;
  /** Target per `unit`, s. */
  readonly limitS: number;
  readonly unit: "s per slice" | "s per volume";
  /** Slices that the C program gets; all for cone beams. */
  readonly peerSlices: number;
  /** Views that the plain TypeScript is timed on; its time is scaled to all. */
  readonly typescriptViews: number;
  /** Sizes of the curves, one line per varied size. */
  readonly curves: Readonly<Record<"views" | "slices" | "rows and columns", readonly number[]>>;
}

interface Prepared {
  readonly plan: FbpPlan;
  readonly data: Float32Array;
  readonly volume: Float32Array;
}

function prepare(workload: FbpWorkload, views: number, slices: number, side: number): Prepared {
  const geometry = workload.makeGeometry(views);
  const pixelMm = (workload.pixelMm * workload.size[1]) / side;
  const grid: GridGeometry = createCentredGrid([slices, side, side], [workload.pixelMm, pixelMm, pixelMm]);
  const rows = "rows" in geometry ? geometry.rows : slices;
  return {
    plan: createFbpPlan(geometry, grid),
    data: createBlobs(1, rows * views, geometry.channels),
    volume: new Float32Array(slices * side * side),
  };
}

function run({ plan, data, volume }: Prepared, pool: WasmPool): Promise<void> {
  return createSimdEngine({ pool }).run(plan, data, volume, {});
}

/** All rows filtered in float64: what the C program starts from. */
function filterAll(plan: FbpPlan, data: Float32Array): Float32Array {
  const filter = createPlanFilter(plan);
  const lines = data.length / plan.geometry.channels;
  const perScan = plan.geometry.anglesRad.length * (plan.preWeights.length / plan.geometry.channels);
  const out = new Float32Array(lines * plan.samples);
  const rowA = new Float64Array(plan.samples);
  const rowB = new Float64Array(plan.samples);
  for (let line = 0; line < lines; line += 2) {
    // Lines of the next slice use the same weights as those of the first.
    const start = Math.floor(line / perScan) * perScan;
    const part = data.subarray(start * plan.geometry.channels);
    const second = Math.min(line + 1, lines - 1);
    filter.filterLines(part, line - start, second - start, rowA, rowB);
    out.set(rowA, line * plan.samples);
    if (second > line) out.set(rowB, second * plan.samples);
  }
  return out;
}

/** Starts the C program on the first slices (planar) or the whole scan. */
function startPeer(
  workload: FbpWorkload,
  item: Prepared,
  folder: string,
  flags?: readonly string[],
): TimedPeer {
  const { plan } = item;
  const { grid, geometry } = plan;
  const isCone = geometry.kind === "cone-flat";
  const args = [
    ...[geometry.kind, THREADS, `${folder}/filtered.bin`, `${folder}/image.bin`, workload.peerSlices],
    ...[grid.rows, grid.columns, grid.columnSpacingMm, grid.firstRowMm, grid.firstColumnMm],
    ...[grid.sliceSpacingMm, grid.firstSliceMm, workload.views, workload.arcRad, plan.samples, plan.centre],
    ...[plan.samplePitch, geometry.kind === "parallel" ? 0 : geometry.sourceToIsoMm],
    ...[isCone ? geometry.rows : 1, plan.rowCentre, plan.rowPitchMm, plan.scale],
  ];
  return startPlainC("plain-backprojector.c", folder, args, THREADS, flags);
}

/** What {@link benchFbp} hands to further peers of one bench. */
export interface FbpBenchContext extends Prepared {
  readonly folder: string;
  readonly pool: WasmPool;
}

/**
 * Runs the bench.
 *
 * @param more - further peers: details to add
 */
export async function benchFbp(
  workload: FbpWorkload,
  more: (context: FbpBenchContext) => Promise<Readonly<Record<string, unknown>>> = async () => ({}),
): Promise<BenchResult> {
  const { name, views, size, limitS, peerSlices } = workload;
  const [slices, side] = size;
  const folder = createTemporaryFolder(`bench-${name}`);
  const pool = createWasmPool({ threads: THREADS });
  const single = createWasmPool({ threads: 1 });
  const peers: TimedPeer[] = [];
  try {
    const item = prepare(workload, views, slices, side);
    const isCone = workload.unit === "s per volume";
    const share = isCone ? 1 : slices;
    const peerShare = isCone ? 1 : peerSlices;
    const peerData = isCone ? item.data : item.data.subarray(0, (item.data.length / slices) * peerSlices);
    writeFloats(`${folder.path}/filtered.bin`, filterAll(item.plan, peerData));
    const peer = startPeer(workload, item, folder.path);
    const fastMath = startPeer(workload, item, folder.path, ["-Ofast", "-march=native"]);
    peers.push(peer, fastMath);

    const times = await measureAlternating(
      () => run(item, pool),
      () => peer.run(),
      { repeats: 5 },
    );
    item.volume.fill(0);
    await run(item, pool);
    await peer.save();
    const difference = requireAgreement(
      `ours and ${peer.name}`,
      item.volume.subarray(0, peerSlices * side * side),
      readFloats(`${folder.path}/image.bin`),
      1e-4,
    );
    const ours = times.ours.medianS / share;
    const theirs = times.peer.medianS / peerShare;
    const fastMathTimes = summariseTimes([await fastMath.run(), await fastMath.run(), await fastMath.run()]);
    const scaling = await measureAlternating(
      () => run(item, single),
      () => run(item, pool),
      { repeats: 5 },
    );
    const one = scaling.ours.medianS / share;
    const secondThread = scaling.ours.medianS / scaling.peer.medianS;
    const part = selectPlanViews(
      { ...item.plan, grid: { ...item.plan.grid, ...(isCone ? {} : { slices: 1 }) } },
      0,
      workload.typescriptViews,
    );
    const typescript =
      ((await timeFastest(
        () => referenceEngine.run(part, item.data, new Float32Array(item.volume.length), {}),
        2,
      )) *
        views) /
      workload.typescriptViews;
    const perCore = typescript / one;
    const curves: Record<string, CostCurve> = {};
    const { curves: sizes } = workload;
    curves.views = await measureCurve(sizes.views, (count) => {
      const changed = prepare(workload, count, slices, side);
      return () => run(changed, pool);
    });
    curves.slices = await measureCurve(sizes.slices, (count) => {
      const changed = prepare(workload, views, count, side);
      return () => run(changed, pool);
    });
    curves.pixels = await measureCurve(
      sizes["rows and columns"].map((count) => count * count),
      (pixels) => {
        const changed = prepare(workload, views, slices, Math.round(Math.sqrt(pixels)));
        return () => run(changed, pool);
      },
    );
    return {
      name,
      ours,
      peer: theirs,
      peerName: `${peer.name}, back-projection of filtered samples only`,
      unit: workload.unit,
      target: `≤ ${limitS} ${workload.unit}; ratio ≤ ${LIMIT_TO_C}; one thread ≥ ${LIMIT_TO_TYPESCRIPT} × plain TypeScript; second thread ≥ ${LIMIT_OF_SECOND_THREAD} ×`,
      ok:
        ours <= limitS &&
        ours / theirs <= LIMIT_TO_C &&
        perCore >= LIMIT_TO_TYPESCRIPT &&
        secondThread >= LIMIT_OF_SECOND_THREAD,
      details: {
        scan: `${item.plan.geometry.kind}, ${views} views × ${item.plan.geometry.channels} channels, ${size.join(" × ")} voxels`,
        "fastest (ours, peer)": [times.ours.sortedS[0] / share, times.peer.sortedS[0] / peerShare],
        "relative RMS difference to the peer's output": difference,
        "plain C with -Ofast": fastMathTimes.medianS / peerShare,
        "one thread": one,
        "gain of the second thread": secondThread,
        "gain of the second thread, fastest runs": scaling.ours.sortedS[0] / scaling.peer.sortedS[0],
        "plain TypeScript, one thread": typescript,
        "one thread against plain TypeScript": perCore,
        "cost by views, s": curves.views,
        "cost by slices, s": curves.slices,
        "cost by pixels per slice, s": curves.pixels,
        ...(await more({ ...item, folder: folder.path, pool })),
      },
    };
  } finally {
    for (const peer of peers) peer.stop();
    pool.dispose();
    single.dispose();
    folder.dispose();
  }
}
