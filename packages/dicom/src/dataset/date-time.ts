/**
 * Dates as DICOM writes them (DA, TM, DT of PS3.5 §6.2), shifted into a dataset's own time zone. No clock: the moment
 * is always given.
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
