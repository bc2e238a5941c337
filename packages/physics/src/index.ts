/**
 * `@alara/physics`: materials, spectra, phantoms, scanners, projectors, noise and whole scans of CT. Reconstruction
 * and low-dose insertion, which needs it, live in `@alara/recon`. One folder per concept; each lists its own exports.
 */

export * from "./dose/index.ts";
export { PhysicsError, type PhysicsErrorCode } from "./errors.ts";
export * from "./materials/index.ts";
export * from "./noise/index.ts";
export * from "./phantoms/index.ts";
export * from "./projectors/index.ts";
export * from "./scan/index.ts";
export * from "./scanners/index.ts";
export * from "./spectra/index.ts";
