/**
 * A phase of a program with its compiled step, its random inputs and its image buffers: what the trainer runs.
 */
import type { Random } from "@alara/core";
import { drawValues, exchangeImages, type TrainingPhase, type TrainingProgram } from "./program.ts";
import type { DeviceTensor, Runtime } from "./runtime.ts";
import { countElements, getLeafName } from "./tensor.ts";
import { compileTrainStep, type TrainState } from "./train-step.ts";

/** What one run of a phase is given. */
export interface PhaseFeeds {
  readonly batch: Readonly<Record<string, Float32Array>>;
  /** Group → parameters where they lie; those that the phase freezes are read. */
  readonly vectors: Readonly<Record<string, Float32Array | DeviceTensor>>;
  /** What earlier phases of the step emitted. */
  readonly emitted: ReadonlyMap<string, Float32Array>;
  readonly learningRate: number;
  readonly random: Random;
}

/** What one run of a phase gave. */
export interface PhaseResult {
  /** `<phase>.loss.<name>` and `<phase>.gradientNorm` */
  readonly values: Readonly<Record<string, number>>;
  readonly emitted: Readonly<Record<string, Float32Array>>;
  /** Everything that was fed as a batch, random and buffered inputs included. */
  readonly fed: Readonly<Record<string, Float32Array>>;
}

/** An open phase. Owns native memory: `dispose` it. */
export interface PhaseRunner {
  readonly phase: TrainingPhase;
  run(feeds: PhaseFeeds): Promise<PhaseResult>;
  /** The arrays are overwritten by later runs. */
  getState(): Promise<TrainState>;
  /** The parameters where they lie; valid until the next run. */
  getParameters(): Float32Array | DeviceTensor;
  /** Input → images kept for it. */
  readonly buffers: Readonly<Record<string, Float32Array[]>>;
  dispose(): Promise<void>;
}

/** Options of {@link openPhase}. */
export interface OpenPhaseOptions {
  readonly state: TrainState;
  readonly buffers?: Readonly<Record<string, readonly Float32Array[]>>;
  readonly accumulate?: number;
  readonly threads?: number;
}

/** Compiles the step of a phase. */
export async function openPhase(
  program: TrainingProgram,
  phase: TrainingPhase,
  runtime: Runtime,
  options: OpenPhaseOptions,
): Promise<PhaseRunner> {
  const { random: randomInputs = [], buffered = [], assignments, emits } = phase;
  const { state, accumulate, threads } = options;
  const buffers = Object.fromEntries(
    buffered.map(({ input }) => {
      const name = getLeafName(input);
      return [name, [...(options.buffers?.[name] ?? [])]];
    }),
  );
  const step = await compileTrainStep(
    {
      parameters: program.groups[phase.group],
      frozen: Object.fromEntries((phase.frozen ?? []).map((group) => [group, program.groups[group]])),
      inputs: [
        ...phase.inputs,
        ...randomInputs.map(({ input }) => input),
        ...buffered.map(({ input }) => input),
      ],
      losses: phase.losses,
      optimiser: phase.optimiser,
      ...(assignments ? { assignments } : {}),
      ...(emits ? { emits } : {}),
      ...(accumulate === undefined ? {} : { accumulate }),
    },
    runtime,
    { state, ...(threads === undefined ? {} : { threads }) },
  );
  return {
    phase,
    buffers,
    async run({ batch, vectors, emitted, learningRate, random }) {
      const fed: Record<string, Float32Array> = {};
      for (const input of phase.inputs) fed[getLeafName(input)] = batch[getLeafName(input)];
      for (const { input, distribution } of randomInputs) {
        fed[getLeafName(input)] = drawValues(distribution, countElements(input.shape), random);
      }
      for (const { input, from, size } of buffered) {
        const name = getLeafName(input);
        const fresh = emitted.get(from) as Float32Array;
        fed[name] = exchangeImages(buffers[name], fresh, { batch: input.shape[0], size, random });
      }
      const result = await step.run({ batch: fed, frozen: vectors, learningRate });
      const values: Record<string, number> = {};
      for (const [name, value] of Object.entries(result.losses)) values[`${phase.name}.loss.${name}`] = value;
      values[`${phase.name}.gradientNorm`] = result.gradientNorm;
      return { values, emitted: result.emitted, fed };
    },
    getState: () => step.getState(),
    getParameters: () => step.getParameters(),
    dispose: () => step.dispose(),
  };
}
