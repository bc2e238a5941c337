/** Exports of materials and their attenuation. */
export type { Material, MaterialComponent } from "./material.ts";
