/** `@alara/testing` */
export {};
