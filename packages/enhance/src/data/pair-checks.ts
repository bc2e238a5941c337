/**
 * Faults between the two halves of a pair: missing halves, grids that differ, registration, mean HU and noise. The
 * noise check needs no truth: an input should have more high-frequency power than its target.
 */
import { createVolume, getSliceData, type Volume } from "@alara/core";
import { type Alignment, measureAlignment } from "./alignment.ts";
import { computeChancePeak } from "./phase-correlation.ts";
import type { CheckedSeries, QualityFinding } from "./quality-report.ts";

/** Options of {@link checkPairs}. */
export interface PairCheckOptions {
  /** How much finer targets are than inputs. */
  readonly scale: number;
  readonly shiftLimitPx: number;
  /** Series that are not looked at. */
  readonly broken: ReadonlySet<string>;
}

const ROTATION_LIMIT_RAD = (0.5 * Math.PI) / 180;
const SLICE_LIMIT = 0.75;
const LOCAL_LIMIT_PX = 1;
/** Mean HU inside −200..300 may differ by this much. */
const BIAS_LIMIT_HU = 20;

/** Block means on the input's grid. */
function coarsen(volume: Volume<"HU">, scale: number): Volume<"HU"> {
  if (scale === 1) return volume;
  const { size, spacingMm } = volume.geometry;
  const [slices, rows, columns] = size;
  const [height, width] = [rows / scale, columns / scale];
  const out = createVolume("HU", {
    ...volume.geometry,
    size: [slices, height, width],
    spacingMm: [spacingMm[0], spacingMm[1] * scale, spacingMm[2] * scale],
  });
  for (let s = 0; s < slices; s++) {
    const [from, to] = [getSliceData(volume, s), getSliceData(out, s)];
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        to[Math.floor(r / scale) * width + Math.floor(c / scale)] += from[r * columns + c] / (scale * scale);
      }
    }
  }
  return out;
}

/** Mean of samples that are soft in both, and RMS of the differences of neighbours there. */
function measureSoft(
  target: Volume<"HU">,
  input: Volume<"HU">,
): { bias: number; ratio: number; count: number } {
  const isSoft = (hu: number): boolean => hu > -200 && hu < 300;
  let [bias, count, roughTarget, roughInput, neighbours] = [0, 0, 0, 0, 0];
  const [a, b] = [target.data, input.data];
  for (let i = 0; i + 1 < a.length; i++) {
    if (!isSoft(a[i]) || !isSoft(b[i])) continue;
    bias += b[i] - a[i];
    count++;
    if (!isSoft(a[i + 1]) || !isSoft(b[i + 1])) continue;
    roughTarget += (a[i + 1] - a[i]) ** 2;
    roughInput += (b[i + 1] - b[i]) ** 2;
    neighbours++;
  }
  return {
    bias: count > 0 ? bias / count : 0,
    ratio: neighbours > 0 && roughTarget > 0 ? Math.sqrt(roughInput / roughTarget) : Number.POSITIVE_INFINITY,
    count,
  };
}

function judgeAlignment(
  ids: readonly string[],
  { shiftPx, rotationRad, peak, localPx }: Alignment,
  limits: { readonly shiftPx: number; readonly leastPeak: number },
): QualityFinding[] {
  const values = {
    slices: shiftPx[0],
    rows: shiftPx[1],
    columns: shiftPx[2],
    rotationDegrees: (rotationRad * 180) / Math.PI,
    peak,
    ...(localPx !== null && { localPx }),
  };
  if (peak < limits.leastPeak) {
    return [
      {
        severity: "error",
        code: "UNRELATED_PAIR",
        ids,
        values,
        message: `input and target agree in ${(100 * peak).toFixed(1)} % of their phases: they do not show the same`,
        wayOut: "check which series belong together",
      },
    ];
  }
  const findings: QualityFinding[] = [];
  const shift = Math.hypot(shiftPx[1], shiftPx[2]);
  const isRotated = Math.abs(rotationRad) > ROTATION_LIMIT_RAD;
  const isShifted = shift > limits.shiftPx || Math.abs(shiftPx[0]) > SLICE_LIMIT;
  if (isRotated || isShifted || shift > limits.shiftPx / 2) {
    findings.push({
      severity: isRotated || isShifted ? "error" : "warning",
      code: "MISREGISTERED",
      ids,
      values,
      message: `the input lies off by ${shiftPx[1].toFixed(2)} rows, ${shiftPx[2].toFixed(2)} columns, ${shiftPx[0].toFixed(2)} slices and ${values.rotationDegrees.toFixed(2)}°`,
      wayOut: "lay it onto the target with alignInput (shift and rotation), or leave the pair out",
    });
  }
  if (localPx !== null && localPx > LOCAL_LIMIT_PX) {
    findings.push({
      severity: "error",
      code: "ELASTIC_MISMATCH",
      ids,
      values,
      message: `after shift and rotation, parts still lie ${localPx.toFixed(2)} samples off`,
      wayOut:
        "elastic registration is needed, which is not done here: register outside, or leave the pair out",
    });
  }
  return findings;
}

function checkPair(
  input: CheckedSeries,
  target: CheckedSeries,
  { scale, shiftLimitPx }: PairCheckOptions,
): QualityFinding[] {
  const ids = [input.id, target.id];
  const [a, b] = [input.volume.geometry, target.volume.geometry];
  const wanted = [a.size[0], a.size[1] * scale, a.size[2] * scale];
  if (wanted.some((n, axis) => n !== b.size[axis])) {
    return [
      {
        severity: "error",
        code: "SIZE_MISMATCH",
        ids,
        values: { input: a.size.join(" × "), target: b.size.join(" × "), scale },
        message: `the input has ${a.size.join(" × ")} samples and the target ${b.size.join(" × ")}, ${wanted.join(" × ")} were expected`,
        wayOut: "resample one onto the grid of the other",
      },
    ];
  }
  const findings: QualityFinding[] = [];
  const spacing = [a.spacingMm[0], a.spacingMm[1] / scale, a.spacingMm[2] / scale];
  if (spacing.some((mm, axis) => Math.abs(mm / b.spacingMm[axis] - 1) > 0.01)) {
    findings.push({
      severity: "error",
      code: "SPACING_MISMATCH",
      ids,
      values: { input: a.spacingMm.join(" × "), target: b.spacingMm.join(" × "), scale },
      message: `the input has a spacing of ${a.spacingMm.join(" × ")} mm and the target of ${b.spacingMm.join(" × ")} mm`,
      wayOut: "resample one onto the grid of the other",
    });
    return findings;
  }
  const coarse = coarsen(target.volume, scale);
  findings.push(
    ...judgeAlignment(ids, measureAlignment(coarse, input.volume), {
      shiftPx: shiftLimitPx,
      leastPeak: computeChancePeak(a.size[1], a.size[2]),
    }),
  );
  const { bias, ratio, count } = measureSoft(coarse, input.volume);
  if (count > 100 && Math.abs(bias) > BIAS_LIMIT_HU) {
    findings.push({
      severity: "warning",
      code: "HU_BIAS",
      ids,
      values: { biasHu: bias },
      message: `soft tissue of the input lies ${bias.toFixed(1)} HU above the target's`,
      wayOut: "check calibration, contrast phase and tube voltage of both; expected for contrast enhancement",
    });
  }
  if (count > 100 && scale === 1 && ratio < 0.9) {
    findings.push({
      severity: "warning",
      code: "NOISE_ORDER",
      ids,
      values: { ratio },
      message: `soft tissue of the input is smoother than the target's (${ratio.toFixed(2)} of its roughness)`,
      wayOut: "check that input and target are not exchanged; expected for super-resolution",
    });
  }
  return findings;
}

/** Checks every pair: exactly one input and one target per pair identifier on each side. Repeats are compared to the first. */
export function checkPairs(series: readonly CheckedSeries[], options: PairCheckOptions): QualityFinding[] {
  const findings: QualityFinding[] = [];
  const groups = new Map<string, CheckedSeries[]>();
  for (const item of series) {
    const { role = "image", pairId, side = "" } = item;
    if (role === "image") continue;
    const key = pairId === undefined ? `\u0000${item.id}` : `${side}\u0000${pairId}`;
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  for (const group of groups.values()) {
    const inputs = group.filter(({ role }) => role === "input");
    const targets = group.filter(({ role }) => role === "target");
    const repeats = group.filter(({ role }) => role === "repeat");
    const isWhole =
      repeats.length > 0
        ? repeats.length >= 2 && repeats.length === group.length
        : inputs.length === 1 && targets.length === 1;
    if (!isWhole) {
      findings.push({
        severity: "error",
        code: "INCOMPLETE_PAIR",
        ids: group.map(({ id }) => id),
        values: { inputs: inputs.length, targets: targets.length, repeats: repeats.length },
        message: `a pair has ${inputs.length} inputs and ${targets.length} targets, and ${repeats.length} repeats`,
        wayOut: "give one input and one target, or two or more repeats, the same pair identifier",
      });
      continue;
    }
    if (group.some(({ id }) => options.broken.has(id))) continue;
    if (repeats.length > 0) {
      for (const repeat of repeats.slice(1)) {
        findings.push(
          ...checkPair(repeat, repeats[0], { ...options, scale: 1 }).filter(
            ({ code }) => code !== "NOISE_ORDER",
          ),
        );
      }
    } else findings.push(...checkPair(inputs[0], targets[0], options));
  }
  return findings;
}
