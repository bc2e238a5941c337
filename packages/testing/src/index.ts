/**
 * `@alara/testing`: what tests and benches of several packages share. Private; never published.
 */
export { findDataFolder } from "./data-folder.ts";
export { type PhantomScan, type PhantomScanOptions, scanRandomPhantom } from "./phantom-scan.ts";
export { createTemporaryFolder, type TemporaryFolder } from "./temporary-folder.ts";
export { findTool, requireTool, type SkippableContext } from "./tools.ts";
