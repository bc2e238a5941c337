/**
 * The two-dimensional discrete Fourier transform of real images as matrix products, so that every provider runs it:
 * F = (C_r − i·S_r)·x·(C_c − i·S_c) with cosine and sine matrices computed in float64. For patches and losses: the
 * cost is that of dense products, rows + columns multiplications a pixel.
 */
import { formatShape, LearnError } from "../errors.ts";
import { createConstant, type Tensor } from "../tensor.ts";
import { add, mul, sub } from "./arithmetic.ts";
import { applyMatrix } from "./axis-matrix.ts";

/** The real and imaginary part of a spectrum. */
export interface Spectrum {
  readonly real: Tensor;
  readonly imaginary: Tensor;
}

/** cos and sin of 2π·j·k/size for j < rows, k < size; the angle is reduced exactly. */
function createWaves(rows: number, size: number): { readonly cosine: Tensor; readonly sine: Tensor } {
  const angles = Float64Array.from(
    { length: rows * size },
    (_, p) => (2 * Math.PI * ((Math.floor(p / size) * (p % size)) % size)) / size,
  );
  return {
    cosine: createConstant(angles.map(Math.cos), [rows, size]),
    sine: createConstant(angles.map(Math.sin), [rows, size]),
  };
}

/**
 * Discrete Fourier transform of the last two axes, unnormalised: X[u, v] = Σ x[r, c]·e^(−2πi(ur/R + vc/C)).
 *
 * @param input - real, […, R, C]
 * @param options.isHalf - only the columns 0 … ⌊C/2⌋, as numpy's `rfft2`; default false
 * @throws LearnError `SHAPE_MISMATCH`
 * Tested against PyTorch's `fft.fft2` and `fft.rfft2`.
 */
export function fft2(input: Tensor, options: { isHalf?: boolean } = {}): Spectrum {
  const rank = input.shape.length;
  if (rank < 2) {
    throw new LearnError("SHAPE_MISMATCH", `fft2: needs at least two axes, got ${formatShape(input.shape)}`);
  }
  const [rows, columns] = input.shape.slice(-2);
  const across = createWaves(options.isHalf === true ? Math.floor(columns / 2) + 1 : columns, columns);
  const down = createWaves(rows, rows);
  const alongColumns = (matrix: Tensor): Tensor => applyMatrix(input, matrix, { axis: rank - 1 });
  const alongRows = (part: Tensor, matrix: Tensor): Tensor => applyMatrix(part, matrix, { axis: rank - 2 });
  const even = alongColumns(across.cosine);
  const odd = alongColumns(across.sine);
  return {
    real: sub(alongRows(even, down.cosine), alongRows(odd, down.sine)),
    imaginary: mul(add(alongRows(even, down.sine), alongRows(odd, down.cosine)), -1),
  };
}

/**
 * Real part of the inverse of {@link fft2} (full spectra): x[r, c] = Re Σ X[u, v]·e^(+2πi(ur/R + vc/C))/(R·C).
 *
 * @throws LearnError `SHAPE_MISMATCH`
 */
export function inverseFft2(spectrum: Spectrum): Tensor {
  const { real, imaginary } = spectrum;
  const rank = real.shape.length;
  const [rows, columns] = real.shape.slice(-2);
  const across = createWaves(columns, columns);
  const down = createWaves(rows, rows);
  const alongRows = (part: Tensor, matrix: Tensor): Tensor => applyMatrix(part, matrix, { axis: rank - 2 });
  const even = sub(alongRows(real, down.cosine), alongRows(imaginary, down.sine));
  const odd = add(alongRows(real, down.sine), alongRows(imaginary, down.cosine));
  const values = sub(
    applyMatrix(even, across.cosine, { axis: rank - 1 }),
    applyMatrix(odd, across.sine, { axis: rank - 1 }),
  );
  return mul(values, 1 / (rows * columns));
}
