/**
 * Dates moved by whole days (Retain Longitudinal Temporal Information with Modified Dates, PS3.15 §E.3.6). The time of
 * day stays. Whole weeks keep the weekday; the shift is the caller's. Values that name no full date cannot be moved.
 */
import { parseDicomDate, parseDicomDateTime, parseDicomTime } from "../dataset/date-time.ts";

/**
 * A DA, DT or TM value moved; `undefined` when it is not a complete and valid one.
 *
 * @param days - 0 only checks the value
 */
export function shiftTemporalValue(value: string, vr: string, days: number): string | undefined {
  if (vr === "TM") return parseDicomTime(value) === undefined ? undefined : value;
  if (vr === "DA") return shiftDate(value, days);
  if (parseDicomDateTime(value)?.day === undefined) return undefined;
  const date = shiftDate(value.slice(0, 8), days);
  return date === undefined ? undefined : `${date}${value.slice(8)}`;
}

function shiftDate(text: string, days: number): string | undefined {
  const date = parseDicomDate(text);
  if (date === undefined) return undefined;
  const moment = new Date(0);
  moment.setUTCFullYear(date.year, date.month - 1, date.day + days);
  const year = moment.getUTCFullYear();
  if (year < 1 || year > 9999) return undefined;
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${String(year).padStart(4, "0")}${two(moment.getUTCMonth() + 1)}${two(moment.getUTCDate())}`;
}
