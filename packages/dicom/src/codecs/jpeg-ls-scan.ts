/**
 * Decodes JPEG-LS scans (ISO/IEC 14495-1 | ITU-T T.87, annex A), lossless and near-lossless, of one component or of
 * several interleaved by line or by sample.
 *
 * Written here although CharLS exists: on damaged streams its WebAssembly build spends about ten seconds in one
 * frame, and a decoder must be bounded by the size of its output.
 */
import { DicomError } from "../errors.ts";

/** Coding parameters of a scan. */
export interface JpegLsScan {
  readonly rows: number;
  readonly columns: number;
  /** Components of the scan, and how they alternate (ILV, T.87 table C.2). */
  readonly components: number;
  readonly interleave: "none" | "line" | "sample";
  /** MAXVAL: the largest sample value. */
  readonly maxValue: number;
  /** NEAR: the largest deviation; 0 is lossless. */
  readonly near: number;
  /** T1, T2, T3 */
  readonly thresholds: readonly [number, number, number];
  /** RESET: when contexts are halved. */
  readonly reset: number;
}

/** Where a scan's samples go: `samples[(row · columns + column) · stride + first + component]`. */
export interface JpegLsTarget {
  readonly samples: Uint16Array;
  readonly first: number;
  readonly stride: number;
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
/** Zero bytes after the data: more than any one code takes. */
const PADDING_BYTES = 32;

function ceilLog2(value: number): number {
  return value <= 1 ? 0 : 32 - Math.clz32(value - 1);
}

function damaged(what: string): DicomError {
  return new DicomError("INVALID_COMPRESSED_DATA", `the JPEG-LS frame is damaged: ${what}`);
}

/** Entropy-coded data without the bit that is stuffed after FF (T.87 §A.1), and where its marker stands. */
function unstuffBits(bytes: Uint8Array, start: number): { data: Uint8Array; bitCount: number; end: number } {
  const data = new Uint8Array(bytes.length - start + PADDING_BYTES);
  let to = 0;
  // Bits of the byte in the making.
  let hold = 0;
  let held = 0;
  let at = start;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === 0xff && at + 1 < bytes.length && bytes[at + 1] > 0x7f) break;
    if (at > start && bytes[at - 1] === 0xff) {
      hold = (hold << 7) | (byte & 0x7f);
      held += 7;
    } else {
      hold = (hold << 8) | byte;
      held += 8;
    }
    if (held >= 8) {
      held -= 8;
      data[to++] = hold >>> held;
      hold &= 0xff;
    }
    at++;
  }
  const bitCount = to * 8 + held;
  if (held > 0) data[to] = hold << (8 - held);
  return { data, bitCount, end: at };
}

/** Gradient → −4…4 (T.87 §A.3.3), as a table over all differences of two samples. */
function createQuantiser(scan: JpegLsScan): Int8Array {
  const { maxValue, near } = scan;
  const [t1, t2, t3] = scan.thresholds;
  const quantised = new Int8Array(2 * maxValue + 1);
  for (let size = near + 1; size <= maxValue; size++) {
    const level = size < t1 ? 1 : size < t2 ? 2 : size < t3 ? 3 : 4;
    quantised[maxValue + size] = level;
    quantised[maxValue - size] = -level;
  }
  return quantised;
}

/** One scan being decoded: contexts and the position in its data. Owns no resource. */
class ScanDecoder {
  private readonly view: DataView;
  private readonly bitCount: number;
  private position = 0;
  readonly end: number;

  private readonly columns: number;
  private readonly maxValue: number;
  private readonly near: number;
  private readonly reset: number;
  private readonly step: number;
  private readonly wrap: number;
  private readonly bitsPerError: number;
  private readonly limit: number;
  /** Zeros that say that a regular sample's error follows as it is. */
  private readonly escapeZeros: number;
  private readonly quantised: Int8Array;

  /**
   * Context variables, T.87 §A.2.1, four to a context: count N, magnitude A, bias B, correction C. The last two
   * contexts are the run interruptions', which have the number of negative errors Nn in the place of B.
   */
  private readonly contexts: Int32Array;
  /** Whether the last run ended before the line did, so that a sample follows. */
  private isInterrupted = false;
  private runIndex = 0;

  constructor(bytes: Uint8Array, start: number, scan: JpegLsScan) {
    const { data, bitCount, end } = unstuffBits(bytes, start);
    this.view = new DataView(data.buffer);
    this.bitCount = bitCount;
    this.end = end;
    const { columns, maxValue, near, reset } = scan;
    this.columns = columns;
    this.maxValue = maxValue;
    this.near = near;
    this.reset = reset;
    this.step = 2 * near + 1;
    const range = Math.floor((maxValue + 2 * near) / this.step) + 1;
    this.wrap = range * this.step;
    this.bitsPerError = ceilLog2(range);
    const bitsPerSample = Math.max(2, ceilLog2(maxValue + 1));
    this.limit = 2 * (bitsPerSample + Math.max(8, bitsPerSample));
    this.quantised = createQuantiser(scan);
    this.escapeZeros = this.limit - this.bitsPerError - 1;
    this.contexts = new Int32Array(4 * (RUN_CONTEXT + 2));
    for (let at = 0; at < this.contexts.length; at += 4) {
      this.contexts[at] = 1;
      this.contexts[at + 1] = Math.max(2, Math.floor((range + 32) / 64));
    }
  }

  private checkPosition(): void {
    if (this.position > this.bitCount) throw damaged("its data ends early");
  }

  /** Up to 24 bits. */
  private readBits(count: number): number {
    if (count === 0) return 0;
    const { position } = this;
    this.position = position + count;
    this.checkPosition();
    return (this.view.getUint32(position >>> 3) << (position & 7)) >>> (32 - count);
  }

  /** Limited-length Golomb code, T.87 §A.5.3. */
  private readGolomb(k: number, limit: number): number {
    const escapeZeros = limit - this.bitsPerError - 1;
    let zeros = 0;
    for (;;) {
      const leading = Math.clz32(this.view.getUint32(this.position >>> 3) << (this.position & 7));
      if (leading < 25) {
        zeros += leading;
        this.position += leading + 1;
        break;
      }
      zeros += 25;
      this.position += 25;
      this.checkPosition();
    }
    if (zeros > escapeZeros) throw damaged("a code is too long");
    return zeros < escapeZeros ? (zeros << k) + this.readBits(k) : this.readBits(this.bitsPerError) + 1;
  }

  /** T.87 §A.5.1: the smallest k with count · 2^k ≥ magnitude. */
  private findGolombParameter(count: number, magnitude: number): number {
    const guess = Math.clz32(count) - Math.clz32(magnitude);
    if (guess < 0) return 0;
    const k = count << guess < magnitude ? guess + 1 : guess;
    if (k > MAX_GOLOMB_PARAMETER) throw damaged("a context is out of range");
    return k;
  }

  private reconstruct(prediction: number, error: number): number {
    const { near, maxValue } = this;
    let value = prediction + error * this.step;
    if (value < -near) value += this.wrap;
    else if (value > maxValue + near) value -= this.wrap;
    return value < 0 ? 0 : value > maxValue ? maxValue : value;
  }

  /** T.87 §A.7.2; `type` 1 when both neighbours are alike. */
  private readRunInterruption(a: number, b: number, type: 0 | 1): number {
    const { contexts } = this;
    const at = 4 * (RUN_CONTEXT + type);
    const count = contexts[at];
    const k = this.findGolombParameter(count, contexts[at + 1] + (type === 1 ? count >> 1 : 0));
    const mapped = this.readGolomb(k, this.limit - RUN_ORDERS[this.runIndex] - 1);
    const sum = mapped + type;
    const odd = (sum & 1) === 1;
    const size = (sum + 1) >> 1;
    const isNegative = (k !== 0 || 2 * contexts[at + 2] >= count) === odd;
    // Subtracted, since −0 would leave the integers.
    const error = isNegative ? 0 - size : size;
    if (error < 0) contexts[at + 2]++;
    contexts[at + 1] += (mapped + 1 - type) >> 1;
    if (count === this.reset) {
      for (let i = at; i < at + 3; i++) contexts[i] >>= 1;
    }
    contexts[at]++;
    return this.reconstruct(type === 1 ? a : b, type === 0 && a > b ? 0 - error : error);
  }

  /** T.87 §A.4–A.6 for the sample with neighbours a (left), b (above), c (above left). */
  private readRegular(a: number, b: number, c: number, signedContext: number): number {
    const { maxValue, contexts, view, position } = this;
    // 0, or −1 where the context is flipped: (x ^ flip) − flip then changes the sign of x.
    const flip = signedContext >> 31;
    const at = ((signedContext ^ flip) - flip) << 2;
    let count = contexts[at];
    let magnitude = contexts[at + 1];
    let bias = contexts[at + 2];
    const correction = contexts[at + 3];
    const low = a < b ? a : b;
    const high = a < b ? b : a;
    let prediction = (c >= high ? low : c <= low ? high : a + b - c) + (correction ^ flip) - flip;
    if (prediction < 0) prediction = 0;
    else if (prediction > maxValue) prediction = maxValue;

    // T.87 §A.5.1: the smallest k with count · 2^k ≥ magnitude.
    let k = Math.clz32(count) - Math.clz32(magnitude);
    if (k < 0) k = 0;
    else if (count << k < magnitude) k++;
    // The common short code in one look, else the long way.
    const hold = view.getUint32(position >>> 3) << (position & 7);
    const zeros = Math.clz32(hold);
    let mapped: number;
    if (zeros + k < 24 && zeros < this.escapeZeros) {
      mapped = (zeros << k) | (((hold << zeros) & 0x7fffffff) >>> (31 - k));
      this.position = position + zeros + 1 + k;
    } else {
      if (k > MAX_GOLOMB_PARAMETER) throw damaged("a context is out of range");
      mapped = this.readGolomb(k, this.limit);
    }
    let error = (mapped >>> 1) ^ -(mapped & 1);
    const { near } = this;
    if (k === 0 && near === 0 && 2 * bias <= -count) error = ~error;

    // Update, T.87 §A.6.
    bias += near === 0 ? error : error * this.step;
    magnitude += error < 0 ? -error : error;
    if (count === this.reset) {
      magnitude >>= 1;
      bias >>= 1;
      count >>= 1;
    }
    count++;
    if (bias <= -count) {
      bias += count;
      if (correction > -128) contexts[at + 3] = correction - 1;
      if (bias <= -count) bias = -count + 1;
    } else if (bias > 0) {
      bias -= count;
      if (correction < 127) contexts[at + 3] = correction + 1;
      if (bias > 0) bias = 0;
    }
    contexts[at] = count;
    contexts[at + 1] = magnitude;
    contexts[at + 2] = bias;
    return this.reconstruct(prediction, (error ^ flip) - flip);
  }

  /** Length of the run that starts at `column` (T.87 §A.7.1); sets `isInterrupted`. */
  private readRunLength(column: number): number {
    const room = this.columns + 1 - column;
    let length = 0;
    this.isInterrupted = false;
    while (length < room) {
      const order = RUN_ORDERS[this.runIndex];
      if (this.readBits(1) === 0) {
        length += this.readBits(order);
        if (length >= room) throw damaged("a run crosses the end of its line");
        this.isInterrupted = true;
        return length;
      }
      length += 2 ** order;
      if (length <= room && this.runIndex < 31) this.runIndex++;
    }
    return room;
  }

  /**
   * One line of one component; lines have one sample of margin on each side.
   *
   * @param runIndex - RUNindex at the line's start
   * @returns RUNindex at its end
   */
  decodeLine(previous: Int32Array, current: Int32Array, runIndex: number): number {
    const { columns, quantised, maxValue } = this;
    this.runIndex = runIndex;
    previous[columns + 1] = previous[columns];
    current[0] = previous[1];
    let a = current[0];
    let b = previous[1];
    let c = previous[0];
    for (let column = 1; column <= columns; ) {
      const d = previous[column + 1];
      const context =
        (quantised[d - b + maxValue] * 9 + quantised[b - c + maxValue]) * 9 + quantised[c - a + maxValue];
      if (context !== 0) {
        a = this.readRegular(a, b, c, context);
        current[column++] = a;
        c = b;
        b = d;
        continue;
      }
      const length = this.readRunLength(column);
      current.fill(a, column, column + length);
      column += length;
      if (this.isInterrupted) {
        b = previous[column];
        a = this.readRunInterruption(a, b, Math.abs(a - b) <= this.near ? 1 : 0);
        current[column++] = a;
        if (this.runIndex > 0) this.runIndex--;
      }
      c = previous[column - 1];
      b = previous[column];
      this.checkPosition();
    }
    this.checkPosition();
    return this.runIndex;
  }

  /** One line of all components, sample by sample (ILV 2): a run needs all of them to be flat. */
  decodeSampleLine(
    previous: readonly Int32Array[],
    current: readonly Int32Array[],
    runIndex: number,
  ): number {
    const { columns, quantised, maxValue } = this;
    this.runIndex = runIndex;
    previous.forEach((line, i) => {
      line[columns + 1] = line[columns];
      current[i][0] = line[1];
    });
    const contexts = new Int32Array(previous.length);
    for (let column = 1; column <= columns; ) {
      let isFlat = true;
      previous.forEach((line, i) => {
        const [b, c, d, a] = [line[column], line[column - 1], line[column + 1], current[i][column - 1]];
        contexts[i] =
          (quantised[d - b + maxValue] * 9 + quantised[b - c + maxValue]) * 9 + quantised[c - a + maxValue];
        if (contexts[i] !== 0) isFlat = false;
      });
      if (isFlat) {
        const length = this.readRunLength(column);
        for (const line of current) line.fill(line[column - 1], column, column + length);
        column += length;
        if (!this.isInterrupted) continue;
        current.forEach((line, i) => {
          line[column] = this.readRunInterruption(line[column - 1], previous[i][column], 0);
        });
        if (this.runIndex > 0) this.runIndex--;
      } else {
        current.forEach((line, i) => {
          const [a, b, c] = [line[column - 1], previous[i][column], previous[i][column - 1]];
          line[column] = this.readRegular(a, b, c, contexts[i]);
        });
      }
      column++;
      this.checkPosition();
    }
    return this.runIndex;
  }
}

/**
 * Decodes a scan.
 *
 * @param start - first byte of the entropy-coded data
 * @returns offset of the marker after it
 * @throws DicomError `INVALID_COMPRESSED_DATA`
 * @remarks Time and memory are bounded by rows × columns × components and the bytes given. T.87 §A.3–A.7, §B; tested
 * against CharLS and dcmtk, bit for bit.
 */
export function decodeJpegLsScan(
  bytes: Uint8Array,
  start: number,
  scan: JpegLsScan,
  target: JpegLsTarget,
): number {
  const { rows, columns, components, interleave } = scan;
  const decoder = new ScanDecoder(bytes, start, scan);
  const createLines = (): Int32Array[] =>
    Array.from({ length: components }, () => new Int32Array(columns + 2));
  let previous = createLines();
  let current = createLines();
  const runIndexes = new Int32Array(components);
  const { samples, first, stride } = target;
  for (let row = 0; row < rows; row++) {
    if (interleave === "sample") {
      runIndexes[0] = decoder.decodeSampleLine(previous, current, runIndexes[0]);
    } else {
      for (let i = 0; i < components; i++) {
        runIndexes[i] = decoder.decodeLine(previous[i], current[i], runIndexes[i]);
      }
    }
    for (let i = 0; i < components; i++) {
      const line = current[i];
      if (stride === 1) {
        samples.set(line.subarray(1, columns + 1), row * columns);
      } else {
        let at = row * columns * stride + first + i;
        for (let column = 1; column <= columns; column++, at += stride) samples[at] = line[column];
      }
    }
    const swap = previous;
    previous = current;
    current = swap;
  }
  return decoder.end;
}
