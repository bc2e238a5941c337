/** `alara methods` and `alara models`: what there is to enhance with. `alara models import` is in import-model.ts. */
import { enhancers } from "@alara/enhance";
import { readBundle } from "@alara/enhance/node";
import type { Command } from "commander";
import { printResult, runCommand } from "../context.ts";
import { DEFAULT_MODEL, findModelFolder, listShippedModels } from "../models.ts";
import { formatTable } from "../terminal.ts";
import { addImportModelCommand } from "./import-model.ts";

/** Adds both commands. */
export function addListCommands(program: Command): void {
  program
    .command("methods")
    .description("list the enhancement methods and their options")
    .option("--json", "machine-readable output")
    .action((options) =>
      runCommand(options, async (context) => {
        const methods = [...enhancers.entries()].map(([name, factory]) => ({
          name,
          summary: factory.summary,
          contextSlices: factory.contextSlices,
          needsModel: factory.needsModel,
          options: factory.options,
        }));
        const rows = methods.map((method) => [
          method.name,
          Object.entries(method.options)
            .map(([key, option]) => `${key}=${option.defaultValue}`)
            .join(" ") || "–",
          method.summary,
        ]);
        printResult(context, formatTable([["method", "options", "what it does"], ...rows]), methods);
      }),
    );

  const models = program
    .command("models")
    .description("list the shipped model bundles, verified, with their validation figures")
    .option("--json", "machine-readable output")
    .action((options) =>
      runCommand(options, async (context) => {
        const models = [];
        for (const name of listShippedModels()) {
          const { card, digest } = await readBundle(findModelFolder(name));
          models.push({ ...card, name, isDefault: name === DEFAULT_MODEL, digest });
        }
        const rows = models.map((model) => [
          model.isDefault ? `${model.name} (default)` : model.name,
          model.version,
          model.digest.slice(0, 12),
          model.summary,
        ]);
        printResult(context, formatTable([["model", "version", "sha256", "what it is"], ...rows]), models);
      }),
    );
  addImportModelCommand(models);
}
