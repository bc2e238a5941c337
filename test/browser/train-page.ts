/**
 * The page of the training test: fetches a job, trains it in a worker, keeps values on a device where there is one, and
 * posts what came out.
 */
import {
  createFloatData,
  createInput,
  mul,
  type RuntimeReport,
  reduceSum,
  type TrainingJob,
  type TrainSink,
  writeOnnxModel,
} from "@alara/learn";
import { createWebRuntime, openTrainingWorker } from "@alara/learn/web";

/** What the page is told to do. */
export interface TrainInputs {
  readonly job: TrainingJob;
  readonly providers: readonly string[];
  readonly threads?: number;
  /** Abort after this many steps and continue from the checkpoint; default: run through. */
  readonly interruptAt?: number;
}

/** What the page found. */
export interface TrainAnswer {
  readonly isIsolated: boolean;
  readonly runtime: RuntimeReport;
  /** Loss of every step. */
  readonly losses: readonly number[];
  readonly parameters: readonly number[];
  /** 1, 2, 3, 4 doubled thrice on the device, read; absent where the provider cannot keep values. */
  readonly keptOnDevice?: readonly number[];
}

/** Doubles a value three times without bringing it to the host in between. */
async function doubleOnDevice(providers: readonly string[]): Promise<readonly number[] | undefined> {
  const runtime = await createWebRuntime({ providers });
  const x = createInput("x", [2, 2]);
  const model = writeOnnxModel({ inputs: [x], outputs: { y: mul(x, 2), sum: reduceSum(x) } });
  const session = await runtime.createSession(model, { keepOnDevice: ["y"] });
  const { runOnDevice } = session;
  if (runOnDevice === undefined) {
    await session.dispose();
    return undefined;
  }
  let run = await runOnDevice({ x: createFloatData(Float32Array.of(1, 2, 3, 4), [2, 2]) });
  for (let k = 0; k < 2; k++) {
    const next = await runOnDevice({ x: run.kept.y });
    run.kept.y.dispose();
    run = next;
  }
  const values = [...(await run.kept.y.read()), ...(run.outputs.sum.data as Float32Array)];
  await session.dispose();
  return values;
}

async function train({ job, providers, threads, interruptAt }: TrainInputs): Promise<TrainAnswer> {
  const worker = await openTrainingWorker({ providers, ...(threads === undefined ? {} : { threads }) });
  const losses: number[] = [];
  let checkpoint: Uint8Array | undefined;
  const sink: TrainSink = {
    async log(entry) {
      if (entry.kind === "train") losses.push(entry.means["train.loss.l1"]);
    },
    async saveCheckpoint(bytes) {
      checkpoint = bytes;
    },
  };
  let resume = job.resume;
  if (interruptAt !== undefined) {
    const controller = new AbortController();
    const outcome = await worker
      .train(job, {
        sink,
        signal: controller.signal,
        onProgress({ done }) {
          if (done === interruptAt) controller.abort(new Error("enough"));
        },
      })
      .then(
        () => "finished",
        (error) => String(error),
      );
    if (outcome !== "Error: enough" || checkpoint === undefined) throw new Error(`the abort: ${outcome}`);
    resume = checkpoint;
  }
  const { values } = await worker.train({ ...job, ...(resume === undefined ? {} : { resume }) }, { sink });
  worker.dispose();
  const keptOnDevice = await doubleOnDevice(providers);
  return {
    ...{ isIsolated: globalThis.crossOriginIsolated, runtime: worker.runtime, losses },
    parameters: [...values.main],
    ...(keptOnDevice === undefined ? {} : { keptOnDevice }),
  };
}

async function run(): Promise<unknown> {
  try {
    return await train((await (await fetch("/inputs.json")).json()) as TrainInputs);
  } catch (error) {
    return { error: String(error) };
  }
}

await fetch("/result", { method: "POST", body: JSON.stringify(await run()) });
