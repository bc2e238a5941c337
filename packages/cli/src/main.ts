/**
 * The `alara` command: reads arguments and calls the packages. Exit status 0 done, 1 failed, 2 wrong use.
 */
import { Command, CommanderError } from "commander";
import { addConvertCommand } from "./commands/convert.ts";
import { addCrossvalCommand } from "./commands/crossval.ts";
import { addDeidentifyCommand } from "./commands/deidentify.ts";
import { addEnhanceCommand } from "./commands/enhance.ts";
import { addEvaluateCommand } from "./commands/evaluate.ts";
import { addInspectCommand } from "./commands/inspect.ts";
import { addListCommands } from "./commands/lists.ts";
import { addMonitorCommand } from "./commands/monitor.ts";
import { addReconstructCommand } from "./commands/reconstruct.ts";
import { addSearchCommand } from "./commands/search.ts";
import { addSimulateCommand } from "./commands/simulate.ts";
import { addTrainCommand } from "./commands/train.ts";
import { addWorkCommand } from "./commands/work.ts";
import { CODE_VERSION } from "./version.ts";

const program = new Command("alara")
  .description("Low-dose CT into high-quality CT, with proof.\nFor research use; not a medical device.")
  .version(`alara ${CODE_VERSION} (for research use; not a medical device)`)
  .showHelpAfterError("(see --help)")
  .showSuggestionAfterError(true)
  .configureOutput({
    outputError: (text, write) => {
      const message = text.replace(/^error: /, "");
      if (message !== text && process.argv.includes("--json")) {
        process.stdout.write(`${JSON.stringify({ error: { code: "USAGE", message: message.trim() } })}\n`);
      }
      write(message === text ? text : `error USAGE: ${message}`);
    },
  })
  .exitOverride();

for (const add of [
  addEnhanceCommand,
  addInspectCommand,
  addConvertCommand,
  addDeidentifyCommand,
  addEvaluateCommand,
  addSimulateCommand,
  addReconstructCommand,
  addTrainCommand,
  addMonitorCommand,
  addSearchCommand,
  addCrossvalCommand,
  addWorkCommand,
  addListCommands,
]) {
  add(program);
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Commander has already printed its message; help and version end with 0, everything else is wrong use.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
