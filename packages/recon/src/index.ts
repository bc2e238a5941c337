/**
 * `@alara/recon`: from line integrals to images, corrections before and after, and what composes the noise of
 * `physics` with reconstruction (low-dose insertion, degradations). One folder per concept; each lists its exports.
 */

export * from "./analytic/index.ts";
export * from "./corrections/index.ts";
export * from "./degradations/index.ts";
export { ReconError, type ReconErrorCode } from "./errors.ts";
export * from "./gpu/index.ts";
export * from "./helical/index.ts";
export * from "./iterative/index.ts";
export * from "./low-dose/index.ts";
export * from "./simd/index.ts";
