/**
 * Padding outside the reconstruction circle: what counts as padding, and what networks see in its place. Training,
 * inference and evaluation must agree on it. The padding of the file itself is the DICOM writer's business.
 */
import { createVolume, type Volume } from "@alara/core";

/** What lies below is no tissue but padding. */
export const PADDING_BELOW_HU = -1500;
/** Padding is worked on as this: air, just below the noise-free value. */
export const PADDING_AS_HU = -1024;

/** Raises everything below {@link PADDING_AS_HU} to it. */
export function clampToAir(volume: Volume<"HU">): Volume<"HU"> {
  return createVolume(
    "HU",
    volume.geometry,
    volume.data.map((value) => Math.max(PADDING_AS_HU, value)),
  );
}
