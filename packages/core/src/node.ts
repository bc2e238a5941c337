/**
 * `@alara/core/node`: the few file operations that several packages share; Node only.
 */
export { syncFolder, writeFileAtomically } from "./node/atomic-file.ts";
