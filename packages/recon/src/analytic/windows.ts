/**
 * Ramp windows: gain against frequency, multiplied on a ramp that is built in the spatial domain
 * (tomography.md §2.2). Frequencies refer to the detector at the rotation axis.
 */
import { createRegistry, type Registry } from "@alara/core";

/**
 * Gain of a reconstruction kernel, 1 at frequency 0.
 *
 * @param frequencyPerMm - at the rotation axis, ≥ 0
 * @param nyquistPerMm - half the sampling frequency of the detector at the axis
 */
export type RampWindow = (frequencyPerMm: number, nyquistPerMm: number) => number;

/**
 * Passes through five gains at 0, ¼, ½, ¾ and 1 of the Nyquist frequency: quadratic in f², piecewise through
 * three nodes. In f itself the gain would have a cusp at 0, which biases the mean by more than 1 HU.
 */
function interpolateNodes(nodes: readonly [number, number, number, number, number]): RampWindow {
  return (frequency, nyquist) => {
    const x = Math.min(1, frequency / nyquist) * 4;
    const start = x < 2 ? 0 : 2;
    const u = x * x;
    const [u0, u1, u2] = [start ** 2, (start + 1) ** 2, (start + 2) ** 2];
    return (
      (nodes[start] * (u - u1) * (u - u2)) / ((u0 - u1) * (u0 - u2)) +
      (nodes[start + 1] * (u - u0) * (u - u2)) / ((u1 - u0) * (u1 - u2)) +
      (nodes[start + 2] * (u - u0) * (u - u1)) / ((u2 - u0) * (u2 - u1))
    );
  };
}

/** Windows by name. The `ge-*` node values are CatSim's look-alikes of vendor kernels, not the vendor's. */
export const rampWindows: Registry<RampWindow> = createRegistry<RampWindow>("ramp window", [
  ["ram-lak", () => 1],
  ["shepp-logan", (f, n) => (f === 0 ? 1 : Math.sin((Math.PI * f) / (2 * n)) / ((Math.PI * f) / (2 * n)))],
  ["cosine", (f, n) => Math.cos((Math.PI * f) / (2 * n))],
  ["hamming", (f, n) => 0.54 + 0.46 * Math.cos((Math.PI * f) / n)],
  ["hann", (f, n) => 0.5 + 0.5 * Math.cos((Math.PI * f) / n)],
  ["ge-soft", interpolateNodes([1, 0.815, 0.4564, 0.1636, 0])],
  ["ge-standard", interpolateNodes([1, 0.9338, 0.7441, 0.4425, 0.0531])],
  ["ge-bone", interpolateNodes([1, 1.0485, 1.17, 1.2202, 0.9201])],
]);
