/** The header facts of a series as labelled text, for terminals and reports; free of identity. */
import type { FactRange, Series } from "@alara/dicom";

function formatRange(range: FactRange | undefined, unit: string): string | undefined {
  if (range === undefined) return undefined;
  const { minimum, median, maximum } = range;
  return minimum === maximum ? `${median} ${unit}` : `${minimum} to ${maximum} ${unit}, median ${median}`;
}

/** Label and value of what the headers state of dose and image. */
export function listFacts(series: Series): readonly { readonly label: string; readonly value: string }[] {
  const { facts } = series;
  const rows: [string, string | undefined][] = [
    ["Scanner", [facts.manufacturer, facts.model].filter(Boolean).join(" ") || undefined],
    ["Body part", facts.bodyPart],
    ["Kernel", facts.kernels.join(", ") || undefined],
    ["Tube voltage", formatRange(facts.tubeVoltageKv, "kV")],
    ["Tube current", formatRange(facts.tubeCurrentMa, "mA")],
    ["Exposure", formatRange(facts.exposureMas, "mAs")],
    ["CTDIvol", formatRange(facts.ctdiVolMgy, "mGy")],
    ["Slice thickness", facts.sliceThicknessMm === undefined ? undefined : `${facts.sliceThicknessMm} mm`],
    [
      "Slice spacing",
      facts.sliceSpacingMm === undefined ? undefined : `${Number(facts.sliceSpacingMm.toFixed(3))} mm`,
    ],
    ["Pixel spacing", `${facts.pixelSpacingMm.map((value) => Number(value.toFixed(4))).join(" × ")} mm`],
    ["Matrix", `${facts.columns} × ${facts.rows}, ${facts.slices} slices`],
  ];
  return rows.map(([label, value]) => ({ label, value: value ?? "not stated" }));
}
