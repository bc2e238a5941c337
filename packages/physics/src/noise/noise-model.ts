/**
 * The in-plane noise spectrum of a filtered back-projection as three numbers: S(f) ∝ f · W(f)² with the window
 * W(f) = (1 + b f²) · exp(−(f/fc)^q). Covers smooth (soft tissue) to edge-enhancing (lung, bone) kernels; its
 * low-frequency end is the ramp's, so anatomy that leaks into a measured spectrum does not enter the fit.
 */

/** Radial reconstruction window of a kernel. */
export interface KernelWindow {
  /** Edge enhancement b, mm². */
  readonly boostMm2: number;
  /** Cut-off fc, 1/mm. */
  readonly cutoffPerMm: number;
  /** Steepness q of the cut-off. */
  readonly order: number;
}

/** W(f), unitless, 1 at f = 0. */
export function evaluateKernelWindow(window: KernelWindow, frequencyPerMm: number): number {
  return (
    (1 + window.boostMm2 * frequencyPerMm * frequencyPerMm) *
    Math.exp(-((frequencyPerMm / window.cutoffPerMm) ** window.order))
  );
}

/** Where and how a spectrum is sampled. */
export interface SpectrumSampling {
  /** Edge of the square region in pixels. */
  readonly size: number;
  readonly rowSpacingMm: number;
  readonly columnSpacingMm: number;
  /** Nyquist frequency of the detector at the rotation axis, 1/mm. */
  readonly detectorNyquistPerMm: number;
  /** Distance of the region from the axis over the source's distance (root mean square); default 0. */
  readonly relativeRadius?: number;
}

const TABLE_LENGTH = 256;
/** Directions over which the magnification of an off-axis region is averaged. */
const DIRECTIONS = 8;

/**
 * The window's noise spectrum as a sampled image shows it: f · ⟨W(f L/D)²⟩ folded into the image's frequency
 * square (aliasing). Off the axis a ray's frequencies are scaled by its distance from the source, L/D =
 * 1 + (ρ/D) sin φ, which widens the spectrum.
 *
 * @returns `[size][size]`, FFT order, arbitrary scale
 */
export function computeAliasedSpectrum(window: KernelWindow, sampling: SpectrumSampling): Float64Array {
  const { size, rowSpacingMm, columnSpacingMm, detectorNyquistPerMm, relativeRadius = 0 } = sampling;
  const highest = detectorNyquistPerMm / (1 - relativeRadius);
  const table = new Float64Array(TABLE_LENGTH + 2);
  for (let d = 0; d < DIRECTIONS; d++) {
    const stretch = 1 + relativeRadius * Math.sin((Math.PI * (d + 0.5 - DIRECTIONS / 2)) / DIRECTIONS);
    for (let i = 0; i <= TABLE_LENGTH; i++) {
      const f = (i / TABLE_LENGTH) * highest;
      if (f * stretch >= detectorNyquistPerMm) break;
      const w = evaluateKernelWindow(window, f * stretch);
      table[i] += (f * w * w) / DIRECTIONS;
    }
  }
  const power = new Float64Array(size * size);
  const half = size / 2;
  const reachRow = Math.ceil(highest * rowSpacingMm + 0.5);
  const reachColumn = Math.ceil(highest * columnSpacingMm + 0.5);
  for (let r = 0; r <= half; r++) {
    for (let c = 0; c <= half; c++) {
      let sum = 0;
      for (let i = -reachRow; i <= reachRow; i++) {
        const fy = (r / size + i) / rowSpacingMm;
        for (let j = -reachColumn; j <= reachColumn; j++) {
          const fx = (c / size + j) / columnSpacingMm;
          const position = (Math.sqrt(fx * fx + fy * fy) / highest) * TABLE_LENGTH;
          if (position >= TABLE_LENGTH) continue;
          const low = Math.floor(position);
          sum += table[low] + (position - low) * (table[low + 1] - table[low]);
        }
      }
      const mirrorRow = (size - r) % size;
      const mirrorColumn = (size - c) % size;
      power[r * size + c] = sum;
      power[r * size + mirrorColumn] = sum;
      power[mirrorRow * size + c] = sum;
      power[mirrorRow * size + mirrorColumn] = sum;
    }
  }
  return power;
}

/** Minimises a function of a few variables (Nelder & Mead 1965, standard coefficients). */
function minimizeSimplex(
  evaluate: (point: readonly number[]) => number,
  start: readonly number[],
  steps: readonly number[],
  iterations: number,
): { point: number[]; value: number } {
  const vertices = [start, ...start.map((_, i) => start.map((x, k) => (k === i ? x + steps[i] : x)))].map(
    (point) => ({ point: [...point], value: evaluate(point) }),
  );
  const n = start.length;
  for (let iteration = 0; iteration < iterations; iteration++) {
    vertices.sort((a, b) => a.value - b.value);
    const worst = vertices[n];
    const centre = start.map((_, k) => vertices.slice(0, n).reduce((sum, v) => sum + v.point[k], 0) / n);
    const tryAt = (factor: number): { point: number[]; value: number } => {
      const point = centre.map((x, k) => x + factor * (worst.point[k] - x));
      return { point, value: evaluate(point) };
    };
    const reflected = tryAt(-1);
    if (reflected.value < vertices[0].value) {
      const expanded = tryAt(-2);
      vertices[n] = expanded.value < reflected.value ? expanded : reflected;
    } else if (reflected.value < vertices[n - 1].value) {
      vertices[n] = reflected;
    } else {
      const contracted = tryAt(reflected.value < worst.value ? -0.5 : 0.5);
      if (contracted.value < Math.min(worst.value, reflected.value)) {
        vertices[n] = contracted;
      } else {
        for (let i = 1; i <= n; i++) {
          vertices[i].point = vertices[i].point.map((x, k) => (x + vertices[0].point[k]) / 2);
          vertices[i].value = evaluate(vertices[i].point);
        }
      }
    }
  }
  vertices.sort((a, b) => a.value - b.value);
  return vertices[0];
}

/** A measured radial spectrum to fit. */
export interface SpectrumToFit extends SpectrumSampling {
  /** Radial bin of each 2D frequency, −1 for none. */
  readonly binIndex: Int32Array;
  readonly binCounts: Float64Array;
  readonly frequenciesPerMm: Float64Array;
  readonly radialPower: Float64Array;
  /** Bins below this frequency are left out, 1/mm. */
  readonly lowestPerMm: number;
}

/** Result of {@link fitKernelWindow}. */
export interface KernelFit {
  readonly window: KernelWindow;
  /** Fitted radial noise spectrum on the same bins and scale as the measurement. */
  readonly radialPower: Float64Array;
  /** Fitted radial spectrum of anatomy, a/f³, same bins and scale. */
  readonly radialAnatomy: Float64Array;
  /** Fitted 2D noise spectrum, same scale, `[size][size]` FFT order. */
  readonly power: Float64Array;
  /** Root mean square deviation of noise + anatomy over the fitted bins, divided by the fitted noise peak. */
  readonly nrmse: number;
}

/**
 * Fits a kernel window plus a/f³ of anatomy (a ≥ 0) to a measured radial spectrum.
 *
 * @remarks Weighted least squares with weights count/(power + 3 % of the peak)², between relative and absolute.
 * The exponent 3 is what soft tissue shows in CT and mammography (Burgess 1999, doi 10.1364/JOSAA.16.000633).
 */
export function fitKernelWindow(spectrum: SpectrumToFit): KernelFit {
  const { binIndex, binCounts, frequenciesPerMm, radialPower, lowestPerMm } = spectrum;
  const used = frequenciesPerMm.map((f, b) => (f >= lowestPerMm && binCounts[b] > 0 ? 1 : 0));
  let peak = 0;
  for (let b = 0; b < radialPower.length; b++) if (used[b]) peak = Math.max(peak, radialPower[b]);
  const weights = radialPower.map((p, b) => (used[b] * binCounts[b]) / (p + 0.03 * peak) ** 2);
  const anatomy = frequenciesPerMm.map((f, b) => (used[b] ? f ** -3 : 0));
  const toWindow = (p: readonly number[]): KernelWindow => ({
    boostMm2: Math.min(60, Math.abs(p[0])),
    cutoffPerMm: Math.min(3, Math.max(0.05, Math.exp(p[1]))),
    order: Math.min(8, Math.max(1.6, Math.exp(p[2]))),
  });
  const predict = (window: KernelWindow) => {
    const power = computeAliasedSpectrum(window, spectrum);
    const radial = new Float64Array(binCounts.length);
    for (let i = 0; i < power.length; i++) if (binIndex[i] >= 0) radial[binIndex[i]] += power[i];
    let nn = 0;
    let na = 0;
    let aa = 0;
    let nm = 0;
    let am = 0;
    for (let b = 0; b < radial.length; b++) {
      radial[b] /= Math.max(1, binCounts[b]);
      nn += weights[b] * radial[b] * radial[b];
      na += weights[b] * radial[b] * anatomy[b];
      aa += weights[b] * anatomy[b] * anatomy[b];
      nm += weights[b] * radial[b] * radialPower[b];
      am += weights[b] * anatomy[b] * radialPower[b];
    }
    const determinant = nn * aa - na * na;
    let scale = determinant > 0 ? (nm * aa - am * na) / determinant : 0;
    let anatomyScale = determinant > 0 ? (am * nn - nm * na) / determinant : 0;
    if (anatomyScale < 0 || scale <= 0) {
      scale = nn > 0 ? nm / nn : 0;
      anatomyScale = 0;
    }
    let cost = 0;
    const deviation = new Float64Array(radial.length);
    for (let b = 0; b < radial.length; b++) {
      radial[b] *= scale;
      deviation[b] = radial[b] + anatomyScale * anatomy[b] - radialPower[b];
      cost += weights[b] * deviation[b] ** 2;
    }
    for (let i = 0; i < power.length; i++) power[i] *= scale;
    return { power, radial, cost, deviation, radialAnatomy: anatomy.map((a) => a * anatomyScale) };
  };
  // A gentle pull towards the usual steepness decides between windows that fit alike.
  const cost = (p: readonly number[]): number => {
    const window = toWindow(p);
    return predict(window).cost * (1 + 0.03 * (Math.log(window.order / 2.5) / 0.35) ** 2);
  };
  let best = { point: [0, 0, 0], value: Number.POSITIVE_INFINITY };
  for (const start of [
    [0.1, Math.log(0.4), Math.log(2)],
    [3, Math.log(0.5), Math.log(2)],
    [0.1, Math.log(0.8), Math.log(3)],
    [8, Math.log(0.6), Math.log(4)],
  ]) {
    const found = minimizeSimplex(cost, start, [1, 0.3, 0.4], 90);
    if (found.value < best.value) best = found;
  }
  const window = toWindow(best.point);
  const { power, radial, deviation, radialAnatomy } = predict(window);
  let sum = 0;
  let count = 0;
  let fittedPeak = 0;
  for (let b = 0; b < radial.length; b++) {
    if (!used[b]) continue;
    sum += deviation[b] ** 2;
    fittedPeak = Math.max(fittedPeak, radial[b]);
    count++;
  }
  return {
    window,
    power,
    radialPower: radial,
    radialAnatomy,
    nrmse: fittedPeak > 0 ? Math.sqrt(sum / Math.max(1, count)) / fittedPeak : 0,
  };
}
