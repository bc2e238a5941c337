/**
 * The module that a child process runs for one trial: reads the data, trains with checkpoints in the run's folder, and
 * gives the result. Killed at any moment, the next attempt goes on from the last checkpoint.
 */
import process from "node:process";
import type { ChildContext, Json } from "@alara/jobs";
import { checkTrial, getPatientId, runTrial, type TrialSeries } from "@alara/studies";
import { makePseudonym, PLACES_VARIABLE, type StudyPlaces } from "./study-jobs.ts";
import { openSplit, readSplitSeries } from "./training-input.ts";
import { openFeatures } from "./training-resources.ts";
import { CODE_VERSION, readCommit } from "./version.ts";

/** Opens the runtime of a device: "cpu", "webgpu", "cuda:1". */
async function openDevice(device: string) {
  const [provider, index] = device.split(":");
  // Before the native library is loaded, which reads it once.
  if (provider === "cuda" && index !== undefined) process.env.CUDA_VISIBLE_DEVICES = index;
  const { createNodeRuntime } = await import("@alara/learn/node");
  return createNodeRuntime({ providers: [provider] });
}

/** The series of a trial: the sides of the split file, or the patients that its fold names. */
async function readSeries(trial: ReturnType<typeof checkTrial>, places: StudyPlaces, signal: AbortSignal) {
  const work = { signal, onSkipped: () => {} };
  const sides = { needed: ["train"], held: ["val", "test"] };
  const split = await openSplit(places.data, trial.recipe.data.split, sides, work);
  const subjects = new Map(
    [...split.values()].flat().map(({ id, subject }) => [id, makePseudonym(subject || id)]),
  );
  const read = async (side: string) =>
    (await readSplitSeries(split, side, work)).map((series) => ({
      ...series,
      patientId: subjects.get(series.id) ?? series.id,
    }));
  const training = await read("train");
  const validation = await read("val");
  if (trial.patients === undefined) return { training, validation, test: [] };
  const all = [...training, ...validation];
  const pick = (patients: readonly string[]) =>
    all.filter((series) => patients.includes(getPatientId(series)));
  return {
    training: pick(trial.patients.train),
    validation: pick(trial.patients.validation),
    test: pick(trial.patients.test),
  } satisfies TrialSeries;
}

/** Runs the trial of a job. */
export default async function runTrialJob(context: ChildContext): Promise<Json> {
  const trial = checkTrial(context.job.payload);
  const places = JSON.parse(process.env[PLACES_VARIABLE] ?? "null") as StudyPlaces | null;
  if (places === null)
    throw new Error(`${PLACES_VARIABLE} is not set; trials are run by alara work, search or crossval`);
  const runtime = await openDevice(context.device ?? "cpu");
  const features = await openFeatures(trial.recipe, {});
  const result = await runTrial(trial, await readSeries(trial, places, context.signal), {
    runtime,
    folder: places.runs,
    signal: context.signal,
    onProgress: ({ phase, done, total }) => context.report({ phase, done, total }),
    nowS: () => performance.now() / 1000,
    codeVersion: CODE_VERSION,
    commit: readCommit(),
    ...(features ? { resources: { features } } : {}),
  });
  return result as unknown as Json;
}
