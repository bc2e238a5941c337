/**
 * What every command shares: where results go, how faults end, how work is interrupted.
 */

import { AlaraError, type ProgressCallback } from "@alara/core";
import { CommanderError } from "commander";
import { createProgressBar, describeError, formatError } from "./terminal.ts";

/** The state of one run of the command line. */
export interface CommandContext {
  /** Machine output wanted: one JSON document on stdout, nothing else there. */
  readonly json: boolean;
  readonly onProgress: ProgressCallback;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/** A fault in how the command was called; exit status 2. */
export class UsageError extends Error {}

/** Coded errors that only another call can mend: they end with 2 as well. */
const USAGE_CODES: ReadonlySet<string> = new Set(["NO_SUCH_SERIES"]);

/** Prints the result: JSON when asked for, else the text. */
export function printResult(context: CommandContext, text: string, value: unknown): void {
  process.stdout.write(context.json ? `${JSON.stringify(value)}\n` : `${text}\n`);
}

/** Prints a remark for people; kept off stdout. */
export function printNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * Runs a command to its exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted.
 */
export async function runCommand(
  options: { readonly json?: boolean },
  action: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(new Error("interrupted"));
  // Stays in place until the run has tidied up: a terminal may send the signal more than once.
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  const json = options.json === true;
  try {
    await action({ json, onProgress: createProgressBar(), signal: controller.signal });
  } catch (error) {
    if (error instanceof CommanderError) throw error;
    if (controller.signal.aborted) {
      printNote("interrupted; nothing half-written was left");
      process.exitCode = 130;
      return;
    }
    const isUsage =
      error instanceof UsageError || (error instanceof AlaraError && USAGE_CODES.has(error.code));
    if (json) {
      const described =
        error instanceof UsageError
          ? { error: { code: "USAGE", message: error.message } }
          : describeError(error);
      process.stdout.write(`${JSON.stringify(described)}\n`);
    }
    printNote(error instanceof UsageError ? `error USAGE: ${error.message}` : formatError(error));
    process.exitCode = isUsage ? 2 : 1;
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
