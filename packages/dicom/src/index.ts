/** `@alara/dicom` */
export {};
