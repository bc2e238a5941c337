/** The header facts of a series as labelled text, for terminals and reports; free of identity. */
import type { FactRange, Series, SourcedFact } from "@alara/dicom";

/** A number for people: at most four significant digits, whole numbers in full. */
export function formatNumber(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 1000
    ? String(Math.round(value))
    : String(Number(value.toPrecision(4)));
}

/** "1 slice", "3 slices". */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

function formatRange(range: FactRange | undefined, unit: string): string | undefined {
  if (range === undefined) return undefined;
  const [low, middle, high] = [range.minimum, range.median, range.maximum].map(formatNumber);
  return low === high ? `${middle} ${unit}` : `${low} to ${high} ${unit}, median ${middle}`;
}

function formatValue(value: number | undefined, unit: string): string | undefined {
  return value === undefined ? undefined : `${formatNumber(value)} ${unit}`.trim();
}

function formatSourced(fact: SourcedFact | undefined, unit: string): string | undefined {
  return fact === undefined ? undefined : `${formatValue(fact.value, unit)} (${fact.source})`;
}

function formatComputed(range: FactRange | undefined, unit: string, source: string): string | undefined {
  return range === undefined ? undefined : `${formatRange(range, unit)} (${source})`;
}

/** A fact in words. */
export interface LabelledFact {
  readonly label: string;
  readonly value: string;
}

/**
 * Label and value of what the headers state of dose and image. The first rows always stand there ("not stated"); the
 * rest only when a header says something.
 */
export function listFacts(series: Series): readonly LabelledFact[] {
  const { facts } = series;
  const phantom =
    facts.ctdiPhantomDiameterCm === undefined ? "" : `, ${facts.ctdiPhantomDiameterCm} cm phantom`;
  const ctdi = formatRange(facts.ctdiVolMgy, "mGy");
  const always: readonly (readonly [string, string | undefined])[] = [
    ["Scanner", [facts.manufacturer, facts.model].filter(Boolean).join(" ") || undefined],
    ["Body part", facts.bodyPart],
    ["Kernel", facts.kernels.join(", ") || undefined],
    ["Tube voltage", formatRange(facts.tubeVoltageKv, "kV")],
    ["Tube current", formatRange(facts.tubeCurrentMa, "mA")],
    ["Exposure", formatRange(facts.exposureMas, "mAs")],
    ["CTDIvol", ctdi === undefined ? undefined : `${ctdi}${phantom}`],
    ["Slice thickness", formatValue(facts.sliceThicknessMm, "mm")],
    ["Slice spacing", formatValue(facts.sliceSpacingMm, "mm")],
    ["Pixel spacing", `${facts.pixelSpacingMm.map(formatNumber).join(" × ")} mm`],
    ["Matrix", `${facts.columns} × ${facts.rows}, ${formatCount(facts.slices, "slice")}`],
  ];
  const whenStated: readonly (readonly [string, string | undefined])[] = [
    ["Effective mAs", formatComputed(facts.effectiveMas, "mAs", "tube current × rotation time / pitch")],
    ["Exposure time", formatRange(facts.exposureTimeMs, "ms")],
    ["Rotation time", formatValue(facts.revolutionTimeS, "s")],
    ["Pitch", formatSourced(facts.spiralPitch, "")],
    ["Collimation", formatCollimation(facts.singleCollimationMm, facts.totalCollimationMm)],
    ["Dose modulation", facts.exposureModulation],
    ["Imaged length", formatValue(facts.imagedLengthMm, "mm")],
    ["Dose × length", formatSourced(facts.imagedDoseLengthMgyCm, "mGy·cm")],
    ["Dw in header", formatRange(facts.waterEquivalentDiameterMm, "mm")],
    ["Filter", facts.filterType],
    ["Focal spot", facts.focalSpotsMm.length === 0 ? undefined : `${facts.focalSpotsMm.join(", ")} mm`],
    ["Field of view", formatValue(facts.reconstructionDiameterMm, "mm")],
    ["Gantry tilt", facts.gantryTiltDegrees ? `${formatNumber(facts.gantryTiltDegrees)}°` : undefined],
    ["Iterative", facts.iterativeHints.join(", ") || undefined],
    ["VMI energy", formatValue(facts.monoenergeticKev, "keV")],
    ["Cardiac phase", formatValue(facts.cardiacPhasePercent, "%")],
    ["Contrast agent", facts.hasContrastAgent ? "yes" : undefined],
  ];
  return [
    ...always.map(([label, value]) => ({ label, value: value ?? "not stated" })),
    ...whenStated.flatMap(([label, value]) => (value === undefined ? [] : [{ label, value }])),
  ];
}

function formatCollimation(singleMm: number | undefined, totalMm: number | undefined): string | undefined {
  if (totalMm === undefined) return formatValue(singleMm, "mm");
  if (singleMm === undefined || singleMm === totalMm) return formatValue(totalMm, "mm");
  return `${formatNumber(totalMm / singleMm)} × ${formatNumber(singleMm)} mm`;
}
