/**
 * A prepared filtered back-projection: every weight, the filter's response and where filtered samples lie, resolved
 * from geometry and options. What engines (float64 reference, WebAssembly SIMD, WebGPU) take; they know no options.
 *
 * For view k: q = filter(p · preWeights · viewWeights), then `scale` × Σ_k of, with a = x cosβ + y sinβ,
 * f = −x sinβ + y cosβ, L² = (D − a)² + f², U = (D − a)/D:
 *
 * - parallel: q(s), s = x cosθ + y sinθ
 * - fan-arc: q(γ)/L², γ = atan2(f, D − a)
 * - fan-flat: q(f/U)/U²; samples on the virtual detector through the axis
 * - cone-flat: q(z/U, f/U)/U², both on the virtual detector; bilinear
 * - cone-curved: q(v, γ)/L², v = z · SDD / L on the detector; bilinear
 *
 * Linear interpolation between samples and zero outside them (tomography.md §2.3).
 */
import type { ConeGeometry, PlanarGeometry } from "@alara/core";
import type { VolumeGrid } from "@alara/physics";

/** See the file's comment. */
export interface FbpPlan {
  readonly geometry: PlanarGeometry | ConeGeometry;
  /** Where to reconstruct; planar geometries take one sinogram per slice and ignore its heights. */
  readonly grid: VolumeGrid;
  /** `[row][channel]`; one row for planar geometries. */
  readonly preWeights: Float64Array;
  /** `[view][channel]` (Parker, offset detector, uneven angles), or none. */
  readonly viewWeights?: Float64Array;
  /** Gain of the filter at each of `fftLength` frequencies, real and even, pitch and window included. */
  readonly response: Float64Array;
  /** Power of two, at least twice the channels. */
  readonly fftLength: number;
  /** Filtered samples per channel. */
  readonly oversampling: 1 | 2;
  /** Filtered samples per row: channels × oversampling. */
  readonly samples: number;
  /** Place of the central ray among the filtered samples. */
  readonly centre: number;
  /** Distance of filtered samples: rad for arc and curved detectors, else mm at the axis. */
  readonly samplePitch: number;
  /** Cone geometries: place of the plane of the source among the rows. */
  readonly rowCentre: number;
  /** Cone geometries: distance of rows, mm; flat: at the axis, curved: at the detector. */
  readonly rowPitchMm: number;
  /** Multiplies the sum over the views. */
  readonly scale: number;
}
