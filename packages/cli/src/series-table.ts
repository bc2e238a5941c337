/**
 * The series of a folder as a short table to choose from. Series Description is left out on purpose: people write
 * names and findings there.
 */
import type { Series } from "@alara/dicom";
import { formatNumber } from "./facts.ts";
import { formatTable } from "./terminal.ts";

const SHORTEST_TAIL = 6;

/** Per series the shortest end of its UID, of at least 6 characters, that no other series' UID ends with. */
export function shortenUids(uids: readonly string[]): readonly string[] {
  const others = [...new Set(uids)];
  return uids.map((uid) => {
    let length = Math.min(SHORTEST_TAIL, uid.length);
    while (
      length < uid.length &&
      others.some((other) => other !== uid && other.endsWith(uid.slice(-length)))
    ) {
      length++;
    }
    return length === uid.length ? uid : `…${uid.slice(-length)}`;
  });
}

/** What a series was made with, in the columns of the table. */
function describeRow(series: Series, index: number, uid: string): readonly string[] {
  const { facts } = series;
  const mm = (value: number | undefined): string => (value === undefined ? "–" : formatNumber(value));
  return [
    String(index + 1),
    uid,
    String(series.seriesNumber ?? "–"),
    String(facts.slices),
    `${facts.columns} × ${facts.rows}`,
    mm(facts.sliceThicknessMm),
    mm(facts.sliceSpacingMm),
    mm(facts.reconstructionDiameterMm ?? facts.columns * facts.pixelSpacingMm[1]),
    facts.kernels.join(", ") || "–",
    facts.tubeVoltageKv === undefined ? "–" : formatNumber(facts.tubeVoltageKv.median),
    series.stackName ?? "",
  ];
}

const HEADINGS = [
  "#",
  "UID",
  "series no.",
  "slices",
  "matrix",
  "thick mm",
  "every mm",
  "FOV mm",
  "kernel",
  "kV",
  "stack",
];

/**
 * The table: number and UID end for `--series`, then what tells series apart.
 *
 * @param series - as scanned; numbers count from 1 in this order
 */
export function formatSeriesTable(series: readonly Series[]): string {
  const uids = shortenUids(series.map((item) => item.seriesInstanceUid));
  const rows = series.map((item, index) => describeRow(item, index, uids[index]));
  const hasStacks = series.some((item) => item.stackName !== undefined);
  const width = hasStacks ? HEADINGS.length : HEADINGS.length - 1;
  return formatTable([HEADINGS, ...rows].map((row) => row.slice(0, width)));
}
