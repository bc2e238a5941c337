/**
 * Where the vectors of a training step (parameters, their average, optimiser state) lie between its runs: in two sets of
 * host arrays that swap roles, or on the provider's device, where nothing of them passes the bus in the loop. Not here:
 * what the vectors mean (train-step.ts).
 */
import { LearnError } from "./errors.ts";
import { createFloatData, type DeviceTensor, type Session, type TensorData } from "./runtime.ts";

/** Prefix of the outputs that replace a vector. */
export const REPLACEMENT_PREFIX = "new.";

/** The vectors of one step. */
export interface StateStore {
  /** Runs the step: feeds the vectors with what is given and replaces them. @returns the other outputs */
  run(
    feeds: Readonly<Record<string, TensorData | DeviceTensor>>,
  ): Promise<Readonly<Record<string, TensorData>>>;
  /** A vector where it lies; valid until the next run. */
  get(name: string): Float32Array | DeviceTensor;
  /** All vectors on the host; host arrays are those of the store, overwritten by later runs. */
  read(): Promise<Readonly<Record<string, Float32Array>>>;
}

function createHostStore(session: Session, start: Readonly<Record<string, Float32Array>>): StateStore {
  let current = start;
  let spare: Readonly<Record<string, Float32Array>> = Object.fromEntries(
    Object.entries(start).map(([name, values]) => [name, new Float32Array(values.length)]),
  );
  const describe = (
    vectors: Readonly<Record<string, Float32Array>>,
    prefix: string,
  ): Record<string, TensorData> =>
    Object.fromEntries(
      Object.entries(vectors).map(([name, values]) => [
        prefix + name,
        createFloatData(values, [values.length]),
      ]),
    );
  return {
    async run(feeds) {
      const outputs = await session.run(
        { ...feeds, ...describe(current, "") },
        describe(spare, REPLACEMENT_PREFIX),
      );
      [current, spare] = [spare, current];
      return outputs;
    },
    get: (name) => current[name],
    async read() {
      return current;
    },
  };
}

function createDeviceStore(
  runOnDevice: NonNullable<Session["runOnDevice"]>,
  start: Readonly<Record<string, Float32Array>>,
): StateStore {
  const names = Object.keys(start);
  /** On the host until the first run has brought them over. */
  let current: Readonly<Record<string, Float32Array | DeviceTensor>> = start;
  return {
    async run(feeds) {
      const vectors = Object.entries(current).map(([name, place]) => [
        name,
        place instanceof Float32Array ? createFloatData(place, [place.length]) : place,
      ]);
      const { outputs, kept } = await runOnDevice({ ...feeds, ...Object.fromEntries(vectors) });
      for (const place of Object.values(current)) {
        if (!(place instanceof Float32Array)) place.dispose();
      }
      current = Object.fromEntries(names.map((name) => [name, kept[REPLACEMENT_PREFIX + name]]));
      return outputs;
    },
    get: (name) => current[name],
    async read() {
      const values: Record<string, Float32Array> = {};
      // One after another: a WebGPU runtime does one thing at a time.
      for (const [name, place] of Object.entries(current)) {
        values[name] = place instanceof Float32Array ? place : await place.read();
      }
      return values;
    },
  };
}

/**
 * Makes the store of a session: on the device where the session can keep every vector there, else on the host.
 *
 * @param start - name → values; the session has an input of each name and an output `new.<name>` for it
 * @throws LearnError `UNKNOWN_TENSOR` when the session lacks one
 * Tested: weights after N steps on WebGPU, kept on the device, equal the CPU's.
 */
export function createStateStore(
  session: Session,
  start: Readonly<Record<string, Float32Array>>,
): StateStore {
  for (const name of Object.keys(start)) {
    if (!session.inputNames.includes(name) || !session.outputNames.includes(REPLACEMENT_PREFIX + name)) {
      throw new LearnError(
        "UNKNOWN_TENSOR",
        `the step has no input "${name}" with an output "${REPLACEMENT_PREFIX}${name}"; inputs: ${session.inputNames.join(", ")}`,
      );
    }
  }
  const { runOnDevice } = session;
  return runOnDevice === undefined ? createHostStore(session, start) : createDeviceStore(runOnDevice, start);
}
