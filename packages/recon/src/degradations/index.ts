/** Exports of degradations with known truth. */
export {};
