/**
 * Training tasks by name. A new task is a file and one line here.
 */
import { createRegistry, type Registry } from "@alara/core";
import { EnhanceError } from "../errors.ts";
import { artifacts } from "./artifacts.ts";
import { contrast } from "./contrast.ts";
import { readDrawOptions } from "./draw-options.ts";
import { inpainting } from "./inpainting.ts";
import { lowDose } from "./low-dose.ts";
import { lungRegionPairs } from "./lung-regions.ts";
import { noisy } from "./noisy.ts";
import { repeats } from "./repeats.ts";
import { scannedPairs } from "./scanned-pairs.ts";
import { splitProjections } from "./split-projections.ts";
import { superResolution } from "./super-resolution.ts";
import { synthesis } from "./synthesis.ts";
import type { TaskInputs, TrainingTask } from "./task.ts";
import { unpaired } from "./unpaired.ts";

export { AUGMENTATION_KEYS, SAMPLING_KEYS } from "./draw-options.ts";
export type { TaskData, TaskInputs, TaskOption, TrainingTask } from "./task.ts";

const TASKS: readonly (readonly [string, TrainingTask])[] = [
  ["low-dose", lowDose],
  ["scanned-pairs", scannedPairs],
  ["repeats", repeats],
  ["split-projections", splitProjections],
  ["noisy", noisy],
  ["lung-regions", lungRegionPairs],
  ["super-resolution", superResolution],
  ["artifacts", artifacts],
  ["contrast", contrast],
  ["inpainting", inpainting],
  ["synthesis", synthesis],
  ["unpaired", unpaired],
];

/** Throws unless a task supplies every field that a program asks for. */
function checkFields(name: string, { fields }: TrainingTask, { program }: Pick<TaskInputs, "program">): void {
  const asked = Object.keys(program.fields);
  if (asked.every((field) => fields.includes(field))) return;
  const fitting = TASKS.filter(([, task]) => asked.every((field) => task.fields.includes(field)));
  throw new EnhanceError(
    "RECIPE_INVALID",
    `method "${program.name}" asks for ${asked.join(", ")}, the task "${name}" gives ${fields.join(", ")}; tasks that fit: ${fitting.map(([other]) => other).join(", ") || "none"}`,
  );
}

/** The same task, which looks first whether it fits the method and can draw as the recipe says. */
function withFieldCheck(name: string, task: TrainingTask): TrainingTask {
  return {
    ...task,
    async prepare(inputs, options) {
      checkFields(name, task, inputs);
      readDrawOptions(inputs.recipe);
      return task.prepare(inputs, options);
    },
    async prepareValidation(inputs, options) {
      checkFields(name, task, inputs);
      return task.prepareValidation(inputs, options);
    },
  };
}

/** Training tasks by name. */
export const trainingTasks: Registry<TrainingTask> = createRegistry<TrainingTask>(
  "training task",
  TASKS.map(([name, task]) => [name, withFieldCheck(name, task)] as const),
);
