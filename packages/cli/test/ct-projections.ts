/** A scan in DICOM-CT-PD, one file per view, laid out by the definition of the format. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConeCurvedGeometry } from "@alara/core";
import {
  createDataset,
  createElement,
  createNumberElement,
  createTextElement,
  type DicomElement,
  TAG,
  TRANSFER_SYNTAX_UID,
  writeDicomFile,
} from "@alara/dicom";
import { createRayCaster } from "@alara/physics";

const SLOPE = 1e-4;

/** Options of {@link writeCtProjections}. */
export interface CtProjectionOptions {
  readonly geometry: ConeCurvedGeometry;
  /** Height of the source in each view, mm. */
  readonly heightsMm: ArrayLike<number>;
  readonly muWaterPerMm: number;
}

function pad(text: string): Uint8Array {
  return new TextEncoder().encode(text.length % 2 === 0 ? text : `${text} `);
}

/**
 * Writes `<folder>/<view>.dcm`.
 *
 * @param integrate - line integral along a ray: origin x, y, z and unit direction
 */
export function writeCtProjections(
  folder: string,
  integrate: (ray: Float64Array) => number,
  { geometry, heightsMm, muWaterPerMm }: CtProjectionOptions,
): void {
  mkdirSync(folder, { recursive: true });
  const { rows, channels, anglesRad } = geometry;
  const caster = createRayCaster(geometry);
  const ray = new Float64Array(6);
  const numbers = (tag: number, vr: "FL" | "US", ...values: number[]): DicomElement =>
    createNumberElement(tag, values, vr);
  for (let view = 0; view < anglesRad.length; view++) {
    const stored = new Uint16Array(rows * channels);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < channels; c++) {
        caster.cast(view, r, c, ray);
        ray[2] += heightsMm[view];
        // Columns run against growing γ.
        stored[r * channels + (channels - 1 - c)] = Math.round(integrate(ray) / SLOPE);
      }
    }
    const elements = [
      createTextElement(TAG.SOPClassUID, "1.2.840.10008.5.1.4.1.1.66"),
      createTextElement(TAG.SOPInstanceUID, `1.2.3.${view + 1}`),
      createTextElement(TAG.Modality, "CT"),
      createTextElement(TAG.InstanceNumber, String(view + 1)),
      numbers(TAG.SamplesPerPixel, "US", 1),
      createTextElement(TAG.PhotometricInterpretation, "MONOCHROME2"),
      numbers(TAG.Rows, "US", rows),
      numbers(TAG.Columns, "US", channels),
      numbers(TAG.BitsAllocated, "US", 16),
      numbers(TAG.BitsStored, "US", 16),
      numbers(TAG.HighBit, "US", 15),
      numbers(TAG.PixelRepresentation, "US", 0),
      createTextElement(TAG.RescaleSlope, String(SLOPE)),
      createTextElement(TAG.RescaleIntercept, "0"),
      numbers(0x70291002, "FL", geometry.channelPitchRad * geometry.sourceToDetectorMm),
      numbers(0x70291006, "FL", geometry.rowPitchMm),
      createElement(0x7029100b, pad("CYLINDRICAL"), "CS"),
      numbers(0x70291010, "US", rows),
      numbers(0x70291011, "US", channels),
      numbers(0x70311001, "FL", anglesRad[view] - Math.PI / 2),
      numbers(0x70311002, "FL", heightsMm[view]),
      numbers(0x70311003, "FL", geometry.sourceToIsoMm),
      numbers(0x70311031, "FL", geometry.sourceToDetectorMm),
      // Counted from 1.
      numbers(
        0x70311033,
        "FL",
        channels - ((channels - 1) / 2 + geometry.channelOffset),
        (rows - 1) / 2 + geometry.rowOffset + 1,
      ),
      createElement(0x70411001, pad(String(muWaterPerMm)), "DS"),
      createElement(TAG.PixelData, new Uint8Array(stored.buffer), "OW"),
    ];
    for (const group of [0x7029, 0x7031, 0x7041]) {
      elements.push(createElement(group * 65536 + 0x10, pad("TEST"), "LO"));
    }
    writeFileSync(
      join(folder, `${view + 1}.dcm`),
      writeDicomFile(createDataset(elements), TRANSFER_SYNTAX_UID.explicitLittleEndian),
    );
  }
}
