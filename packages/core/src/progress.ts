/**
 * Progress and cancellation for long work. Libraries only report; drawing a bar is the CLI's business.
 */

/** One report: `done` of `total` items of `phase`. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** What is counted, plural: "slices", "steps". */
  readonly unit: string;
}

/** Receives progress; must not throw. */
export type ProgressCallback = (progress: Progress) => void;

/** Options that every long-running function accepts. */
export interface LongWorkOptions {
  /** Called at least once per item; default: nobody listens. */
  readonly onProgress?: ProgressCallback;
  /** Aborts between items; the function then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}
