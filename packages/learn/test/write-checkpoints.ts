/** A child process of checkpoint-crash.test.ts: saves checkpoints of growing step numbers until it is ended. */
import process from "node:process";
import { encodeCheckpoint } from "@alara/learn";
import { openRunFolder } from "@alara/learn/node";

const [folder, kibibytes, count] = process.argv.slice(2);
const { sink } = await openRunFolder(folder, { resume: "if-present" });
const parameters = new Float32Array(Number(kibibytes) * 256);
for (let step = 1; step <= Number(count); step++) {
  parameters.fill(step);
  const state = { step, parameters, average: parameters, moments: {} };
  const bytes = await encodeCheckpoint({
    recipeDigest: "x",
    step,
    phases: { train: state },
    buffers: {},
    random: { words: [1, 2, 3, 4], spareNormal: null },
    best: null,
    validationsSinceBest: 0,
    pending: {},
  });
  await sink.saveCheckpoint(bytes);
  process.stdout.write(`${step}\n`);
}
