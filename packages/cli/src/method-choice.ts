/** From `--method`, `--model` and `--set` to something that enhances. */
import { createEnhancer, enhancers } from "@alara/enhance";
import { readBundle } from "@alara/enhance/node";
import { createNodeRuntime } from "@alara/learn/node";
import { parseProviders, parseWholeNumber } from "./arguments.ts";
import { printNote, UsageError } from "./context.ts";
import type { EnhancementMethod } from "./enhance-series.ts";
import { DEFAULT_MODEL, findModelFolder } from "./models.ts";

/** The options of the command line that choose a method. */
export interface MethodChoice {
  readonly method?: string;
  readonly model?: string;
  readonly set?: readonly string[];
  readonly threads?: string;
  readonly providers?: string;
}

/** Reads `name=value` pairs. */
function parseSettings(settings: readonly string[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const text of settings) {
    const match = /^([A-Za-z]\w*)=(.+)$/.exec(text);
    const value = Number(match?.[2]);
    if (!match || !Number.isFinite(value)) {
      throw new UsageError(`--set "${text}" is not name=number; see \`alara methods\` for the names`);
    }
    values[match[1]] = value;
  }
  return values;
}

/**
 * Opens the chosen method; without any choice the shipped model.
 *
 * @throws UsageError for contradicting or unknown choices; what opening a bundle throws
 */
export async function openMethod(choice: MethodChoice): Promise<EnhancementMethod> {
  const name = choice.method ?? "network";
  if (!enhancers.has(name)) {
    throw new UsageError(`there is no method "${name}"; known: ${enhancers.names.join(", ")}`);
  }
  const settings = parseSettings(choice.set ?? []);
  const known = Object.keys(enhancers.get(name).options);
  for (const key of Object.keys(settings)) {
    if (!known.includes(key)) {
      throw new UsageError(
        `the method "${name}" has no option "${key}"; ${known.length === 0 ? "it has none" : `known: ${known.join(", ")}`}`,
      );
    }
  }
  if (!enhancers.get(name).needsModel) {
    if (choice.model !== undefined)
      throw new UsageError(`the method "${name}" takes no model; leave out --model`);
    const enhancer = await createEnhancer(name, settings);
    return { enhancer, description: enhancer.description.summary };
  }
  const bundle = await readBundle(findModelFolder(choice.model ?? DEFAULT_MODEL));
  const threads =
    choice.threads === undefined
      ? {}
      : { threads: parseWholeNumber("--threads", choice.threads, { maximum: 1024 }) };
  const runtime = await createNodeRuntime({
    providers: parseProviders(choice.providers ?? "cpu"),
    ...threads,
  });
  for (const { provider, reason } of runtime.unavailable)
    printNote(`provider ${provider} is not there: ${reason}`);
  const enhancer = await createEnhancer(name, settings, { bundle, runtime });
  return {
    enhancer,
    description: `${bundle.card.summary}; model ${bundle.card.name} ${bundle.card.version}`,
    intendedRange: bundle.card.intendedRange,
    modelDigest: bundle.digest,
    provider: runtime.provider,
  };
}
