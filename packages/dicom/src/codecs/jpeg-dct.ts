/**
 * Inverse 8 × 8 discrete cosine transform of JPEG (ITU-T T.81 §A.3.3) in integers: the factorisation of Loeffler,
 * Ligtenberg and Moschytz (ICASSP 1989, figure 1) with 13-bit constants, rounded as the widely used "accurate
 * integer" method rounds, so that results agree bit for bit with programs that use it.
 */

/** Fraction bits of the constants. */
const CONSTANT_BITS = 13;

const C_0_298631336 = 2446;
const C_0_390180644 = 3196;
const C_0_541196100 = 4433;
const C_0_765366865 = 6270;
const C_0_899976223 = 7373;
const C_1_175875602 = 9633;
const C_1_501321110 = 12299;
const C_1_847759065 = 15137;
const C_1_961570560 = 16069;
const C_2_053119869 = 16819;
const C_2_562915447 = 20995;
const C_3_072711026 = 25172;

/** Work space of one block between the passes. */
const workspace = new Int32Array(64);

/** One component's samples with the padding that whole blocks bring. */
export interface SamplePlane {
  readonly samples: Uint8Array | Uint16Array;
  /** Samples per line. */
  readonly stride: number;
}

/**
 * Dequantises and transforms all blocks of a component.
 *
 * @param coefficients - `[block][row][column]`, blocks in raster order
 * @param blocksPerLine - blocks in one row of blocks
 * @param quantisation - `[row][column]`
 * @param precision - bits per sample, 8 or 12
 * @returns samples 0 … 2^precision − 1
 * @remarks Tested against dcmtk (8 and 12 bits, sequential and progressive): equal.
 */
export function transformBlocks(
  coefficients: Int16Array,
  blocksPerLine: number,
  quantisation: Uint16Array,
  precision: number,
): SamplePlane {
  const stride = blocksPerLine * 8;
  const samples = precision <= 8 ? new Uint8Array(coefficients.length) : new Uint16Array(coefficients.length);
  const blocks = coefficients.length / 64;
  for (let block = 0; block < blocks; block++) {
    const column = block % blocksPerLine;
    const at = ((block - column) / blocksPerLine) * 8 * stride + column * 8;
    transformBlock(coefficients, block * 64, quantisation, samples, at, stride, precision);
  }
  return { samples, stride };
}

function transformBlock(
  coefficients: Int16Array,
  from: number,
  quantisation: Uint16Array,
  out: Uint8Array | Uint16Array,
  to: number,
  stride: number,
  precision: number,
): void {
  const extraBits = precision <= 8 ? 2 : 1;
  const shift1 = CONSTANT_BITS - extraBits;
  const round1 = 1 << (shift1 - 1);
  for (let x = 0; x < 8; x++) {
    const at = from + x;
    const k1 = coefficients[at + 8];
    const k2 = coefficients[at + 16];
    const k3 = coefficients[at + 24];
    const k4 = coefficients[at + 32];
    const k5 = coefficients[at + 40];
    const k6 = coefficients[at + 48];
    const k7 = coefficients[at + 56];
    const c0 = Math.imul(coefficients[at], quantisation[x]);
    if ((k1 | k2 | k3 | k4 | k5 | k6 | k7) === 0) {
      const value = c0 << extraBits;
      for (let y = 0; y < 64; y += 8) workspace[x + y] = value;
      continue;
    }
    const c2 = Math.imul(k2, quantisation[x + 16]);
    const c4 = Math.imul(k4, quantisation[x + 32]);
    const c6 = Math.imul(k6, quantisation[x + 48]);
    const e = Math.imul(c2 + c6, C_0_541196100);
    const e2 = (e - Math.imul(c6, C_1_847759065)) | 0;
    const e3 = (e + Math.imul(c2, C_0_765366865)) | 0;
    const e0 = ((c0 + c4) << CONSTANT_BITS) + round1;
    const e1 = ((c0 - c4) << CONSTANT_BITS) + round1;
    const a0 = (e0 + e3) | 0;
    const a3 = (e0 - e3) | 0;
    const a1 = (e1 + e2) | 0;
    const a2 = (e1 - e2) | 0;

    const c7 = Math.imul(k7, quantisation[x + 56]);
    const c5 = Math.imul(k5, quantisation[x + 40]);
    const c3 = Math.imul(k3, quantisation[x + 24]);
    const c1 = Math.imul(k1, quantisation[x + 8]);
    const z5 = Math.imul(c7 + c3 + c5 + c1, C_1_175875602);
    const z1 = -Math.imul(c7 + c1, C_0_899976223);
    const z2 = -Math.imul(c5 + c3, C_2_562915447);
    const z3 = (z5 - Math.imul(c7 + c3, C_1_961570560)) | 0;
    const z4 = (z5 - Math.imul(c5 + c1, C_0_390180644)) | 0;
    const o0 = (Math.imul(c7, C_0_298631336) + z1 + z3) | 0;
    const o1 = (Math.imul(c5, C_2_053119869) + z2 + z4) | 0;
    const o2 = (Math.imul(c3, C_3_072711026) + z2 + z3) | 0;
    const o3 = (Math.imul(c1, C_1_501321110) + z1 + z4) | 0;

    workspace[x] = (a0 + o3) >> shift1;
    workspace[x + 56] = (a0 - o3) >> shift1;
    workspace[x + 8] = (a1 + o2) >> shift1;
    workspace[x + 48] = (a1 - o2) >> shift1;
    workspace[x + 16] = (a2 + o1) >> shift1;
    workspace[x + 40] = (a2 - o1) >> shift1;
    workspace[x + 24] = (a3 + o0) >> shift1;
    workspace[x + 32] = (a3 - o0) >> shift1;
  }

  const shift2 = CONSTANT_BITS + extraBits + 3;
  const round2 = 1 << (shift2 - 1);
  const centre = 1 << (precision - 1);
  const largest = 2 * centre - 1;
  for (let y = 0, line = to; y < 64; y += 8, line += stride) {
    const c2 = workspace[y + 2];
    const c6 = workspace[y + 6];
    const e = Math.imul(c2 + c6, C_0_541196100);
    const e2 = (e - Math.imul(c6, C_1_847759065)) | 0;
    const e3 = (e + Math.imul(c2, C_0_765366865)) | 0;
    const e0 = ((workspace[y] + workspace[y + 4]) << CONSTANT_BITS) + round2;
    const e1 = ((workspace[y] - workspace[y + 4]) << CONSTANT_BITS) + round2;
    const a0 = (e0 + e3) | 0;
    const a3 = (e0 - e3) | 0;
    const a1 = (e1 + e2) | 0;
    const a2 = (e1 - e2) | 0;

    const c7 = workspace[y + 7];
    const c5 = workspace[y + 5];
    const c3 = workspace[y + 3];
    const c1 = workspace[y + 1];
    const z5 = Math.imul(c7 + c3 + c5 + c1, C_1_175875602);
    const z1 = -Math.imul(c7 + c1, C_0_899976223);
    const z2 = -Math.imul(c5 + c3, C_2_562915447);
    const z3 = (z5 - Math.imul(c7 + c3, C_1_961570560)) | 0;
    const z4 = (z5 - Math.imul(c5 + c1, C_0_390180644)) | 0;
    const o0 = (Math.imul(c7, C_0_298631336) + z1 + z3) | 0;
    const o1 = (Math.imul(c5, C_2_053119869) + z2 + z4) | 0;
    const o2 = (Math.imul(c3, C_3_072711026) + z2 + z3) | 0;
    const o3 = (Math.imul(c1, C_1_501321110) + z1 + z4) | 0;

    const v0 = ((a0 + o3) >> shift2) + centre;
    const v7 = ((a0 - o3) >> shift2) + centre;
    const v1 = ((a1 + o2) >> shift2) + centre;
    const v6 = ((a1 - o2) >> shift2) + centre;
    const v2 = ((a2 + o1) >> shift2) + centre;
    const v5 = ((a2 - o1) >> shift2) + centre;
    const v3 = ((a3 + o0) >> shift2) + centre;
    const v4 = ((a3 - o0) >> shift2) + centre;
    out[line] = v0 < 0 ? 0 : v0 > largest ? largest : v0;
    out[line + 1] = v1 < 0 ? 0 : v1 > largest ? largest : v1;
    out[line + 2] = v2 < 0 ? 0 : v2 > largest ? largest : v2;
    out[line + 3] = v3 < 0 ? 0 : v3 > largest ? largest : v3;
    out[line + 4] = v4 < 0 ? 0 : v4 > largest ? largest : v4;
    out[line + 5] = v5 < 0 ? 0 : v5 > largest ? largest : v5;
    out[line + 6] = v6 < 0 ? 0 : v6 > largest ? largest : v6;
    out[line + 7] = v7 < 0 ? 0 : v7 > largest ? largest : v7;
  }
}
