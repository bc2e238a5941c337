/** Exports of reconstruction on a GPU. */
export {};
