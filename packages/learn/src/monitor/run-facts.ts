/**
 * What a run is, beside what it logs: `run.json` of a run folder. Name, length, recipe, provider, and when the run
 * was started or continued. Read leniently, since it may come from another version or be damaged: what is not
 * understood is left out, never guessed.
 */

/** Value of {@link RunFacts.schema}. */
export const RUN_FACTS_SCHEMA = "alara-run/1";

/** One stretch of a run in one process. */
export interface RunSession {
  /** When it began, ISO 8601. */
  readonly startedAt: string;
  /** Steps done before it. */
  readonly fromStep: number;
}

/** What a monitor shows of a run besides its log; plain JSON. */
export interface RunFacts {
  /** The recipe's name. */
  readonly name: string;
  readonly summary?: string;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Execution provider, e.g. "cpu". */
  readonly provider?: string;
  readonly threads?: number;
  readonly network?: { readonly name: string; readonly parameters?: number };
  /** Short further facts for people, such as `"training slices": 812`. */
  readonly more?: Readonly<Record<string, string | number>>;
  /** The recipe as it was given, plain JSON. */
  readonly recipe?: unknown;
}

/** {@link RunFacts} as they stand in `run.json`. */
export interface StoredRunFacts extends RunFacts {
  readonly schema: typeof RUN_FACTS_SCHEMA;
  /** In order of time. */
  readonly sessions: readonly RunSession[];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readSessions(value: unknown): readonly RunSession[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter(
      (item: unknown): item is RunSession =>
        isRecord(item) && !Number.isNaN(Date.parse(String(item.startedAt))) && isCount(item.fromStep),
    )
    .map(({ startedAt, fromStep }) => ({ startedAt: String(startedAt), fromStep }));
}

/**
 * Reads `run.json`.
 *
 * @returns null when the text is no description of a run; fields of a wrong type are left out
 */
export function parseRunFacts(text: string): StoredRunFacts | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || value.schema !== RUN_FACTS_SCHEMA || !isCount(value.steps)) return null;
  const { network, more } = value;
  return {
    schema: RUN_FACTS_SCHEMA,
    name: typeof value.name === "string" ? value.name : "",
    steps: value.steps,
    sessions: readSessions(value.sessions),
    ...(typeof value.summary === "string" ? { summary: value.summary } : {}),
    ...(typeof value.provider === "string" ? { provider: value.provider } : {}),
    ...(isCount(value.threads) ? { threads: value.threads } : {}),
    ...(isRecord(network) && typeof network.name === "string"
      ? {
          network: {
            name: network.name,
            ...(isCount(network.parameters) ? { parameters: network.parameters } : {}),
          },
        }
      : {}),
    ...(isRecord(more)
      ? {
          more: Object.fromEntries(
            Object.entries(more).filter(
              (pair): pair is [string, string | number] =>
                typeof pair[1] === "string" || typeof pair[1] === "number",
            ),
          ),
        }
      : {}),
    ...(value.recipe === undefined ? {} : { recipe: value.recipe }),
  };
}
