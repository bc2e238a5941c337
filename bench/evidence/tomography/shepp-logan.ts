/**
 * The modified Shepp–Logan head's line integrals through re-parametrised rays of every geometry against the table of
 * tomography.md §3.2, and its mass. The constants were computed from the ellipses' closed form by another program.
 */
import type { ScanGeometry } from "@alara/core";
import {
  createPhantomProjector,
  createPosedGeometry,
  createRayCaster,
  createSheppLoganHead,
  createSheppLoganPhantom,
  createValueProjector,
  extrudePhantom,
} from "@alara/physics";
import { checkAtMost, type EvidencePart, findLargest, formatSmall } from "./tables.ts";

/** Columns of the table: signed distances s from the axis. */
const OFFSETS = [0, 0.1, 0.25, -0.25, 0.6];
/** θ in degrees and p(θ, s). */
const TABLE: readonly (readonly [number, readonly number[]])[] = [
  [0, [0.5146, 0.4308930752, 0.3260166435, 0.2890102962, 0.3161068837]],
  [30, [0.3934506436, 0.3914902378, 0.3798086554, 0.2457690186, 0.3324840115]],
  [45, [0.2427470304, 0.3621154147, 0.3616677643, 0.2458594901, 0.322244157]],
  [90, [0.2076759576, 0.2231190684, 0.2816554065, 0.2298371319, 0.2971873095]],
  [135, [0.2694362232, 0.3400869181, 0.3392817285, 0.28190826, 0.322244157]],
];
const MASS = 0.4952646048;
/** Steps of the sum that takes the mass from line integrals. */
const MASS_STEP = 1e-4;

const source = { sourceToIsoMm: 4, sourceToDetectorMm: 7, channels: 3, channelOffset: 0 };
const rows = { rows: 3, rowPitchMm: 0.2, rowOffset: 0 };
const PITCH = 0.1;

/** One view that holds the ray (θ, s), and the channel (between channels, outside them) where it lies. */
type Aim = (theta: number, s: number) => { readonly geometry: ScanGeometry; readonly channel: number };

/** θ = β + π/2 − γ, s = D sin γ. */
function aimFan(theta: number, s: number): { gamma: number; anglesRad: Float64Array } {
  const gamma = Math.asin(s / source.sourceToIsoMm);
  return { gamma, anglesRad: Float64Array.of(theta - Math.PI / 2 + gamma) };
}
const aimFlat = (gamma: number): number => 1 + (source.sourceToDetectorMm * Math.tan(gamma)) / PITCH;

const aims: Readonly<Record<string, Aim>> = {
  parallel: (theta, s) => ({
    geometry: {
      ...{ kind: "parallel", channels: 3, channelPitchMm: PITCH, channelOffset: 0 },
      anglesRad: Float64Array.of(theta),
    },
    channel: 1 + s / PITCH,
  }),
  "fan-arc": (theta, s) => {
    const { gamma, anglesRad } = aimFan(theta, s);
    return {
      geometry: { kind: "fan-arc", ...source, channelPitchRad: PITCH, anglesRad },
      channel: 1 + gamma / PITCH,
    };
  },
  "fan-flat": (theta, s) => {
    const { gamma, anglesRad } = aimFan(theta, s);
    return {
      geometry: { kind: "fan-flat", ...source, channelPitchMm: PITCH, anglesRad },
      channel: aimFlat(gamma),
    };
  },
  "cone-flat": (theta, s) => {
    const { gamma, anglesRad } = aimFan(theta, s);
    return {
      geometry: { kind: "cone-flat", ...source, ...rows, channelPitchMm: PITCH, anglesRad },
      channel: aimFlat(gamma),
    };
  },
  "cone-curved": (theta, s) => {
    const { gamma, anglesRad } = aimFan(theta, s);
    return {
      geometry: { kind: "cone-curved", ...source, ...rows, channelPitchRad: PITCH, anglesRad },
      channel: 1 + gamma / PITCH,
    };
  },
  posed: (theta, s) => {
    const { gamma, anglesRad } = aimFan(theta, s);
    return {
      geometry: createPosedGeometry({
        kind: "cone-flat",
        ...source,
        ...rows,
        channelPitchMm: PITCH,
        anglesRad,
      }),
      channel: aimFlat(gamma),
    };
  },
};

/** Runs the part. */
export function studySheppLogan(): EvidencePart {
  const solids = {
    "2D, extruded": createValueProjector(extrudePhantom(createSheppLoganPhantom())),
    "3D, middle plane": createValueProjector(createSheppLoganHead()),
  };
  const errors: number[] = [];
  const table = Object.entries(solids).map(([name, projector]) => {
    const ray = new Float64Array(6);
    const worst = Object.values(aims).map((aim) =>
      findLargest(
        TABLE.flatMap(([degrees, row]) =>
          OFFSETS.map((s, i) => {
            const { geometry, channel } = aim((degrees * Math.PI) / 180, s);
            createRayCaster(geometry).cast(0, "rows" in geometry ? 1 : 0, channel, ray);
            return projector.integrate(ray) - row[i];
          }),
        ),
      ),
    );
    errors.push(...worst);
    return [name, ...worst.map(formatSmall)];
  });

  const phantom = createSheppLoganPhantom();
  const area = phantom.ellipses.reduce(
    (sum, { value, semiAxisXMm, semiAxisYMm }) => sum + value * Math.PI * semiAxisXMm * semiAxisYMm,
    0,
  );
  const projector = createPhantomProjector(phantom);
  const masses = [0, 0.4, 1.3].map((theta) => {
    const [c, q] = [Math.cos(theta), Math.sin(theta)];
    let mass = 0;
    for (let s = -1 + MASS_STEP / 2; s < 1; s += MASS_STEP) {
      mass += projector.integrate(s * c, s * q, -q, c) * MASS_STEP;
    }
    return mass - MASS;
  });
  return {
    tables: [
      {
        title: "Modified Shepp–Logan head: largest difference from the table of 25 line integrals",
        columns: ["phantom", ...Object.keys(aims)],
        rows: table,
      },
      {
        title: `Its mass (${MASS}): difference`,
        columns: ["areas of the ellipses", "∫ p ds, worst of 3 angles"],
        rows: [[formatSmall(area - MASS), formatSmall(findLargest(masses))]],
      },
    ],
    checks: [
      checkAtMost("Shepp–Logan line integrals, worst geometry", findLargest(errors), 1e-9),
      checkAtMost("Shepp–Logan mass, areas", Math.abs(area - MASS), 1e-9),
      checkAtMost("Shepp–Logan mass, sum of line integrals", findLargest(masses), 2e-6),
    ],
  };
}
