/** `@alara/cli` */
export {};
