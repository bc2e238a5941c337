/** Reading the values of options: numbers in range, and the current moment. Wrong ones are wrong use. */
import { UsageError } from "./context.ts";

/** Bounds of a number. */
export interface NumberRange {
  readonly minimum: number;
  readonly maximum: number;
}

/**
 * Reads a number.
 *
 * @throws UsageError outside the range or for other text
 */
export function parseNumber(name: string, text: string, { minimum, maximum }: NumberRange): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= minimum && value <= maximum)) {
    throw new UsageError(`${name} is "${text}", expected a number from ${minimum} to ${maximum}`);
  }
  return value;
}

/** Reads a whole number; default range 1 to 2³² − 1. */
export function parseWholeNumber(name: string, text: string, range: Partial<NumberRange> = {}): number {
  const { minimum = 1, maximum = 4294967295 } = range;
  const value = parseNumber(name, text, { minimum, maximum });
  if (!Number.isInteger(value)) throw new UsageError(`${name} is "${text}", expected a whole number`);
  return value;
}

/**
 * `--series`: the number in the list of `alara inspect`, or the Series Instance UID, its beginning or its end.
 *
 * @throws UsageError for text that is neither
 */
export function parseSeriesChoice(text: string | undefined): { readonly choice?: string } {
  if (text === undefined) return {};
  const choice = text.replace(/^(…|\.\.\.)/, "");
  if (!/^[0-9.]+$/.test(choice) || /^0+$/.test(choice)) {
    throw new UsageError(
      `--series is "${text}", expected a number from the list of \`alara inspect\` (from 1), or the beginning or end of a Series Instance UID`,
    );
  }
  return { choice };
}

/**
 * `--date`: the moment written into results, ISO 8601 to the second; default now.
 *
 * @throws UsageError
 */
export function parseMoment(text: string | undefined): string {
  if (text === undefined) return formatNow();
  const match =
    /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  const [year, month, day] = match?.slice(1, 4).map(Number) ?? [0, 0, 0];
  if (
    match === null ||
    new Date(Date.UTC(year, month - 1, day)).getUTCDate() !== day ||
    month < 1 ||
    month > 12
  ) {
    throw new UsageError(`--date is "${text}", expected a moment with time like 2026-01-31T12:30:00+00:00`);
  }
  return text;
}

/** Execution providers that onnxruntime knows, whether this machine has them or not. */
const PROVIDERS: readonly string[] = [
  "cpu",
  "cuda",
  "tensorrt",
  "webgpu",
  "dml",
  "coreml",
  "openvino",
  "rocm",
  "migraphx",
  "xnnpack",
  "qnn",
];

/**
 * `--providers`: execution providers in order of preference.
 *
 * @throws UsageError for names that onnxruntime does not know
 */
export function parseProviders(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !PROVIDERS.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`--providers names "${unknown.join('", "')}"; known: ${PROVIDERS.join(", ")}`);
  }
  return names;
}

/** The current moment in ISO 8601 with the local offset, to the second. */
export function formatNow(): string {
  const now = new Date();
  const offset = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const two = (value: number): string => String(Math.floor(Math.abs(value))).padStart(2, "0");
  return `${local}${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
}
