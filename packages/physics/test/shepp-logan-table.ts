/**
 * Line integrals of the modified Shepp–Logan head on the unit disc (tomography.md §3.2).
 */

/** Offsets s of the columns of {@link SHEPP_LOGAN_TABLE}. */
export const SHEPP_LOGAN_OFFSETS: readonly number[] = [0, 0.1, 0.25, -0.25, 0.6];

/** θ in degrees and p(θ, s). */
export const SHEPP_LOGAN_TABLE: readonly (readonly [number, readonly number[]])[] = [
  [0, [0.5146, 0.4308930752, 0.3260166435, 0.2890102962, 0.3161068837]],
  [30, [0.3934506436, 0.3914902378, 0.3798086554, 0.2457690186, 0.3324840115]],
  [45, [0.2427470304, 0.3621154147, 0.3616677643, 0.2458594901, 0.322244157]],
  [90, [0.2076759576, 0.2231190684, 0.2816554065, 0.2298371319, 0.2971873095]],
  [135, [0.2694362232, 0.3400869181, 0.3392817285, 0.28190826, 0.322244157]],
];

/** Mass of the head. */
export const SHEPP_LOGAN_MASS = 0.4952646048;
