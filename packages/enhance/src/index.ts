/** `@alara/enhance` */
export {};
