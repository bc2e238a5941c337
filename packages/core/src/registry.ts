/**
 * Named lists that double as test tables: what is registered is what the conformance suites run over.
 */
import { CoreError } from "./errors.ts";

/** A fixed, ordered list of named entries. */
export interface Registry<T> {
  readonly kind: string;
  readonly names: readonly string[];
  /** @throws CoreError `UNKNOWN_NAME`, listing what exists */
  get(name: string): T;
  has(name: string): boolean;
  entries(): IterableIterator<[string, T]>;
}

/**
 * Builds a registry.
 *
 * @param kind - singular noun for messages, e.g. "enhancer"
 * @throws CoreError `DUPLICATE_NAME`
 */
export function createRegistry<T>(kind: string, items: readonly (readonly [string, T])[]): Registry<T> {
  const map = new Map<string, T>();
  for (const [name, item] of items) {
    if (map.has(name)) {
      throw new CoreError("DUPLICATE_NAME", `${kind} "${name}" is registered twice; give one another name`);
    }
    map.set(name, item);
  }
  return {
    kind,
    names: [...map.keys()],
    has: (name) => map.has(name),
    entries: () => map.entries(),
    get(name) {
      const item = map.get(name);
      if (item === undefined) {
        throw new CoreError(
          "UNKNOWN_NAME",
          `unknown ${kind} "${name}"; known: ${[...map.keys()].join(", ")}`,
        );
      }
      return item;
    },
  };
}
