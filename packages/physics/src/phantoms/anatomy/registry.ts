/**
 * The registry of anatomical phantoms: each entry is run through the region, tracing and voxel tests.
 */
import { createRegistry, type Registry } from "@alara/core";
import type { AnatomicalPhantom } from "./anatomy.ts";
import { createCoronaryPhantom } from "./coronary-phantom.ts";
import { createMousePhantom } from "./mouse-phantom.ts";
import { createPelvisPhantom } from "./pelvis-phantom.ts";
import { createThoraxPhantom } from "./thorax-phantom.ts";

/** A named anatomical phantom. */
export interface AnatomicalPhantomEntry {
  readonly summary: string;
  create(): AnatomicalPhantom;
}

/** Anatomical phantoms by name, with their default options unless the summary says otherwise. */
export const anatomicalPhantoms: Registry<AnatomicalPhantomEntry> = createRegistry<AnatomicalPhantomEntry>(
  "anatomical phantom",
  [
    [
      "coronary",
      {
        summary: "structured coronary phantom: plaster bones, contrast ventricle, 50 % stenosis, stent",
        create: () => createCoronaryPhantom(),
      },
    ],
    [
      "thorax",
      {
        summary: "adult thorax with 8 mg/mL iodine and six nodules",
        create: () => createThoraxPhantom({ iodineMgPerMl: 8, nodules: 6 }),
      },
    ],
    ["pelvis", { summary: "adult male pelvis", create: () => createPelvisPhantom() }],
    [
      "pelvis-prosthesis",
      {
        summary: "adult male pelvis with a metal left hip",
        create: () => createPelvisPhantom({ prosthesis: "left" }),
      },
    ],
    [
      "mouse",
      {
        summary: "mouse with 20 mg/mL iodine and a lung tumour, for micro-CT",
        create: () => createMousePhantom({ iodineMgPerMl: 20, tumourRadiusMm: 1.2 }),
      },
    ],
  ],
);
