/** Exports of corrections. */
export {};
