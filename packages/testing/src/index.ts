/**
 * `@alara/testing`: what tests and benches of several packages share. Private; never published.
 */
export { findDataFolder } from "./data-folder.ts";
export { createTemporaryFolder, type TemporaryFolder } from "./temporary-folder.ts";
export { findTool, requireTool, type SkippableContext } from "./tools.ts";
