/**
 * The store in figures, from one row per kind and state.
 */
import type { JobState, KindStats, QueueStats } from "./queue.ts";

const EMPTY: KindStats = { queued: 0, delayed: 0, running: 0, done: 0, dead: 0 };

/**
 * Sums rows of `kind`, `state`, `jobs`, `delayed`, `oldest` (time since which the oldest job that is due could have
 * run).
 */
export function summariseStats(rows: readonly Record<string, unknown>[], nowMs: number): QueueStats {
  const kinds = new Map<string, KindStats>();
  const total = { ...EMPTY };
  let oldestReadyMs = 0;
  for (const row of rows) {
    const kind = String(row.kind);
    const state = row.state as JobState;
    const jobs = Number(row.jobs);
    const stats = { ...(kinds.get(kind) ?? EMPTY), [state]: jobs };
    total[state] += jobs;
    if (state === "queued") {
      stats.delayed = Number(row.delayed);
      total.delayed += stats.delayed;
      if (row.oldest !== null) oldestReadyMs = Math.max(oldestReadyMs, nowMs - Number(row.oldest));
    }
    kinds.set(kind, stats);
  }
  const sorted = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...total, kinds: Object.fromEntries(sorted), oldestReadyMs };
}
