/**
 * Faults of a single series that show in its values alone: not finite, constant, clipped, not in HU. Thresholds are
 * stated with each check; a crop of soft tissue passes, a series without any air or water cannot be calibrated and is
 * noted. Not here: noise, artifacts, and anything that needs a second series.
 */
import { getSliceData, type Volume } from "@alara/core";
import type { FindingSeverity, QualityFinding } from "./quality-report.ts";

/** Samples at or below are padding and take no part. */
const PADDING_BELOW_HU = -1500;
/** A finer histogram is not needed: bins of 1 HU from here on. */
const LOWEST_HU = -1500;
const HIGHEST_HU = 8000;

/** Counts and shares of a series that all checks read. */
export interface IntensityFacts {
  readonly nonFinite: number;
  readonly constantSlices: number;
  readonly slices: number;
  /** Samples that are finite and no padding. */
  readonly samples: number;
  readonly least: number;
  readonly most: number;
  readonly histogram: Float64Array;
  readonly aboveRange: number;
  /** Whether all samples are whole numbers. */
  readonly isWhole: boolean;
}

/** Reads a series once. */
export function measureIntensities(volume: Volume): IntensityFacts {
  const [slices] = volume.geometry.size;
  const histogram = new Float64Array(HIGHEST_HU - LOWEST_HU + 1);
  let [nonFinite, constantSlices, samples, aboveRange] = [0, 0, 0, 0];
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let isWhole = true;
  for (let s = 0; s < slices; s++) {
    const data = getSliceData(volume, s);
    let isConstant = true;
    for (let i = 0; i < data.length; i++) {
      const value = data[i];
      if (value !== data[0]) isConstant = false;
      if (!Number.isFinite(value)) {
        nonFinite++;
        continue;
      }
      if (value <= PADDING_BELOW_HU) continue;
      samples++;
      if (value < least) least = value;
      if (value > most) most = value;
      if (isWhole && !Number.isInteger(value)) isWhole = false;
      if (value > HIGHEST_HU) aboveRange++;
      histogram[Math.min(HIGHEST_HU, Math.round(value)) - LOWEST_HU]++;
    }
    if (isConstant) constantSlices++;
  }
  return { nonFinite, constantSlices, slices, samples, least, most, histogram, aboveRange, isWhole };
}

/** Samples with values in low..high, inclusive. */
function countBetween({ histogram }: IntensityFacts, low: number, high: number): number {
  let sum = 0;
  for (let hu = Math.max(low, LOWEST_HU); hu <= Math.min(high, HIGHEST_HU); hu++)
    sum += histogram[hu - LOWEST_HU];
  return sum;
}

/** Most frequent value within low..high, from counts smoothed over ±10 HU; null when there are none. */
function findMode(facts: IntensityFacts, low: number, high: number): { hu: number; count: number } | null {
  let best: { hu: number; count: number } | null = null;
  let sum = countBetween(facts, low - 10, low + 10);
  for (let hu = low; hu <= high; hu++) {
    if (sum > (best?.count ?? 0)) best = { hu, count: sum };
    const entering = hu + 11 <= HIGHEST_HU ? facts.histogram[hu + 11 - LOWEST_HU] : 0;
    const leaving = hu - 10 >= LOWEST_HU ? facts.histogram[hu - 10 - LOWEST_HU] : 0;
    sum += entering - leaving;
  }
  return best;
}

/** Share of samples at an end of the range that makes it clipped, and the least number of them. */
const CLIPPED_LEAST = 20;
const CLIPPED_FACTOR = 8;
/** Bins next to the end that it is compared with. */
const CLIPPED_REACH = 20;
/** From this share of samples on, clipping is an error. */
const CLIPPED_SHARE = 0.01;
/** Air may be clipped: scanners store no values below −1024. */
const AIR_CLIPPED_BELOW_HU = -900;

type Report = (
  severity: FindingSeverity,
  code: QualityFinding["code"],
  values: QualityFinding["values"],
  message: string,
  wayOut: string,
) => void;

const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;

/** Whether values pile up at an end of the range. */
function checkSaturation(facts: IntensityFacts, report: Report): void {
  const { least, most, samples } = facts;
  const bin = (hu: number): number => countBetween(facts, hu, hu);
  const high = Math.min(HIGHEST_HU, Math.round(most));
  const atMost = bin(high);
  const below = countBetween(facts, high - CLIPPED_REACH, high - 1) / CLIPPED_REACH;
  if (most <= HIGHEST_HU && atMost >= CLIPPED_LEAST && atMost > CLIPPED_FACTOR * Math.max(below, 0.5)) {
    const share = atMost / samples;
    report(
      share > CLIPPED_SHARE ? "error" : "warning",
      "SATURATED",
      { hu: high, share },
      `${percent(share)} of the samples lie at the largest value, ${high} HU, against ${below.toFixed(1)} per HU below it`,
      "export the series with its whole range, or mask the saturated parts (metal) out",
    );
  }
  const low = Math.round(least);
  const atLeast = bin(low);
  const above = countBetween(facts, low + 1, low + CLIPPED_REACH) / CLIPPED_REACH;
  if (
    low > AIR_CLIPPED_BELOW_HU &&
    atLeast >= CLIPPED_LEAST &&
    atLeast > CLIPPED_FACTOR * Math.max(above, 0.5)
  ) {
    const share = atLeast / samples;
    report(
      share > CLIPPED_SHARE ? "error" : "warning",
      "SATURATED",
      { hu: low, share },
      `${percent(share)} of the samples lie at the smallest value, ${low} HU: the series was windowed`,
      "export the stored values, not a display window",
    );
  }
}

/** Attenuation instead of HU, and stored values whose intercept was not applied. True when units are wrong. */
function checkUnits(facts: IntensityFacts, report: Report): boolean {
  const { least, most, samples, isWhole } = facts;
  if (!isWhole && most - least < 20 && Math.abs(most) < 20 && Math.abs(least) < 20) {
    report(
      "error",
      "UNITS_NOT_HU",
      { least, most },
      `all values lie in ${least.toPrecision(3)}..${most.toPrecision(3)}: this looks like attenuation (water 0.02 per mm, 0.2 per cm) or scaled data, not HU`,
      "convert to HU: 1000 (µ − µ_water)/µ_water",
    );
    return true;
  }
  const air = findMode(facts, -200, 300);
  const water = findMode(facts, 850, 1250);
  const hasAir = countBetween(facts, -1100, -700) > 0.005 * samples;
  const share = (count: number | undefined): number => (count ?? 0) / samples;
  if (
    least > -500 &&
    !hasAir &&
    share(air?.count) > 0.02 &&
    share(water?.count) > 0.02 &&
    Math.abs(air!.hu) <= 100
  ) {
    report(
      "error",
      "MISSING_INTERCEPT",
      { airHu: air!.hu, waterHu: water!.hu },
      `air lies at ${air!.hu} and soft tissue at ${water!.hu}: the rescale intercept (−1024 or −1000) was not applied`,
      "read the series with its rescale slope and intercept",
    );
    return true;
  }
  return false;
}

/** Air near −1000 HU and soft tissue near 0..100, where there are such. */
function checkCalibration(facts: IntensityFacts, report: Report): void {
  const { samples, least } = facts;
  const air = findMode(facts, -1300, -500);
  const soft = findMode(facts, -300, 400);
  if (air !== null && air.count > 0.05 * samples && (air.hu < -1060 || air.hu > -930)) {
    report(
      air.hu < -1150 ? "error" : "warning",
      "HU_CALIBRATION",
      { airHu: air.hu },
      `the most frequent air value is ${air.hu} HU, −1000 was expected`,
      "check rescale slope and intercept, or leave the series out (lung alone also looks like this)",
    );
  }
  if (soft !== null && soft.count > 0.05 * samples && (soft.hu < -150 || soft.hu > 200)) {
    report(
      "warning",
      "HU_CALIBRATION",
      { softHu: soft.hu },
      `the most frequent value of soft matter is ${soft.hu} HU, −120 (fat) to 100 (muscle, blood) was expected`,
      "check the calibration; phantoms and contrast studies may be right",
    );
  }
  if (least > -500 && soft === null) {
    report(
      "note",
      "HU_CALIBRATION",
      { least },
      "the series has neither air nor soft tissue, so its HU cannot be checked",
      "check it by hand",
    );
  }
}

/**
 * Checks a series' values.
 *
 * Tested: each fault made on purpose, and clean chests, crops and phantoms that pass.
 */
export function checkIntensities(id: string, facts: IntensityFacts): QualityFinding[] {
  const findings: QualityFinding[] = [];
  const report: Report = (severity, code, values, message, wayOut) => {
    findings.push({ severity, code, ids: [id], values, message, wayOut });
  };
  const { nonFinite, constantSlices, slices, samples, least, most, aboveRange } = facts;
  if (nonFinite > 0) {
    report(
      "error",
      "NON_FINITE",
      { samples: nonFinite },
      `${nonFinite} samples are NaN or infinite`,
      "replace them, e.g. padding by −1024 HU",
    );
  }
  if (constantSlices > 0) {
    report(
      constantSlices === slices || constantSlices > 0.2 * slices ? "error" : "warning",
      "CONSTANT_SLICES",
      { slices: constantSlices, of: slices },
      `${constantSlices} of ${slices} slices have one value everywhere`,
      "leave these slices out",
    );
  }
  if (samples === 0 || constantSlices === slices) return findings;
  if (checkUnits(facts, report)) return findings;
  if (most > HIGHEST_HU || least < -1200) {
    report(
      most > 32767 || aboveRange > 0.001 * samples ? "error" : "warning",
      "HU_RANGE",
      { least, most },
      `values from ${least.toFixed(0)} to ${most.toFixed(0)} HU; −1024 to about 3071 (metal up to ${HIGHEST_HU}) was expected`,
      "check the scale, or clip",
    );
  } else if (most < -200) {
    report(
      "error",
      "HU_RANGE",
      { least, most },
      `no value lies above ${most.toFixed(0)} HU: there is no tissue`,
      "leave the series out",
    );
  }
  checkSaturation(facts, report);
  checkCalibration(facts, report);
  return findings;
}

/** Samples by tissue: below −950 air, −400 lung, 200 HU soft, else bone. */
export function countTissues(facts: IntensityFacts): Record<"air" | "lung" | "soft" | "bone", number> {
  return {
    air: countBetween(facts, LOWEST_HU, -951),
    lung: countBetween(facts, -950, -401),
    soft: countBetween(facts, -400, 199),
    bone: countBetween(facts, 200, HIGHEST_HU),
  };
}
