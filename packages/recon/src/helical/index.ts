/** Exports of helical scans. */
export {
  checkHelicalScan,
  createCircularSinogram,
  type HelicalScan,
  isCircularScan,
} from "./helical-scan.ts";
export {
  type HelixFacts,
  measureHelix,
  type RebinHelicalOptions,
  rebinHelicalScan,
} from "./rebin-helical.ts";
