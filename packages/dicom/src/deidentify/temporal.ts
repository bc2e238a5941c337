/**
 * Dates moved by whole days (Retain Longitudinal Temporal Information with Modified Dates, PS3.15 §E.3.6). The time of
 * day stays. Whole weeks keep the weekday; the shift is the caller's. Values that name no full date cannot be moved.
 */
const DATE = /^(\d{4})\.?(\d{2})\.?(\d{2})$/;
const DATE_TIME = /^(\d{8})(\d{0,6}(?:\.\d{1,6})?(?:[+-]\d{4})?)$/;
const TIME = /^\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?$/;

/**
 * A DA, DT or TM value moved; `undefined` when it is not a complete and valid one.
 *
 * @param days - 0 only checks the value
 */
export function shiftTemporalValue(value: string, vr: string, days: number): string | undefined {
  if (vr === "TM") return TIME.test(value) ? value : undefined;
  if (vr === "DA") return shiftDate(value, days);
  const match = DATE_TIME.exec(value);
  if (match === null) return undefined;
  const date = shiftDate(match[1], days);
  return date === undefined ? undefined : `${date}${match[2]}`;
}

function shiftDate(text: string, days: number): string | undefined {
  const match = DATE.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const moment = new Date(0);
  moment.setUTCFullYear(year, month - 1, day);
  if (moment.getUTCMonth() !== month - 1 || moment.getUTCDate() !== day) return undefined;
  moment.setUTCDate(day + days);
  const shifted = moment.getUTCFullYear();
  if (shifted < 1 || shifted > 9999) return undefined;
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${String(shifted).padStart(4, "0")}${two(moment.getUTCMonth() + 1)}${two(moment.getUTCDate())}`;
}
