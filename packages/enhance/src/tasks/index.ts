/**
 * Training tasks by name. A new task is a file and one line here.
 */
import { createRegistry, type Registry } from "@alara/core";
import { lowDose } from "./low-dose.ts";
import type { TrainingTask } from "./task.ts";

export type { TaskData, TaskInputs, TaskOption, TrainingTask } from "./task.ts";

/** Training tasks by name. */
export const trainingTasks: Registry<TrainingTask> = createRegistry<TrainingTask>("training task", [
  ["low-dose", lowDose],
]);
