/**
 * The registry of degradations: each by name with one strength from 0 (clean) to 1 (severe) and a seed, for training
 * sets that draw faults at random, and for the tests that all of them pass. The functions take more options.
 */
import { createRandom, createRegistry, type Registry } from "@alara/core";
import { degradeByDose } from "./added-noise.ts";
import { degradeByBeamHardening } from "./beam-hardening.ts";
import type { ChainOptions, DegradationSource, DegradedPair } from "./degradation.ts";
import { degradeByMetal, type MetalInsert } from "./metal-streaks.ts";
import { degradeByMotion } from "./motion.ts";
import { degradeResolution } from "./resolution-loss.ts";
import { degradeByRings } from "./ring-artifacts.ts";
import { degradeByLimitedAngle, degradeBySparseViews } from "./view-loss.ts";

/** What every degradation of the registry takes. */
export interface SeverityOptions extends ChainOptions {
  /** Draws what the strength leaves open: places, phases, noise. */
  readonly seed: number;
  /** From 0 (clean bit for bit) to 1 (severe). */
  readonly severity: number;
}

/** A named degradation. */
export interface DegradationEntry {
  readonly summary: string;
  apply(source: DegradationSource, options: SeverityOptions): Promise<DegradedPair>;
}

function drawMetal(seed: number, severity: number): MetalInsert[] {
  if (severity === 0) return [];
  const random = createRandom(seed).derive("metal");
  const count = 1 + random.nextInteger(3);
  return Array.from({ length: count }, () => {
    const angle = 2 * Math.PI * random.nextUniform();
    const distance = 20 + 60 * random.nextUniform();
    return {
      xMm: distance * Math.cos(angle),
      yMm: distance * Math.sin(angle),
      semiAxisXMm: 1 + 9 * severity * (0.5 + 0.5 * random.nextUniform()),
      semiAxisYMm: 1 + 9 * severity * (0.5 + 0.5 * random.nextUniform()),
      rotationRad: Math.PI * random.nextUniform(),
    };
  });
}

/** The divisor of a number of views that is nearest to a wanted step, leaving 8 views or more. */
function findStep(views: number, wanted: number): number {
  let best = 1;
  for (let step = 1; step <= views / 8; step++) {
    if (views % step === 0 && Math.abs(step - wanted) < Math.abs(best - wanted)) best = step;
  }
  return best;
}

/** Degradations by name. */
export const degradations: Registry<DegradationEntry> = createRegistry<DegradationEntry>("degradation", [
  [
    "resolution-loss",
    {
      summary: "Gaussian blur of up to 2.5 mm FWHM in the plane and along z",
      apply: (source, { severity, ...rest }) =>
        degradeResolution(source, {
          ...rest,
          blur: { kind: "gaussian", fwhmMm: 2.5 * severity },
          sliceFwhmMm: 2.5 * severity,
        }),
    },
  ],
  [
    "low-resolution-noise",
    {
      summary:
        "blur of up to 2 mm FWHM and the noise of down to 2e4 quanta, as normal-resolution scans of sharp ones",
      apply: (source, { severity, ...rest }) =>
        degradeResolution(source, {
          ...rest,
          blur: { kind: "gaussian", fwhmMm: 2 * severity },
          ...(severity > 0 && { noise: { incidentQuanta: 2e4 / severity } }),
        }),
    },
  ],
  [
    "metal-streaks",
    {
      summary: "one to three ellipses of titanium of up to 10 mm semi-axis",
      apply: (source, { severity, ...rest }) =>
        degradeByMetal(source, { ...rest, inserts: drawMetal(rest.seed, severity) }),
    },
  ],
  [
    "beam-hardening",
    {
      summary: "uncorrected beam of 120 kV, up to the whole effect",
      apply: (source, { severity, ...rest }) =>
        degradeByBeamHardening(source, { ...rest, strength: severity }),
    },
  ],
  [
    "motion",
    {
      summary: "shift of up to 8 mm in a drawn direction, one and a half periods per turn",
      apply: (source, { severity, ...rest }) => {
        const random = createRandom(rest.seed).derive("motion");
        const directionRad = 2 * Math.PI * random.nextUniform();
        const phaseRad = 2 * Math.PI * random.nextUniform();
        return degradeByMotion(source, {
          ...rest,
          motion: { kind: "translation", amplitudeMm: 8 * severity, directionRad, phaseRad },
        });
      },
    },
  ],
  [
    "breathing",
    {
      summary: "front wall rising by up to 12 mm, one and a half breaths per turn",
      apply: (source, { severity, ...rest }) => {
        const phaseRad = 2 * Math.PI * createRandom(rest.seed).derive("breathing").nextUniform();
        return degradeByMotion(source, {
          ...rest,
          motion: { kind: "breathing", amplitudeMm: 12 * severity, phaseRad },
        });
      },
    },
  ],
  [
    "sparse-views",
    {
      summary: "every n-th view, n up to about 12, a divisor of the views",
      apply: (source, { severity, ...rest }) =>
        degradeBySparseViews(source, {
          ...rest,
          keepEvery: findStep(rest.views ?? 984, 1 + 11 * severity),
          views: rest.views ?? 984,
        }),
    },
  ],
  [
    "limited-angle",
    {
      summary: "arc from the full turn down to 120°, starting anywhere",
      apply: (source, { severity, ...rest }) =>
        degradeByLimitedAngle(source, {
          ...rest,
          arcRad: 2 * Math.PI * (1 - (2 / 3) * severity),
          startRad: 2 * Math.PI * createRandom(rest.seed).derive("arc").nextUniform(),
        }),
    },
  ],
  [
    "rings",
    {
      summary: "gain errors of up to 1 % standard deviation",
      apply: (source, { severity, ...rest }) =>
        degradeByRings(source, { ...rest, gainSigma: 0.01 * severity }),
    },
  ],
  [
    "dose",
    {
      summary: "noise of down to 5 % of the dose, where the image was taken with 1e5 quanta",
      apply: (source, { severity, seed, signal, axisOffsetMm, scanner, muWaterPerMm }) =>
        degradeByDose(source, {
          seed,
          doseFraction: 1 - 0.95 * severity,
          noise: { incidentQuanta: 1e5, window: { boostMm2: 0, cutoffPerMm: 0.6, order: 2.5 } },
          ...(signal && { signal }),
          ...(axisOffsetMm && { axisOffsetMm }),
          ...(scanner !== undefined && { scanner }),
          ...(muWaterPerMm !== undefined && { muWaterPerMm }),
        }),
    },
  ],
]);
