/**
 * Ramp windows: gain against frequency, multiplied on a ramp that is built in the spatial domain
 * (tomography.md §2.2). Frequencies refer to the detector at the rotation axis.
 */
import { createRegistry, type Registry } from "@alara/core";
import { ReconError } from "../errors.ts";

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

const hann: RampWindow = (f, n) => 0.5 + 0.5 * Math.cos((Math.PI * f) / n);

/**
 * A window squeezed to a fraction of the Nyquist frequency: the same shape reaches its end at `cutoff` × Nyquist and
 * is zero above (tomography.md §2.2: sinc(ω/2d), cos(ω/2d), .54+.46 cos(ω/d), (1+cos(ω/d))/2). Above 1 the window is
 * stretched, so it is still open at the Nyquist frequency.
 *
 * @param cutoff - > 0
 * @throws ReconError `OUT_OF_RANGE`
 */
export function cutWindow(window: RampWindow, cutoff: number): RampWindow {
  if (!(cutoff > 0 && Number.isFinite(cutoff))) {
    throw new ReconError(
      "OUT_OF_RANGE",
      `cutoff ${cutoff} is not a fraction of the Nyquist frequency above 0; pass e.g. 0.8`,
    );
  }
  if (cutoff === 1) return window;
  return (f, n) => (f > cutoff * n ? 0 : window(f, cutoff * n));
}

const sheppLogan: RampWindow = (f, n) =>
  f === 0 ? 1 : Math.sin((Math.PI * f) / (2 * n)) / ((Math.PI * f) / (2 * n));

/**
 * Windows by name. The `ge-*` node values are CatSim's look-alikes of vendor kernels and the `siemens-*` ones the
 * Hann cut-offs (2.05 and 0.85) that the FDA's simulations use for D45 and B30; none is the vendor's.
 */
export const rampWindows: Registry<RampWindow> = createRegistry<RampWindow>("ramp window", [
  ["ram-lak", () => 1],
  ["shepp-logan", sheppLogan],
  // LEAP's spatial designs SL·(k²−3/4)/(k²−9/4) and SL·(k²−5/2)/(k²−9/4) are the Shepp–Logan ramp times cos²(ω/2)
  // and times 1 + sin²(ω/2)/6, the fourth-order correction; tested tap by tap.
  ["blurred-shepp-logan", (f, n) => sheppLogan(f, n) * Math.cos((Math.PI * f) / (2 * n)) ** 2],
  ["fourth-order-shepp-logan", (f, n) => sheppLogan(f, n) * (1 + Math.sin((Math.PI * f) / (2 * n)) ** 2 / 6)],
  ["cosine", (f, n) => Math.cos((Math.PI * f) / (2 * n))],
  ["hamming", (f, n) => 0.54 + 0.46 * Math.cos((Math.PI * f) / n)],
  ["hann", hann],
  ["ge-soft", interpolateNodes([1, 0.815, 0.4564, 0.1636, 0])],
  ["ge-standard", interpolateNodes([1, 0.9338, 0.7441, 0.4425, 0.0531])],
  ["ge-bone", interpolateNodes([1, 1.0485, 1.17, 1.2202, 0.9201])],
  ["siemens-sharp", cutWindow(hann, 2.05)],
  ["siemens-smooth", cutWindow(hann, 0.85)],
]);
