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

/** `--series`: which of several, as `openSeries` takes it. */
export function parseSeriesChoice(text: string | undefined): { readonly number?: number } {
  return text === undefined ? {} : { number: parseWholeNumber("--series", text) };
}

/** The current moment in ISO 8601 with the local offset, to the second. */
export function formatNow(): string {
  const now = new Date();
  const offset = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const two = (value: number): string => String(Math.floor(Math.abs(value))).padStart(2, "0");
  return `${local}${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
}
