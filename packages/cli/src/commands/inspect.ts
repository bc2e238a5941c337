/**
 * `alara inspect <path>`: what is here, what of it can be enhanced and why not, and the dose facts. Reads only;
 * prints nothing of the patient: no names, dates, descriptions or comments.
 */
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { Series, SkippedInstance } from "@alara/dicom";
import { isVolumePath, scanSeriesFiles } from "@alara/dicom/node";
import type { Command } from "commander";
import { parseSeriesChoice } from "../arguments.ts";
import { type CommandContext, printResult, runCommand } from "../context.ts";
import { formatCount, formatNumber, listFacts } from "../facts.ts";
import {
  chooseSeries,
  describeEnhancement,
  type Enhancement,
  isDamaged,
  takesEnhancement,
} from "../input.ts";
import { listOtherFiles, type OtherFiles } from "../other-files.ts";
import { measureSeriesSize, type SeriesSize } from "../patient-size.ts";
import { formatSeriesTable, shortenUids } from "../series-table.ts";
import { formatVolume, type InspectedVolume, inspectVolumes } from "../volume-facts.ts";

interface InspectCommandOptions {
  readonly series?: string;
  readonly ssde?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addInspectCommand(program: Command): void {
  program
    .command("inspect")
    .description("list what a folder holds, what of it can be enhanced and why not, and the dose facts")
    .argument("<path>", "DICOM folder or file, volume file, or folder of TIFF pages")
    .option("--series <choice>", "facts of one series: its number in the list, or part of its UID")
    .option(
      "--ssde",
      "measure water-equivalent diameter and size-specific dose from the images (reads all pixels)",
    )
    .option("--json", "machine-readable output")
    .action((path: string, options: InspectCommandOptions) =>
      runCommand(options, (context) => inspect(path, options, context)),
    );
}

/** A series as `--json` gives it. */
interface InspectedSeries {
  /** For `--series`; `null` when it is not among those that can be enhanced. */
  readonly number: number | null;
  readonly series: Series;
  readonly enhancement: Enhancement;
  readonly size: SeriesSize | undefined;
}

async function inspect(path: string, options: InspectCommandOptions, context: CommandContext): Promise<void> {
  const { choice } = parseSeriesChoice(options.series);
  if (await isTiffFolder(path)) {
    const volumes = await inspectVolumes([{ name: basename(resolve(path)), path }], context);
    reportVolumes(volumes, context);
    return;
  }
  const collection = await scanSeriesFiles([path], { ...context, modalities: "any" });
  // Those that can be enhanced come first, in the order in which --series counts them.
  const ct = collection.series.filter(takesEnhancement);
  const rest = collection.series.filter((series) => !takesEnhancement(series));
  const chosen = choice === undefined ? undefined : chooseSeries(ct, choice);
  const inspected: InspectedSeries[] = [];
  for (const [index, series] of [...ct, ...rest].entries()) {
    const isCt = index < ct.length;
    inspected.push({
      number: isCt ? index + 1 : null,
      series,
      enhancement: describeEnhancement(series),
      size:
        isCt && options.ssde === true && (chosen ?? series) === series
          ? await measureSeriesSize(series, context)
          : undefined,
    });
  }
  if (chosen !== undefined) {
    const only = inspected.filter(({ series }) => series === chosen);
    const uids = shortenUids(ct.map(({ seriesInstanceUid }) => seriesInstanceUid));
    printResult(context, formatSeries(only[0], uids[ct.indexOf(chosen)]).join("\n"), {
      enhanceableSeries: ct.length,
      series: only.map(describeInspected),
    });
    return;
  }
  const others = await listOtherFiles(path, collection.skipped);
  const volumes = await inspectVolumes(others.formats, context);
  const isOneVolume = inspected.length === 0 && collection.skipped.length === 1 && volumes.length === 1;
  if (isOneVolume) {
    reportVolumes(volumes, context);
    return;
  }
  const text = formatInspection(inspected, others, volumes, collection.skipped);
  printResult(context, text, describeInspection(inspected, others, volumes, collection.skipped));
  if (ct.length === 0 && !volumes.some(canBeEnhanced)) process.exitCode = 1;
}

/** A folder of numbered pages is one volume. */
async function isTiffFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info?.isDirectory() === true && (await isVolumePath(path));
}

function canBeEnhanced({ facts }: InspectedVolume): boolean {
  return facts?.canBeEnhanced === true;
}

/** What a path that is nothing but a volume holds. */
function reportVolumes(volumes: readonly InspectedVolume[], context: CommandContext): void {
  printResult(context, volumes.flatMap(formatVolume).join("\n"), {
    enhanceableSeries: 0,
    series: [],
    volumes,
  });
  if (!volumes.some(canBeEnhanced)) process.exitCode = 1;
}

function describeInspected({ number, series, enhancement, size }: InspectedSeries): object {
  return {
    number,
    seriesInstanceUid: series.seriesInstanceUid,
    studyInstanceUid: series.studyInstanceUid,
    seriesNumber: series.seriesNumber ?? null,
    stackName: series.stackName ?? null,
    modality: series.modality,
    unit: series.unit,
    isRegular: series.isRegular,
    enhancement,
    findings: series.findings,
    facts: series.facts,
    ...(size === undefined ? {} : { size }),
  };
}

function describeInspection(
  inspected: readonly InspectedSeries[],
  others: OtherFiles,
  volumes: readonly InspectedVolume[],
  skipped: readonly SkippedInstance[],
): object {
  return {
    enhanceableSeries: inspected.filter(({ number }) => number !== null).length,
    series: inspected.map(describeInspected),
    objects: others.objects,
    otherFormats: others.formats.map(({ name, format }) => ({ name, format })),
    volumes,
    archives: others.archives,
    doseReports: others.doseReports,
    skipped: skipped.map(({ name, code, reason }) => ({ name, code, reason })),
    skippedByCode: Object.fromEntries(groupByCode(skipped).map(({ code, files }) => [code, files.length])),
  };
}

/** Files that are named of those left out for one code. */
const SHOWN_FILES = 3;
/** More series than this are listed in the table alone. */
const DETAILED_SERIES = 8;

function formatInspection(
  inspected: readonly InspectedSeries[],
  others: OtherFiles,
  volumes: readonly InspectedVolume[],
  skipped: readonly SkippedInstance[],
): string {
  const numbered = inspected.filter(({ number }) => number !== null);
  const lines: string[] = [];
  if (numbered.length === 0) lines.push("no CT series that can be enhanced");
  else lines.push(formatSeriesTable(numbered.map(({ series }) => series)));
  const uids = shortenUids(inspected.map(({ series }) => series.seriesInstanceUid));
  if (numbered.length > DETAILED_SERIES) {
    lines.push("", "facts of one series: alara inspect <path> --series <#>");
  }
  for (const [index, item] of inspected.entries()) {
    if (item.number !== null && numbered.length > DETAILED_SERIES) continue;
    lines.push("", ...formatSeries(item, uids[index]));
  }
  for (const volume of volumes) lines.push("", ...formatVolume(volume));
  const kinds = countKinds(others);
  if (kinds.length > 0) lines.push("", `also here: ${kinds.join(", ")}`);
  if (others.formats.length > 0) lines.push("volume files are enhanced one by one: alara enhance <file>");
  if (others.archives.length > 0) lines.push("archives are not looked into: unpack them first");
  for (const report of others.doseReports) {
    lines.push(
      `dose report ${report.name}: DLP total ${report.totalDlpMgyCm === null ? "not stated" : `${formatNumber(report.totalDlpMgyCm)} mGy·cm`} (radiation dose structured report)`,
    );
  }
  const known = new Set([...others.formats.map(({ name }) => name), ...others.archives]);
  const unknown = skipped.filter(({ name }) => !known.has(name));
  const leftOut = groupByCode(unknown);
  if (leftOut.length > 0) lines.push("", `left out: ${formatCount(unknown.length, "file")}`);
  for (const { code, files } of leftOut) lines.push(...formatLeftOut(code, files));
  if (skipped.some(isDamaged)) {
    lines.push("files marked ! may be slices that cannot be read; --json lists every file");
  }
  return lines.join("\n");
}

/** Files left out for one code; the reason stands once where it is the same for all. */
function formatLeftOut(code: string, files: readonly SkippedInstance[]): readonly string[] {
  const mark = files.some(isDamaged) ? "!" : "·";
  const shown = files.slice(0, SHOWN_FILES);
  const more = files.length - shown.length;
  if (files.every(({ reason }) => reason === files[0].reason)) {
    const names = shown.map(({ name }) => name).join(", ");
    return [
      `  ${mark} ${files.length} × ${code}: ${files[0].reason}`,
      `      ${names}${more > 0 ? `, and ${more} more` : ""}`,
    ];
  }
  return [
    `  ${mark} ${files.length} × ${code}`,
    ...shown.map(({ name, reason }) => `      ${name}: ${reason}`),
    ...(more > 0 ? [`      and ${more} more`] : []),
  ];
}

function formatSeries(
  { number, series, enhancement, size }: InspectedSeries,
  uid: string,
): readonly string[] {
  const stack = series.stackName === undefined ? "" : `, ${series.stackName}`;
  const title = number === null ? `${series.modality} series` : `series ${number}`;
  const lines = [`${title} (${uid}${stack}): ${enhancement.summary}`];
  const facts = listFacts(series).filter(({ value }) => number !== null || value !== "not stated");
  for (const { label, value } of facts) lines.push(`  ${label.padEnd(16)} ${value}`);
  if (size !== undefined) lines.push(...formatSize(size));
  for (const finding of series.findings) {
    lines.push(`  ${finding.severity === "warning" ? "!" : "·"} ${finding.code}: ${finding.message}`);
  }
  return lines;
}

function formatSize(size: SeriesSize): readonly string[] {
  const diameters = size.slices.flatMap((slice) => slice.size?.waterEquivalentDiameterMm ?? []);
  const mean = size.meanWaterEquivalentDiameterMm;
  const lines =
    mean === undefined
      ? ["  Dw from images    no body found"]
      : [
          `  Dw from images   ${formatNumber(Math.min(...diameters))} to ${formatNumber(Math.max(...diameters))} mm, mean ${formatNumber(mean)} (AAPM Report 220)`,
        ];
  if (size.dose !== undefined) {
    const { ssdeMgy, minimumSsdeMgy, maximumSsdeMgy, model } = size.dose;
    lines.push(
      `  SSDE             ${formatNumber(ssdeMgy)} mGy mean, ${formatNumber(minimumSsdeMgy)} to ${formatNumber(maximumSsdeMgy)} (${model.source})`,
    );
  }
  return [...lines, ...size.remarks.map((remark) => `  · ${remark}`)];
}

/** "2 dose reports", "1 NIfTI file". */
function countKinds({ objects, formats, archives }: OtherFiles): string[] {
  const counts = new Map<string, number>();
  for (const { kind, modality } of objects) {
    const name = kind === "image" ? `${modality ?? "other"} image` : kind;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const { format } of formats) counts.set(`${format} file`, (counts.get(`${format} file`) ?? 0) + 1);
  if (archives.length > 0) counts.set("ZIP archive", archives.length);
  return [...counts].map(([name, count]) => formatCount(count, name));
}

function groupByCode(
  skipped: readonly SkippedInstance[],
): { readonly code: string; readonly files: readonly SkippedInstance[] }[] {
  const groups = new Map<string, SkippedInstance[]>();
  for (const item of skipped) groups.set(item.code, [...(groups.get(item.code) ?? []), item]);
  return [...groups].map(([code, files]) => ({ code, files }));
}
