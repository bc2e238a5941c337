/** `@alara/recon` */
export {};
