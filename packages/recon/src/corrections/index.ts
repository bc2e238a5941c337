/** Exports of corrections. */
export { convertHuToMu, convertMuToHu } from "./hounsfield.ts";
