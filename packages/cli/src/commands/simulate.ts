/** `alara simulate …`: data with a known truth. */
import type { Command } from "commander";
import { addSimulateLowDoseCommand } from "./simulate-low-dose.ts";
import { addSimulatePhantomCommand } from "./simulate-phantom.ts";
import { addSimulateScanCommand } from "./simulate-scan.ts";

/** Adds the commands. */
export function addSimulateCommand(program: Command): void {
  const simulate = program.command("simulate").description("make data with a known truth");
  addSimulateLowDoseCommand(simulate);
  addSimulatePhantomCommand(simulate);
  addSimulateScanCommand(simulate);
}
