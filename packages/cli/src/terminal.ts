/**
 * What the command line shows: a progress bar with rate and time left on stderr (silent when stderr is not a
 * terminal), tables, and errors with their code. Results go to stdout.
 */
import { AlaraError, type Progress, type ProgressCallback } from "@alara/core";

/** Formats seconds as `m:ss` or `h:mm:ss`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const [hours, minutes, rest] = parts;
  const tail = `${String(minutes).padStart(hours > 0 ? 2 : 1, "0")}:${String(rest).padStart(2, "0")}`;
  return hours > 0 ? `${hours}:${tail}` : tail;
}

/** Where a bar is drawn and what time it is; tests pass their own. */
export interface BarTarget {
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

const STDERR: BarTarget = {
  isTerminal: process.stderr.isTTY === true,
  write: (text) => void process.stderr.write(text),
  nowMs: () => performance.now(),
};

/**
 * A progress callback that draws one line per phase.
 *
 * @param target - default stderr; nothing is written unless it is a terminal
 */
export function createProgressBar(target: BarTarget = STDERR): ProgressCallback {
  if (!target.isTerminal) return () => {};
  let phase = "";
  let startMs = 0;
  let startDone = 0;
  let drawnMs = 0;
  return ({ phase: name, done, total, unit }: Progress) => {
    const now = target.nowMs();
    if (name !== phase) {
      phase = name;
      startMs = now;
      startDone = done > 1 ? done : 0;
      drawnMs = 0;
    }
    const isLast = done >= total;
    if (!isLast && now - drawnMs < 100) return;
    drawnMs = now;
    const elapsed = (now - startMs) / 1000;
    const rate = elapsed > 0 ? (done - startDone) / elapsed : 0;
    const filled = total > 0 ? Math.round((24 * done) / total) : 24;
    const bar = "█".repeat(filled) + "░".repeat(24 - filled);
    const left = rate > 0 ? `  ${formatDuration((total - done) / rate)} left` : "";
    const status = isLast ? `  ${formatDuration(elapsed)}` : left;
    target.write(
      `\r\x1b[K${name.padEnd(12)} ${bar} ${done}/${total} ${unit}  ${rate.toFixed(1)}/s${status}${isLast ? "\n" : ""}`,
    );
  };
}

/** Lays out rows as a plain-text table; numbers to the right, the first row is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumeric = rows[0].map((_, column) =>
    rows.slice(1).every((row) => /^$|^[-+−]?[\d.]+( ?%)?$|^–$/.test(row[column] ?? "")),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        isNumeric[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => "─".repeat(width)).join("  "));
  return lines.join("\n");
}

/** One line for a person: the code and the way out; unexpected errors keep their stack. */
export function formatError(error: unknown): string {
  if (error instanceof AlaraError) return `error ${error.code}: ${error.message}`;
  const system = error as NodeJS.ErrnoException;
  if (system?.code && typeof system.code === "string" && system.syscall)
    return `error ${system.code}: ${system.message}`;
  return error instanceof Error
    ? `error UNEXPECTED: ${error.stack ?? error.message}`
    : `error UNEXPECTED: ${String(error)}`;
}

/** The same as data, for `--json`. */
export function describeError(error: unknown): { error: { code: string; message: string } } {
  const code =
    error instanceof AlaraError ? error.code : ((error as NodeJS.ErrnoException)?.code ?? "UNEXPECTED");
  return { error: { code: String(code), message: error instanceof Error ? error.message : String(error) } };
}
