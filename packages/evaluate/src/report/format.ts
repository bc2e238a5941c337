/** Numbers as the report page writes them: fixed digits, a true minus sign, an en dash for what is not known. */

/** What stands where there is no value. */
export const NO_VALUE = "–";

/** A number with fixed digits; −0.00 loses its sign. */
export function formatNumber(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NO_VALUE;
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** As `formatNumber`, with a plus sign before what is above zero. */
export function formatSigned(value: number | null | undefined, digits: number): string {
  const text = formatNumber(value, digits);
  return value !== null && value !== undefined && Number(value.toFixed(digits)) > 0 ? `+${text}` : text;
}

/** A count with narrow no-break spaces between groups of three. */
export function formatCount(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** Digits after the point that suit a metric's unit. */
export function digitsFor(unit: "HU" | "dB" | "1"): number {
  return unit === "1" ? 4 : 2;
}
