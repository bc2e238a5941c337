/** Exports of iterative reconstruction. */
export {};
