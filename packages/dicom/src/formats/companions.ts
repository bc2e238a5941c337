/**
 * Files that a header names beside itself. What a header says is not trusted: only plain names in the same folder are
 * ever asked for.
 */
import { DicomError } from "../errors.ts";
import type { ReadVolumeOptions, VolumeLimits } from "./format.ts";

/** Device names of Windows, with any extension. */
const DEVICE_NAME = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/**
 * The plain name of a companion; a leading `./` is allowed.
 *
 * @throws DicomError `UNSAFE_PATH` for folders, `..`, drive letters, device names, control characters, hidden names
 */
export function parseCompanionName(text: string): string {
  const name = text.trim().replace(/^\.\//, "");
  const isPlain =
    name.length >= 1 &&
    name.length <= 255 &&
    !name.startsWith(".") &&
    !/[. ]$/.test(name) &&
    !/[/\\:*?"<>|\p{Cc}]/u.test(name) &&
    name === name.normalize("NFC") &&
    !DEVICE_NAME.test(name);
  if (!isPlain) {
    throw new DicomError(
      "UNSAFE_PATH",
      "the header names a data file that is not a plain name in its own folder; put both files side by side and name it plainly",
    );
  }
  return name;
}

/**
 * Reads a companion.
 *
 * @throws DicomError `UNSAFE_PATH`, `INPUT_NOT_FOUND` when the caller offers no companions, `FILE_TOO_LARGE`, and the
 *   errors of `openCompanion`
 */
export async function readCompanion(
  text: string,
  options: ReadVolumeOptions,
  limits: VolumeLimits,
): Promise<Uint8Array> {
  const name = parseCompanionName(text);
  if (options.openCompanion === undefined) {
    throw new DicomError(
      "INPUT_NOT_FOUND",
      "the samples are in a file of their own, which was not given; pass openCompanion",
    );
  }
  const bytes = await options.openCompanion(name);
  if (bytes.length > limits.maxFileBytes) {
    throw new DicomError(
      "FILE_TOO_LARGE",
      `the data file has ${bytes.length} bytes, more than limits.maxFileBytes = ${limits.maxFileBytes}`,
    );
  }
  return bytes;
}

/**
 * File names of a `printf` pattern with one `%d`, `%3d` or `%03d`.
 *
 * @param range - first, last and step
 * @throws DicomError `INVALID_VALUE`, `LIMIT_EXCEEDED`
 */
export function expandPattern(pattern: string, range: readonly number[], limits: VolumeLimits): string[] {
  const [first, last, step] = range;
  const count = Math.floor((last - first) / step) + 1;
  if (!(count >= 1)) throw new DicomError("INVALID_VALUE", "the pattern of data files names none");
  if (count > limits.maxParts) {
    throw new DicomError(
      "LIMIT_EXCEEDED",
      `${count} data files, more than limits.maxParts = ${limits.maxParts}`,
    );
  }
  return Array.from({ length: count }, (_, i) =>
    pattern.replace(/%(0?)(\d{0,2})d/, (_match, zero: string, width: string) =>
      String(first + i * step).padStart(Number(width), zero === "" ? " " : "0"),
    ),
  );
}
