/**
 * Decodes one JPEG-LS scan of one component (ISO/IEC 14495-1 | ITU-T T.87, annex A), lossless and near-lossless.
 *
 * Written here although CharLS exists: on damaged streams its WebAssembly build spends about ten seconds in one
 * frame, and a decoder must be bounded by the size of its output. Interleaved colour is not decoded.
 */
import { DicomError } from "../errors.ts";

/** Coding parameters of a scan. */
export interface JpegLsScan {
  readonly rows: number;
  readonly columns: number;
  /** MAXVAL: the largest sample value. */
  readonly maxValue: number;
  /** NEAR: the largest deviation; 0 is lossless. */
  readonly near: number;
  /** T1, T2, T3 */
  readonly thresholds: readonly [number, number, number];
  /** RESET: when contexts are halved. */
  readonly reset: number;
}

const BASIC_THRESHOLDS = [3, 7, 21] as const;

/** Default thresholds, T.87 §C.2.4.1.1. */
export function computeDefaultThresholds(maxValue: number, near: number): [number, number, number] {
  const clamp = (value: number, low: number): number => (value > maxValue || value < low ? low : value);
  const [b1, b2, b3] = BASIC_THRESHOLDS;
  if (maxValue >= 128) {
    const factor = Math.floor((Math.min(maxValue, 4095) + 128) / 256);
    const t1 = clamp(factor * (b1 - 2) + 2 + 3 * near, near + 1);
    const t2 = clamp(factor * (b2 - 3) + 3 + 5 * near, t1);
    return [t1, t2, clamp(factor * (b3 - 4) + 4 + 7 * near, t2)];
  }
  const factor = Math.floor(256 / (maxValue + 1));
  const t1 = clamp(Math.max(2, Math.floor(b1 / factor) + 3 * near), near + 1);
  const t2 = clamp(Math.max(3, Math.floor(b2 / factor) + 5 * near), t1);
  return [t1, t2, clamp(Math.max(4, Math.floor(b3 / factor) + 7 * near), t2)];
}

/** J: order of run-length codes, T.87 §A.2.1. */
const RUN_ORDERS = Uint8Array.from([
  0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15,
]);

/** No Golomb parameter of a valid 16-bit stream reaches this. */
const MAX_GOLOMB_PARAMETER = 24;
const RUN_CONTEXT = 365;

function ceilLog2(value: number): number {
  return value <= 1 ? 0 : 32 - Math.clz32(value - 1);
}

function damaged(what: string): DicomError {
  return new DicomError("INVALID_COMPRESSED_DATA", `the JPEG-LS frame is damaged: ${what}`);
}

/** Reads bits from entropy-coded data; a byte after FF carries seven (T.87 §A.1). */
class BitReader {
  private readonly bytes: Uint8Array;
  private position: number;
  private afterFf = false;
  /** Unread bits, left aligned. */
  private hold = 0;
  private held = 0;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  /** Holds at least 25 bits unless the data ends or a marker follows. */
  private fill(): void {
    const { bytes } = this;
    while (this.held <= 24 && this.position < bytes.length) {
      const byte = bytes[this.position];
      if (this.afterFf) {
        if (byte > 0x7f) return;
        this.hold |= byte << (25 - this.held);
        this.held += 7;
      } else {
        this.hold |= byte << (24 - this.held);
        this.held += 8;
      }
      this.afterFf = byte === 0xff;
      this.position++;
    }
  }

  /** Up to 24 bits. */
  readBits(count: number): number {
    if (count === 0) return 0;
    if (this.held < count) this.fill();
    if (this.held < count) throw damaged("its data ends early");
    const value = this.hold >>> (32 - count);
    this.hold <<= count;
    this.held -= count;
    return value;
  }

  /** Number of zeros before the next one bit, which is consumed; at most `limit` zeros. */
  readUnary(limit: number): number {
    let zeros = 0;
    for (;;) {
      if (this.held === 0) this.fill();
      if (this.held === 0) throw damaged("its data ends early");
      const leading = Math.clz32(this.hold);
      if (leading < this.held) {
        this.hold <<= leading;
        this.hold <<= 1;
        this.held -= leading + 1;
        zeros += leading;
        if (zeros > limit) throw damaged("a code is too long");
        return zeros;
      }
      zeros += this.held;
      this.hold = 0;
      this.held = 0;
      if (zeros > limit) throw damaged("a code is too long");
    }
  }

  /** Limited-length Golomb code, T.87 §A.5.3. */
  readGolomb(k: number, limit: number, bitsPerError: number): number {
    const escapeZeros = limit - bitsPerError - 1;
    const zeros = this.readUnary(escapeZeros);
    return zeros < escapeZeros ? (zeros << k) + this.readBits(k) : this.readBits(bitsPerError) + 1;
  }
}

/**
 * Decodes a scan.
 *
 * @param start - first byte of the entropy-coded data
 * @returns samples `[row][column]`
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Time and memory are bounded by rows × columns. T.87 §A.3–A.7; tested against CharLS and dcmtk, bit for bit.
 */
export function decodeJpegLsScan(bytes: Uint8Array, start: number, scan: JpegLsScan): Uint16Array {
  const { rows, columns, maxValue, near, reset } = scan;
  const [t1, t2, t3] = scan.thresholds;
  const step = 2 * near + 1;
  const range = Math.floor((maxValue + 2 * near) / step) + 1;
  const bitsPerError = ceilLog2(range);
  const bitsPerSample = Math.max(2, ceilLog2(maxValue + 1));
  const limit = 2 * (bitsPerSample + Math.max(8, bitsPerSample));
  const wrap = range * step;
  const reader = new BitReader(bytes, start);

  // Context variables, T.87 §A.2.1; the last two contexts are the run interruptions'.
  const magnitudes = new Int32Array(RUN_CONTEXT + 2).fill(Math.max(2, Math.floor((range + 32) / 64)));
  const biases = new Int32Array(RUN_CONTEXT);
  const corrections = new Int32Array(RUN_CONTEXT);
  const counts = new Int32Array(RUN_CONTEXT + 2).fill(1);
  const negatives = new Int32Array(2);
  let runIndex = 0;

  // Gradient → −4…4, as a table over all differences of two samples.
  const quantised = new Int8Array(2 * maxValue + 1);
  for (let difference = -maxValue; difference <= maxValue; difference++) {
    const size = Math.abs(difference);
    const level = size <= near ? 0 : size < t1 ? 1 : size < t2 ? 2 : size < t3 ? 3 : 4;
    quantised[difference + maxValue] = difference < 0 ? -level : level;
  }

  const findGolombParameter = (count: number, magnitude: number): number => {
    let k = 0;
    while (count * (1 << k) < magnitude) {
      if (++k > MAX_GOLOMB_PARAMETER) throw damaged("a context is out of range");
    }
    return k;
  };

  const reconstruct = (prediction: number, error: number): number => {
    let value = prediction + error * step;
    if (value < -near) value += wrap;
    else if (value > maxValue + near) value -= wrap;
    return value < 0 ? 0 : value > maxValue ? maxValue : value;
  };

  const readRunInterruption = (a: number, b: number): number => {
    const type = Math.abs(a - b) <= near ? 1 : 0;
    const context = RUN_CONTEXT + type;
    const magnitude = magnitudes[context] + (type === 1 ? counts[context] >> 1 : 0);
    const k = findGolombParameter(counts[context], magnitude);
    const mapped = reader.readGolomb(k, limit - RUN_ORDERS[runIndex] - 1, bitsPerError);
    const sum = mapped + type;
    const odd = (sum & 1) === 1;
    const size = (sum + (odd ? 1 : 0)) / 2;
    const isNegative = (k !== 0 || 2 * negatives[type] >= counts[context]) === odd;
    const error = isNegative ? -size : size;
    if (error < 0) negatives[type]++;
    magnitudes[context] += (mapped + 1 - type) >> 1;
    if (counts[context] === reset) {
      magnitudes[context] >>= 1;
      counts[context] >>= 1;
      negatives[type] >>= 1;
    }
    counts[context]++;
    return reconstruct(type === 1 ? a : b, type === 0 && a > b ? -error : error);
  };

  const readRegular = (a: number, b: number, c: number, signedContext: number): number => {
    const isFlipped = signedContext < 0;
    const context = isFlipped ? -signedContext : signedContext;
    let prediction: number;
    if (c >= (a > b ? a : b)) prediction = a < b ? a : b;
    else if (c <= (a < b ? a : b)) prediction = a > b ? a : b;
    else prediction = a + b - c;
    prediction += isFlipped ? -corrections[context] : corrections[context];
    if (prediction < 0) prediction = 0;
    else if (prediction > maxValue) prediction = maxValue;

    let count = counts[context];
    const k = findGolombParameter(count, magnitudes[context]);
    const mapped = reader.readGolomb(k, limit, bitsPerError);
    let error = (mapped & 1) === 0 ? mapped >> 1 : -((mapped + 1) >> 1);
    if (near === 0 && k === 0 && 2 * biases[context] <= -count) error = -error - 1;

    // Update, T.87 §A.6.
    let bias = biases[context] + error * step;
    magnitudes[context] += error < 0 ? -error : error;
    if (count === reset) {
      magnitudes[context] >>= 1;
      bias >>= 1;
      count >>= 1;
    }
    count++;
    if (bias <= -count) {
      bias += count;
      if (corrections[context] > -128) corrections[context]--;
      if (bias <= -count) bias = -count + 1;
    } else if (bias > 0) {
      bias -= count;
      if (corrections[context] < 127) corrections[context]++;
      if (bias > 0) bias = 0;
    }
    biases[context] = bias;
    counts[context] = count;
    return reconstruct(prediction, isFlipped ? -error : error);
  };

  /** Fills a run with `value` from `column`; returns the column after it and sets `runEnded` when a sample must follow. */
  let runEnded = false;
  const readRun = (line: Int32Array, column: number, value: number): number => {
    let at = column;
    runEnded = false;
    while (at <= columns) {
      const order = RUN_ORDERS[runIndex];
      if (reader.readBits(1) === 0) {
        const rest = reader.readBits(order);
        if (at + rest > columns) throw damaged("a run crosses the end of its line");
        line.fill(value, at, at + rest);
        runEnded = true;
        return at + rest;
      }
      const length = 2 ** order;
      const end = Math.min(at + length, columns + 1);
      line.fill(value, at, end);
      if (at + length <= columns + 1 && runIndex < 31) runIndex++;
      at = end;
    }
    return at;
  };

  // Lines with one sample of margin on each side: index 0 is left of the first column.
  const out = new Uint16Array(rows * columns);
  let previous = new Int32Array(columns + 2);
  let current = new Int32Array(columns + 2);
  for (let row = 0; row < rows; row++) {
    previous[columns + 1] = previous[columns];
    current[0] = previous[1];
    let column = 1;
    while (column <= columns) {
      const a = current[column - 1];
      const b = previous[column];
      const c = previous[column - 1];
      const d = previous[column + 1];
      const context =
        (quantised[d - b + maxValue] * 9 + quantised[b - c + maxValue]) * 9 + quantised[c - a + maxValue];
      if (context !== 0) {
        current[column] = readRegular(a, b, c, context);
        column++;
        continue;
      }
      column = readRun(current, column, a);
      if (runEnded) {
        current[column] = readRunInterruption(a, previous[column]);
        if (runIndex > 0) runIndex--;
        column++;
      }
    }
    out.set(current.subarray(1, columns + 1), row * columns);
    const swap = previous;
    previous = current;
    current = swap;
  }
  return out;
}
