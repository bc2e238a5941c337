/** `@alara/learn` */
export {};
