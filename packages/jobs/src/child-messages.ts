/**
 * What a worker and its child process say to each other: over Node's IPC for modules; for commands the job comes as
 * one line of JSON on standard input and the answers as lines of JSON on standard output.
 */
import type { Json } from "./json.ts";
import type { ClaimedJob } from "./queue.ts";

/** From the worker to a module's process. */
export type ToChild =
  | {
      readonly type: "job";
      readonly modulePath: string;
      readonly job: ClaimedJob;
      readonly device: string | null;
    }
  | { readonly type: "abort" };

/** From a child to its worker. An error is retried unless `retryable` is false. */
export type FromChild =
  | { readonly type: "progress"; readonly progress: Json }
  | { readonly type: "result"; readonly result: Json }
  | { readonly type: "error"; readonly message: string; readonly retryable?: boolean };

/** Reads one message; undefined when it is none. */
export function parseFromChild(value: unknown): FromChild | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const message = value as Record<string, unknown>;
  if (message.type === "progress" && message.progress !== undefined) return message as unknown as FromChild;
  if (message.type === "result") return { type: "result", result: (message.result ?? null) as Json };
  if (message.type === "error") {
    return {
      type: "error",
      message: String(message.message ?? "no message"),
      retryable: message.retryable !== false,
    };
  }
  return undefined;
}
