/**
 * Dates as DICOM writes them (DA, TM, DT of PS3.5 §6.2): read in all legal forms and the legacy ones of ACR-NEMA, and
 * written shifted into a dataset's own time zone. No clock: the moment is always given.
 */
import { DicomError } from "../errors.ts";

/** A moment in DICOM's pieces. */
export interface DicomDateTime {
  /** YYYYMMDD */
  readonly date: string;
  /** HHMMSS or HHMMSS.FFFFFF */
  readonly time: string;
  /** date + time + offset when known */
  readonly dateTime: string;
}

const ISO = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?$/;
const TIMEZONE = /^([+-])(\d{2})(\d{2})$/;

/**
 * Converts an ISO 8601 moment.
 *
 * @param iso - `YYYY-MM-DDTHH:MM:SS[.ffffff][Z|±HH:MM]`
 * @param timezoneOffset - the dataset's (0008,0201), `±HHMM`; the moment is shifted there when it names its own offset
 * @throws DicomError `INVALID_VALUE`
 */
export function convertDateTime(iso: string, timezoneOffset?: string): DicomDateTime {
  const match = ISO.exec(iso);
  if (match === null) {
    throw new DicomError(
      "INVALID_VALUE",
      `"${iso}" is not a moment like 2026-01-31T12:30:00+00:00; pass ISO 8601 with seconds`,
    );
  }
  const [, year, month, day, hour, minute, second, fraction = "", zone] = match;
  const moment = new Date(
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)),
  );
  if (
    moment.getUTCDate() !== Number(day) ||
    Number(hour) > 23 ||
    Number(minute) > 59 ||
    Number(second) > 59
  ) {
    throw new DicomError("INVALID_VALUE", `"${iso}" names a day or time that does not exist`);
  }
  const sourceZone = zone === undefined ? undefined : zone === "Z" ? "+0000" : zone.replace(":", "");
  const target = timezoneOffset !== undefined && TIMEZONE.test(timezoneOffset) ? timezoneOffset : sourceZone;
  if (sourceZone !== undefined && target !== undefined) {
    moment.setUTCMinutes(moment.getUTCMinutes() + toMinutes(target) - toMinutes(sourceZone));
  }
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${String(moment.getUTCFullYear()).padStart(4, "0")}${two(moment.getUTCMonth() + 1)}${two(moment.getUTCDate())}`;
  const time = `${two(moment.getUTCHours())}${two(moment.getUTCMinutes())}${two(moment.getUTCSeconds())}${fraction}`;
  return { date, time, dateTime: `${date}${time}${sourceZone === undefined ? "" : (target ?? "")}` };
}

function toMinutes(zone: string): number {
  const match = TIMEZONE.exec(zone);
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return match[1] === "-" ? -minutes : minutes;
}

/** A day. */
export interface DicomDate {
  readonly year: number;
  /** 1..12 */
  readonly month: number;
  /** 1..31 */
  readonly day: number;
}

/** A time of day; what the text leaves out is `undefined`. */
export interface DicomTime {
  /** 0..23 */
  readonly hour: number;
  readonly minute: number | undefined;
  /** 0..60: 60 is a leap second */
  readonly second: number | undefined;
  /** 0..999 999 */
  readonly microsecond: number | undefined;
}

/** A moment of VR DT, as precise as its text. */
export interface DicomMoment {
  readonly year: number;
  readonly month: number | undefined;
  readonly day: number | undefined;
  readonly time: DicomTime | undefined;
  /** Minutes east of UTC; `undefined` when the text does not say. */
  readonly offsetMinutes: number | undefined;
}

/** A DA value, `YYYYMMDD` or the legacy `YYYY.MM.DD`; `undefined` when it is neither or no such day exists. */
export function parseDicomDate(text: string): DicomDate | undefined {
  const match = /^(\d{4})(\.?)(\d{2})\2(\d{2})$/.exec(text.trim());
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[3]), Number(match[4])];
  return isDay(year, month, day) ? { year, month, day } : undefined;
}

/** A TM value, `HH[MM[SS[.F…]]]` or the legacy `HH:MM[:SS[.F…]]`; `undefined` when malformed or out of range. */
export function parseDicomTime(text: string): DicomTime | undefined {
  const match =
    /^(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?$/.exec(text.trim()) ??
    /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/.exec(text.trim());
  if (match === null) return undefined;
  const read = (part: string | undefined): number | undefined =>
    part === undefined ? undefined : Number(part);
  const [hour, minute, second] = [Number(match[1]), read(match[2]), read(match[3])];
  if (hour > 23 || (minute ?? 0) > 59 || (second ?? 0) > 60) return undefined;
  return { hour, minute, second, microsecond: read(match[4]?.padEnd(6, "0")) };
}

/** A DT value, `YYYY[MM[DD[HH[MM[SS[.F…]]]]]][±ZZXX]`; `undefined` when malformed or out of range. */
export function parseDicomDateTime(text: string): DicomMoment | undefined {
  const match = /^(\d{4})(\d{2})?(\d{2})?(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?$/.exec(text.trim());
  if (match === null) return undefined;
  const year = Number(match[1]);
  const month = match[2] === undefined ? undefined : Number(match[2]);
  const day = match[3] === undefined ? undefined : Number(match[3]);
  if (!isDay(year, month ?? 1, day ?? 1)) return undefined;
  const time = match[4] === undefined ? undefined : parseDicomTime(match[4]);
  if (match[4] !== undefined && time === undefined) return undefined;
  const offsetMinutes = match[5] === undefined ? undefined : toMinutes(match[5]);
  if (offsetMinutes !== undefined && !(offsetMinutes >= -720 && offsetMinutes <= 840)) return undefined;
  return { year, month, day, time, offsetMinutes };
}

function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month >= 1 && month <= 12;
}
