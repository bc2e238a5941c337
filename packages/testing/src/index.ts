/**
 * `@alara/testing`: what tests and benches of several packages share. Private; never published.
 */
export { findDataFolder } from "./data-folder.ts";
