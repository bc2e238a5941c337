/** `@alara/physics` */
export {};
