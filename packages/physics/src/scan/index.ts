/** Exports of scan simulation. */
export type { ScannedObject } from "./scanned-object.ts";
