/** `@alara/evaluate` */
export {};
