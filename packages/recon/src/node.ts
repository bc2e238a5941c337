/**
 * What `@alara/recon` has for Node alone.
 */
export {};
