/**
 * The weights of views and channels of one scan, resolved: how far each view counts, and which redundancy weights
 * (redundancy-weights.ts) its angles and detector call for.
 */
import type { VolumeGrid } from "@alara/physics";
import { ReconError } from "../errors.ts";
import { type DetectorLine, type FbpGeometry, getFanAngleRad } from "./detector-line.ts";
import { computeOffsetWeight, computeOverlapWeight, computeParkerWeight } from "./redundancy-weights.ts";
import { sampleViews } from "./view-sampling.ts";

/** What is done about a detector that is not centred on the central ray. */
export type DetectorOffsetMode = "auto" | "weight" | "ignore";

/** Which lines a scan sees, and how often. */
export interface ViewWeights {
  /** `[view][channel]`, or none where all are 1. */
  readonly weights?: Float64Array;
  /** Multiplies the weighted sum over the views, rad. */
  readonly scale: number;
  /** `"full"` turns, a `"short"` scan (Parker) or parallel `"half"` turns. */
  readonly scan: "full" | "short" | "half";
  /** Whether displaced-detector weights are in. */
  readonly isDisplaced: boolean;
  /** Channels that make a displaced detector reach as far on both sides; else `[0, 0]`. */
  readonly padding: readonly [number, number];
}

/** Share of the longer side by which the shorter one must fall short to count as displaced. */
const DISPLACED_SHARE = 0.1;

/** Distance of the farthest pixel centre from the axis, mm. */
export function getGridRadiusMm(grid: VolumeGrid): number {
  const farthest = (first: number, spacing: number, count: number): number =>
    Math.max(Math.abs(first), Math.abs(first + (count - 1) * spacing));
  return Math.hypot(
    farthest(grid.firstRowMm, grid.rowSpacingMm, grid.rows),
    farthest(grid.firstColumnMm, grid.columnSpacingMm, grid.columns),
  );
}

/**
 * Resolves the weights of a scan from its angles and its detector's place.
 *
 * @throws ReconError `INCOMPLETE_TURN` when the angles see some lines never, `UNEVEN_ANGLES`, `OUT_OF_RANGE`
 */
export function createViewWeights(
  geometry: FbpGeometry,
  line: DetectorLine,
  grid: VolumeGrid,
  mode: DetectorOffsetMode,
): ViewWeights {
  const { channels, anglesRad } = geometry;
  const views = anglesRad.length;
  const low = line.centre + 0.5;
  const high = channels - line.centre - 0.5;
  if (Math.min(low, high) <= 0) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `the central ray meets channel ${line.centre}, outside the detector's ${channels}: the axis is never seen; check channelOffset (${geometry.channelOffset})`,
    );
  }
  const isDisplaced =
    mode === "weight" ||
    (mode === "auto" && Math.abs(high - low) > DISPLACED_SHARE * Math.max(high, low) + 2);
  const isParallel = geometry.kind === "parallel";
  const period = isParallel && !isDisplaced ? Math.PI : 2 * Math.PI;
  const sampling = sampleViews(anglesRad, period);
  const { rangeRad, coverage } = sampling;
  const isShort = coverage === "short";
  if (isShort) checkShortScan(geometry, line, grid, rangeRad, isDisplaced);

  const scan = isShort ? "short" : isParallel && rangeRad < 1.5 * Math.PI ? "half" : "full";
  const missing = isDisplaced ? Math.ceil(Math.abs(high - low)) : 0;
  const padding = [low < high ? missing : 0, low < high ? 0 : missing] as const;
  // Each line counts once: over all views of whole periods the weights' mean is 1 when the sum is scaled by π/views.
  const scale = (isShort ? rangeRad : Math.PI) / views;
  if (coverage === "full" && sampling.isEven && !isDisplaced) return { scale, scan, isDisplaced, padding };
  const weights = new Float64Array(views * channels);
  const side = high >= low ? 1 : -1;
  const overlap = Math.min(low, high);
  for (let v = 0; v < views; v++) {
    const position = sampling.positionsRad[v];
    // rad per line and view: a period of 2π sees each line twice.
    const share = period === Math.PI ? 1 : 0.5;
    const viewWeight = isShort
      ? sampling.widthsRad[v]
      : share * sampling.widthsRad[v] * computeOverlapWeight(position, rangeRad, period);
    for (let c = 0; c < channels; c++) {
      let weight = viewWeight / scale;
      if (isShort) {
        const gamma = sampling.direction * getFanAngleRad(geometry, line, c);
        weight *= computeParkerWeight(position, gamma, rangeRad);
      }
      if (isDisplaced) weight *= computeOffsetWeight(side * (c - line.centre), overlap);
      weights[v * channels + c] = weight;
    }
  }
  return { weights, scale, scan, isDisplaced, padding };
}

function checkShortScan(
  geometry: FbpGeometry,
  line: DetectorLine,
  grid: VolumeGrid,
  rangeRad: number,
  isDisplaced: boolean,
): void {
  const seen = `the ${geometry.anglesRad.length} views cover ${rangeRad.toFixed(5)} rad`;
  if (isDisplaced) {
    throw new ReconError(
      "INCOMPLETE_TURN",
      `${seen}, but a displaced detector (centre at channel ${line.centre} of ${geometry.channels}) needs a full turn of ${(2 * Math.PI).toFixed(5)}; pass detectorOffset "ignore" if the object lies within the shorter side`,
    );
  }
  if (geometry.kind === "parallel") {
    throw new ReconError("INCOMPLETE_TURN", `${seen}, but parallel rays need ${Math.PI.toFixed(5)}`);
  }
  const widest = Math.max(
    Math.abs(getFanAngleRad(geometry, line, 0)),
    Math.abs(getFanAngleRad(geometry, line, geometry.channels - 1)),
  );
  const wanted = Math.min(widest, Math.asin(Math.min(1, getGridRadiusMm(grid) / geometry.sourceToIsoMm)));
  const least = Math.PI + 2 * wanted;
  if (rangeRad < least - 1e-6) {
    throw new ReconError(
      "INCOMPLETE_TURN",
      `${seen}, but this fan and grid need a short scan of at least ${least.toFixed(5)} (π + 2 · ${wanted.toFixed(5)}) or a full turn; add views, make the grid smaller or reconstruct iteratively`,
    );
  }
}
