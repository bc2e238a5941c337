/** A fuzz task whose target has known faults, each on inputs of its own: what the watch must find. */
import { AlaraError } from "@alara/core";
import { createMutator, type FuzzTask } from "@alara/testing/hostile";

const seed = { name: "four bytes", layout: "binary", bytes: Uint8Array.of(1, 2, 3, 4) } as const;

/** Number of the input at which the target hangs. */
export const HANGS_AT = 137;
/** Number of the input at which the target takes all memory. */
export const DIES_AT = 291;
/** Number of the input at which the target throws what it should not. */
export const THROWS_AT = 55;

/** Inputs are counted by content: the mutator here hands out the number itself. */
export async function createFuzzTask(runSeed: number): Promise<FuzzTask> {
  const mutator = createMutator([seed], { seed: runSeed });
  return {
    mutator: {
      ...mutator,
      createInput: (number) => ({ seed: 0, bytes: new Uint8Array(Uint32Array.of(number).buffer) }),
    },
    knownCodes: new Set(["EXPECTED"]),
    target: async (bytes) => {
      const number = new Uint32Array(bytes.slice().buffer)[0];
      if (number === HANGS_AT) for (;;);
      if (number === DIES_AT) {
        const held: unknown[] = [];
        for (;;) held.push(new Array(1_000_000).fill(held.length));
      }
      if (number === THROWS_AT) throw new TypeError("undefined is not a function");
      if (number % 2 === 0) throw new AlaraError("EXPECTED", "no");
      return "value";
    },
  };
}
