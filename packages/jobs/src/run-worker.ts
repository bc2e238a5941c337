/**
 * A worker whose jobs run in child processes, one per job. Compute blocks the event loop it runs on, so heartbeats come
 * from here; a crash of native code, a full memory or an endless loop ends the child and not the worker, and is an
 * ordinary failed attempt. A child of a lost lease is killed at once, so that it writes no more files.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import path from "node:path";
import process from "node:process";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { checkInteger } from "./check.ts";
import { type FromChild, parseFromChild, type ToChild } from "./child-messages.ts";
import { isJobsError, JobsError } from "./errors.ts";
import type { Json } from "./json.ts";
import type {
  ClaimedJob,
  EffectTransaction,
  JobContext,
  JobQueue,
  WorkOptions,
  WorkSummary,
} from "./queue.ts";

/** What the default export of a job's module is given. */
export interface ChildContext {
  readonly job: ClaimedJob;
  /** Aborted when the worker shuts down: finish or save and return within `graceMs`. */
  readonly signal: AbortSignal;
  /** The device this job is to use, as given to the worker; also in `ALARA_DEVICE`. */
  readonly device: string | undefined;
  /** Progress for the worker, which stores it with the next heartbeat. */
  report(progress: Json): void;
}

/** The default export of a job's module. Its value becomes the job's result. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a value is an ordinary async function
export type ChildHandler = (context: ChildContext) => Promise<Json | undefined | void>;

/** How a worker with child processes works. */
export interface RunWorkerOptions extends WorkOptions {
  readonly queue: JobQueue;
  readonly kind: string;
  /** File of a module whose default export is a `ChildHandler`. This or `command`. */
  readonly modulePath?: string;
  /**
   * Program and arguments. It gets the job as one line of JSON on standard input and may write lines
   * `{"type":"progress","progress":…}`, `{"type":"result","result":…}`, `{"type":"error","message":…,"retryable":…}`.
   * Exit status 0 is success; shutdown is SIGTERM.
   */
  readonly command?: readonly string[];
  /** Device for `ALARA_DEVICE`, or one per lane of work: the k-th job at a time gets the k-th. */
  readonly device?: string | readonly string[];
  /** Environment of the children beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Node's options for modules; default this process's, without the debugger's. */
  readonly execArgv?: readonly string[];
  /** What children print: `"inherit"` (default) or `"ignore"`. */
  readonly output?: "inherit" | "ignore";
  /** Time between the request to end and SIGKILL; default 5000. */
  readonly graceMs?: number;
  /** Runs in the transaction that completes the job, in this process; its value replaces the child's result. */
  readonly effect?: (
    transaction: EffectTransaction,
    outcome: { readonly job: ClaimedJob; readonly result: Json },
  ) => Promise<Json>;
}

const ENTRY = fileURLToPath(new URL("./child-entry.ts", import.meta.url));

type Launch = Pick<RunWorkerOptions, "modulePath" | "command" | "env" | "execArgv" | "output">;

/** Starts the child and hands it the job; messages go to `onMessage`. */
function startChild(
  launch: Launch,
  job: ClaimedJob,
  device: string | undefined,
  onMessage: (message: FromChild) => void,
): ChildProcess {
  const env = { ...process.env, ...launch.env, ...(device === undefined ? {} : { ALARA_DEVICE: device }) };
  const output = launch.output ?? "inherit";
  if (launch.modulePath !== undefined) {
    const execArgv = launch.execArgv ?? process.execArgv.filter((flag) => !flag.startsWith("--inspect"));
    const child = fork(ENTRY, [], { env, execArgv: [...execArgv], stdio: ["ignore", output, output, "ipc"] });
    child.on("message", (value) => {
      const message = parseFromChild(value);
      if (message !== undefined) onMessage(message);
    });
    const message: ToChild = {
      type: "job",
      modulePath: path.resolve(launch.modulePath),
      job,
      device: device ?? null,
    };
    // A child that dies before it reads shows in its exit.
    child.send(message, () => undefined);
    return child;
  }
  const [program, ...args] = launch.command ?? [];
  const child = spawn(program, args, { env, stdio: ["pipe", "pipe", output] });
  readline.createInterface({ input: child.stdout }).on("line", (line) => {
    try {
      const message = parseFromChild(JSON.parse(line));
      if (message !== undefined) onMessage(message);
    } catch {
      if (output === "inherit") process.stderr.write(`${line}\n`);
    }
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(`${JSON.stringify(job)}\n`);
  return child;
}

/** Ends a child when its attempt is over: at once, or with grace when the worker merely shuts down. */
function endOnAbort(child: ChildProcess, signal: AbortSignal, graceMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    if (isJobsError(signal.reason, "LEASE_LOST", "TIMED_OUT")) {
      child.kill("SIGKILL");
      return;
    }
    const abort: ToChild = { type: "abort" };
    if (child.connected) child.send(abort, () => undefined);
    else child.kill("SIGTERM");
    timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  };
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  return () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  };
}

/** Runs one attempt in a child and gives its result. */
async function runChild(
  launch: Launch,
  context: JobContext,
  device: string | undefined,
  graceMs: number,
): Promise<Json> {
  let answer: FromChild | undefined;
  const child = startChild(launch, context.job, device, (message) => {
    if (message.type === "progress") context.report(message.progress);
    else answer ??= message;
  });
  const stopWaiting = endOnAbort(child, context.signal, graceMs);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", (error) =>
      reject(new JobsError("CHILD_FAILED", `the job's process could not be started: ${error.message}`)),
    );
    // "close" comes after the last message and the last line.
    child.once("close", (...end) => resolve(end as [number | null, NodeJS.Signals | null]));
  }).finally(stopWaiting);
  if (answer?.type === "error") {
    const errorCode = answer.retryable === false ? "PERMANENT_FAILURE" : "CHILD_FAILED";
    throw new JobsError(errorCode, answer.message);
  }
  if (signal !== null) throw new JobsError("CHILD_FAILED", `the job's process was ended by ${signal}`);
  if (code !== 0) throw new JobsError("CHILD_FAILED", `the job's process ended with status ${code}`);
  if (answer === undefined && launch.modulePath !== undefined) {
    throw new JobsError("CHILD_FAILED", "the job's process ended without an answer");
  }
  return answer?.type === "result" ? answer.result : null;
}

/**
 * Works on jobs of a kind in child processes until told to end; see `JobQueue.work` for the rest.
 *
 * @throws JobsError `OUT_OF_RANGE` for options that do not fit; as `JobQueue.work`
 */
export async function runWorker(options: RunWorkerOptions): Promise<WorkSummary> {
  const { queue, kind, modulePath, command, effect } = options;
  if ((modulePath === undefined) === (command === undefined || command.length === 0)) {
    throw new JobsError("OUT_OF_RANGE", "pass either modulePath or a command of at least one word");
  }
  const graceMs = checkInteger(options.graceMs ?? 5000, "graceMs", 0, 86_400_000);
  const { device } = options;
  const devices = device === undefined ? [] : typeof device === "string" ? [device] : device;
  const busyLanes = new Set<number>();
  const takeLane = (): number => {
    let lane = 0;
    while (busyLanes.has(lane)) lane += 1;
    busyLanes.add(lane);
    return lane;
  };
  return queue.work(
    kind,
    async (context) => {
      const lane = takeLane();
      try {
        const result = await runChild(options, context, devices[lane % devices.length], graceMs);
        if (effect === undefined) return result;
        await context.commit((transaction) => effect(transaction, { job: context.job, result }));
        return undefined;
      } finally {
        busyLanes.delete(lane);
      }
    },
    options,
  );
}
