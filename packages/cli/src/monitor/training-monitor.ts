/**
 * The monitor of a training in this process: a sink that hands on to the run folder and draws the terminal's panel, a
 * progress callback that keeps the panel's step and pace live, and the page when a port is given. It changes nothing
 * of the run: the same bytes come out with and without it.
 */
import type { ProgressCallback } from "@alara/core";
import {
  buildRunView,
  RUN_FACTS_SCHEMA,
  type RunFacts,
  type RunRecord,
  readLogEntry,
  type StoredRunFacts,
  type TrainSink,
} from "@alara/learn";
import type { RunFolder } from "@alara/learn/node";
import { type PageServer, servePage } from "./page-server.ts";
import { followRun } from "./run-tail.ts";
import {
  createTerminalPanel,
  describeTerminal,
  type PanelState,
  type PanelTarget,
} from "./terminal-panel.ts";

/** Options of {@link startTrainingMonitor}. */
export interface TrainingMonitorOptions {
  /** The opened run folder. */
  readonly run: RunFolder;
  /** What the run is; written to its `run.json`. */
  readonly facts: RunFacts;
  /** Default: the error output, in colour where it is a terminal and `NO_COLOR` is not set. */
  readonly terminal?: PanelTarget;
  /** Serves the page on this port of 127.0.0.1, `"default"` the usual one or any free one; absent: no page. */
  readonly port?: number | "default";
  /** Gets the progress of everything but the training itself. */
  readonly onProgress?: ProgressCallback;
}

/** A started monitor. */
export interface TrainingMonitor {
  /** For the trainer, in place of the run folder's own sink. */
  readonly sink: Required<TrainSink>;
  /** For the trainer; the phase "train" moves the panel. */
  readonly onProgress: ProgressCallback;
  /** Address of the page; null without one. */
  readonly url: string | null;
  /** Writes a remark without damage to the panel. */
  note(text: string): void;
  /** Draws the last state and ends the page; call it however the training ended. */
  close(): Promise<void>;
}

/** Title of a run's panel. */
export function nameRun(facts: RunFacts | null, fallback: string): string {
  if (facts === null) return fallback;
  return [facts.name || fallback, facts.provider].filter(Boolean).join(" · ");
}

/**
 * Starts the monitor and describes the run in its folder.
 *
 * @throws UsageError when the port is taken
 */
export async function startTrainingMonitor(options: TrainingMonitorOptions): Promise<TrainingMonitor> {
  const { run, port, onProgress } = options;
  const facts: StoredRunFacts = { ...options.facts, schema: RUN_FACTS_SCHEMA, sessions: [] };
  const target = options.terminal ?? describeTerminal(process.stderr, process.env);
  let page: PageServer | null = null;
  if (port !== undefined)
    page = await servePage(followRun(run.folder), { facts, ...(port === "default" ? {} : { port }) });
  await run.describe(options.facts);

  const panel = createTerminalPanel(target);
  const records: RunRecord[] = run.history.flatMap((entry) => readLogEntry(entry) ?? []);
  const started = new Date().toISOString();
  const firstStep = run.resume?.step ?? 0;
  let view = buildRunView(records, { facts });
  let sample: string | undefined;
  let live: { step: number; firstStep: number; firstMs: number } | null = null;
  const refreshView = (): void => {
    const sessions = [{ startedAt: started, fromStep: firstStep }];
    view = buildRunView(records, { facts: { ...facts, sessions } });
  };
  const describe = (): PanelState => {
    const steps = live === null ? 0 : live.step - live.firstStep;
    const seconds = live === null ? 0 : (target.nowMs() - live.firstMs) / 1000;
    return {
      view,
      title: nameRun(options.facts, run.folder),
      ...(page === null ? {} : { url: page.url }),
      ...(sample === undefined ? {} : { sample }),
      ...(live === null ? {} : { liveStep: live.step }),
      ...(steps > 1 && seconds > 0 ? { liveSecondsPerStep: seconds / steps } : {}),
    };
  };
  if (page !== null) panel.note(`training monitor: ${page.url}`);
  return {
    url: page?.url ?? null,
    sink: {
      ...run.sink,
      async log(entry) {
        await run.sink.log(entry);
        const record = readLogEntry(run.history.at(-1));
        if (record === null) return;
        records.push(record);
        refreshView();
        panel.report(record, describe());
      },
      async saveSample(given) {
        await run.sink.saveSample(given);
        sample = `step ${given.step}, ${given.id}, in ${run.folder}/samples`;
      },
    },
    onProgress(progress) {
      if (progress.phase !== "train") {
        onProgress?.(progress);
        return;
      }
      live ??= { step: progress.done, firstStep: progress.done, firstMs: target.nowMs() };
      live.step = progress.done;
      panel.draw(describe());
    },
    note: (text) => panel.note(text),
    async close() {
      panel.close();
      await page?.close();
    },
  };
}
