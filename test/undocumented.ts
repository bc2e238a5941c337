// The counter-example of documented-exports.test.ts: one export with a doc comment and one without.

/** A number that says what it is. */
export const DOCUMENTED: number = 1;
export const UNDOCUMENTED: number = 2;
