/**
 * Checks of single recipe fields, each with the text of what it expects and its JSON Schema.
 * Not here: which fields a recipe has (recipe.ts).
 */

/** A piece of JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One field of a recipe. */
export interface Field {
  readonly isOptional: boolean;
  readonly accepts: (value: unknown) => boolean;
  /** What belongs here, for messages. */
  readonly expected: () => string;
  readonly schema: () => JsonSchema;
}

/** A number within limits. */
export function isNumber(minimum: number, maximum: number, kind: "any" | "whole" = "any"): Field {
  return {
    isOptional: false,
    accepts: (value) =>
      typeof value === "number" &&
      value >= minimum &&
      value <= maximum &&
      (kind === "any" || Number.isInteger(value)),
    expected: () => `${kind === "whole" ? "a whole number" : "a number"} from ${minimum} to ${maximum}`,
    schema: () => ({ type: kind === "whole" ? "integer" : "number", minimum, maximum }),
  };
}

/** A text that is not empty. */
export const isText: Field = {
  isOptional: false,
  accepts: (value) => typeof value === "string" && value.length > 0,
  expected: () => "a text",
  schema: () => ({ type: "string", minLength: 1 }),
};

/** One of a list of words, read when it is needed. */
export function isOneOf(list: () => readonly string[]): Field {
  return {
    isOptional: false,
    accepts: (value) => list().includes(value as string),
    expected: () => `one of ${list().join(", ")}`,
    schema: () => ({ enum: [...list()] }),
  };
}

function isPairWithin(value: unknown, minimum: number, maximum: number): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [low, high] = value as unknown[];
  return (
    typeof low === "number" && typeof high === "number" && low >= minimum && high <= maximum && low <= high
  );
}

/** [low, high] within limits. */
export function isNumberPair(minimum: number, maximum: number): Field {
  return {
    isOptional: false,
    accepts: (value) => isPairWithin(value, minimum, maximum),
    expected: () => `[low, high] within ${minimum} to ${maximum}`,
    schema: () => ({ type: "array", minItems: 2, maxItems: 2, items: { type: "number", minimum, maximum } }),
  };
}

/** A list of texts. */
export const isTextList: Field = {
  isOptional: false,
  accepts: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  expected: () => "a list of texts",
  schema: () => ({ type: "array", items: { type: "string" } }),
};

const isSide = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 4 && (value as number) <= 1024;

/** Sides of a patch: one number for a square, or two or three. */
export const isPatch: Field = {
  isOptional: false,
  accepts: (value) =>
    isSide(value) || (Array.isArray(value) && [2, 3].includes(value.length) && value.every(isSide)),
  expected: () => "a whole number from 4 to 1024, or [rows, columns] or [slices, rows, columns] of such",
  schema: () => {
    const side = { type: "integer", minimum: 4, maximum: 1024 };
    return { anyOf: [side, { type: "array", minItems: 2, maxItems: 3, items: side }] };
  },
};

const isPlain = (value: unknown): boolean =>
  (typeof value === "number" && Number.isFinite(value)) ||
  typeof value === "string" ||
  typeof value === "boolean" ||
  (Array.isArray(value) && value.every(Number.isFinite));

/** An object of numbers, words, yes/no and lists of numbers; who reads it knows the names. */
export const isValues: Field = {
  isOptional: false,
  accepts: (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(isPlain),
  expected: () => "an object of numbers, texts, true or false, and lists of numbers",
  schema: () => ({
    type: "object",
    additionalProperties: {
      anyOf: [{ type: ["number", "string", "boolean"] }, { type: "array", items: { type: "number" } }],
    },
  }),
};

/** A list that is not empty. */
export function listOf(what: string, items: () => JsonSchema, accepts: (item: unknown) => boolean): Field {
  return {
    isOptional: false,
    accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(accepts),
    expected: () => `a list, not empty, of ${what}`,
    schema: () => ({ type: "array", minItems: 1, items: items() }),
  };
}

/** The same field, which may be left out. */
export function optional(field: Field): Field {
  return { ...field, isOptional: true };
}

interface Branch {
  properties: Record<string, Branch | JsonSchema>;
  required: string[];
}

function closeBranch(branch: Branch): JsonSchema {
  const properties = Object.entries(branch.properties).map(([name, value]) => [
    name,
    "required" in value && "properties" in value ? closeBranch(value as Branch) : value,
  ]);
  return {
    type: "object",
    additionalProperties: false,
    ...(branch.required.length > 0 ? { required: branch.required } : {}),
    properties: Object.fromEntries(properties),
  };
}

/** JSON Schema (draft 2020-12) of an object whose fields are named by dotted paths. */
export function describeSchema(fields: Readonly<Record<string, Field>>, title: string): JsonSchema {
  const root: Branch = { properties: {}, required: [] };
  for (const [path, field] of Object.entries(fields)) {
    const names = path.split(".");
    let branch = root;
    for (const [k, name] of names.entries()) {
      if (!field.isOptional && !branch.required.includes(name)) branch.required.push(name);
      if (k === names.length - 1) {
        branch.properties[name] = field.schema();
      } else {
        branch.properties[name] ??= { properties: {}, required: [] };
        branch = branch.properties[name] as Branch;
      }
    }
  }
  return { $schema: "https://json-schema.org/draft/2020-12/schema", title, ...closeBranch(root) };
}
