/**
 * Interior bias of filtered back-projection: a disc (planar) or a ball (cones, plane of the source) in exact sinograms,
 * every geometry with every scan range, by the float64 reference and by the SIMD engine; and scikit-image's `iradon` on
 * data that it can take.
 */
import {
  type ConeGeometry,
  createCentredGrid,
  type ParallelGeometry,
  type PlanarGeometry,
  type Sinogram,
} from "@alara/core";
import { projectValuePhantom, type ValuePhantom } from "@alara/physics";
import { reconstructFbp } from "@alara/recon";
import { createTemporaryFolder } from "@alara/testing";
import { findPython } from "../../peers/python.ts";
import { startRadon } from "../../peers/timed-process.ts";
import { createAngles, readFloats, writeFloats } from "../../workload/ct-scans.ts";
import { createRound } from "../../workload/round-phantoms.ts";
import { type Check, checkAtMost, type EvidencePart, findLargest, formatSmall } from "./tables.ts";

const MU = 0.0193;
const TURN = 2 * Math.PI;
/** mm, `[x, y]`: off the axis. */
const CENTRE: readonly [number, number] = [12, -7];
const LIMIT = 1e-4;
/** Pixels within it of a rim are not looked at, mm. */
const RIM_MM = { disc: 15, ball: 12 } as const;

type Geometry = PlanarGeometry | ConeGeometry;

const fan = { sourceToIsoMm: 541, sourceToDetectorMm: 949.075, channels: 444, channelOffset: 0.625 };
const arcPitchRad = 2.0478 / 949.075;
const arcShort = Math.PI + 2 * 223 * arcPitchRad;
const flatShort = Math.PI + 2 * Math.atan((223 * 2.3) / 949.075);
const displaced = { channels: 300, channelOffset: 75 };

const parallel = (views: number, range: number, rest = {}): PlanarGeometry => ({
  kind: "parallel",
  channels: 444,
  channelPitchMm: 1.1672,
  channelOffset: 0.25,
  anglesRad: createAngles(views, range),
  ...rest,
});
const fanArc = (views: number, range: number, rest = {}): PlanarGeometry => ({
  kind: "fan-arc",
  ...fan,
  channelPitchRad: arcPitchRad,
  anglesRad: createAngles(views, range),
  ...rest,
});
const fanFlat = (views: number, range: number, rest = {}): PlanarGeometry => ({
  kind: "fan-flat",
  ...fan,
  channelPitchMm: 2.3,
  anglesRad: createAngles(views, range),
  ...rest,
});

const cone = {
  ...{ sourceToIsoMm: 1000, sourceToDetectorMm: 1500, channels: 200, channelOffset: 0.25 },
  ...{ rows: 54, rowPitchMm: 4.6, rowOffset: 0.5 },
};
const coneShort = Math.PI + 2 * Math.atan(160 / 1500);
const coneDisplaced = { channels: 150, channelOffset: 37.5 };
const coneFlat = (views: number, range: number, rest = {}): ConeGeometry => ({
  kind: "cone-flat",
  ...cone,
  channelPitchMm: 1.6,
  anglesRad: createAngles(views, range),
  ...rest,
});
const coneCurved = (views: number, range: number, rest = {}): ConeGeometry => ({
  kind: "cone-curved",
  ...cone,
  channelPitchRad: 1.6 / 1500,
  anglesRad: createAngles(views, range),
  ...rest,
});

const cases: readonly (readonly [string, string, Geometry])[] = [
  ["parallel", "half a turn", parallel(400, Math.PI)],
  ["parallel", "whole turn", parallel(720, TURN)],
  ["parallel", "over-scan, 1.3 half turns", parallel(500, 1.3 * Math.PI)],
  ["parallel", "displaced detector", parallel(720, TURN, displaced)],
  ["fan-arc", "whole turn", fanArc(720, TURN)],
  ["fan-arc", "short scan", fanArc(540, arcShort)],
  ["fan-arc", "over-scan, 275°", fanArc(600, 4.8)],
  ["fan-arc", "displaced detector", fanArc(720, TURN, displaced)],
  ["fan-flat", "whole turn", fanFlat(720, TURN)],
  ["fan-flat", "short scan", fanFlat(560, flatShort)],
  ["fan-flat", "over-scan, 298°", fanFlat(640, 5.2)],
  ["fan-flat", "displaced detector", fanFlat(720, TURN, displaced)],
  ["cone-flat", "whole turn", coneFlat(240, TURN)],
  ["cone-flat", "short scan", coneFlat(160, coneShort)],
  ["cone-flat", "over-scan, 275°", coneFlat(200, 4.8)],
  ["cone-flat", "displaced detector", coneFlat(240, TURN, coneDisplaced)],
  ["cone-curved", "whole turn", coneCurved(240, TURN)],
  ["cone-curved", "short scan", coneCurved(160, coneShort)],
  ["cone-curved", "over-scan, 275°", coneCurved(200, 4.8)],
  ["cone-curved", "displaced detector", coneCurved(240, TURN, coneDisplaced)],
];

/** Mean and root mean square of value/µ − 1 over the pixels within `radiusMm` of a centre. */
function measureInside(
  data: Float32Array,
  size: number,
  spacingMm: readonly [number, number],
  radiusMm: number,
  centre: readonly [number, number] = CENTRE,
): { readonly bias: number; readonly spread: number } {
  let [sum, squares, count] = [0, 0, 0];
  for (let i = 0; i < size * size; i++) {
    const y = (Math.floor(i / size) - (size - 1) / 2) * spacingMm[0] - centre[1];
    const x = ((i % size) - (size - 1) / 2) * spacingMm[1] - centre[0];
    if (Math.hypot(x, y) > radiusMm) continue;
    const error = data[i] / MU - 1;
    sum += error;
    squares += error * error;
    count++;
  }
  return { bias: sum / count, spread: Math.sqrt(squares / count) };
}

function createTarget(geometry: Geometry): { phantom: ValuePhantom; insideMm: number } {
  return "rows" in geometry
    ? { phantom: createRound("ball", [...CENTRE, 0], 70, MU), insideMm: 70 - RIM_MM.ball }
    : { phantom: createRound("cylinder", [...CENTRE, 0], 100, MU), insideMm: 100 - RIM_MM.disc };
}

interface PeerComparison {
  readonly name: string;
  /** Disc, `[x, y]` of its centre, rays per channel; bias of ours and, where Python has it, of scikit-image. */
  readonly cases: readonly { readonly what: string; readonly ours: number; readonly peer: number }[];
}

/**
 * Parallel rays, an odd number of them, through a disc: ours and `iradon` on the same samples. With the disc on the axis
 * its rim falls on the same place between samples in every view, and what point samples miss of it does not average out.
 */
async function compareWithIradon(): Promise<PeerComparison> {
  const [views, channels, side] = [400, 301, 301];
  let hasPeer = true;
  try {
    findPython(["skimage", "numpy"], "python3-skimage");
  } catch (error) {
    process.stderr.write(`left out: ${(error as Error).message}\n`);
    hasPeer = false;
  }
  const geometry: ParallelGeometry = {
    ...{ kind: "parallel", channels, channelPitchMm: 1, channelOffset: 0 },
    anglesRad: createAngles(views, Math.PI),
  };
  const grid = createCentredGrid([1, side, side], [1, 1, 1]);
  let name = "scikit-image iradon (absent)";
  const results: PeerComparison["cases"][number][] = [];
  for (const [what, [x, y], raysPerChannel] of [
    ["off the axis, pencil rays", CENTRE, 1],
    ["on the axis, pencil rays", [0, 0], 1],
    ["on the axis, means over 16 rays per channel", [0, 0], 16],
  ] as const) {
    const disc = createRound("cylinder", [x, y, 0], 100, MU);
    const sinogram = projectValuePhantom(disc, geometry, { raysPerChannel });
    const measure = (data: Float32Array, row: number): number =>
      measureInside(data, side, [1, 1], 100 - RIM_MM.disc, [x, row]).bias;
    const ours = measure((await reconstructFbp(sinogram, { grid, engine: "reference" })).data, y);
    let peerBias = Number.NaN;
    if (hasPeer) {
      using folder = createTemporaryFolder("iradon");
      writeFloats(folder.resolve("sinogram.bin"), sinogram.data);
      const peer = await startRadon("iradon", folder.path, views, channels, side);
      name = peer.name;
      try {
        await peer.run();
        await peer.save();
        // In iradon's frame s = column · cosθ − row · sinθ.
        peerBias = measure(readFloats(folder.resolve("radon.bin")), -y);
      } finally {
        peer.stop();
      }
    }
    results.push({ what, ours, peer: peerBias });
  }
  return { name, cases: results };
}

/** Runs the part. */
export async function studyInteriorBias(): Promise<EvidencePart> {
  const rows: string[][] = [];
  const biases: number[] = [];
  const fast: number[] = [];
  const spreads: number[] = [];
  const distances: number[] = [];
  for (const [kind, range, geometry] of cases) {
    const { phantom, insideMm } = createTarget(geometry);
    const sinogram: Sinogram<"line integral", Geometry> = projectValuePhantom(phantom, geometry);
    const [size, spacing] = "rows" in geometry ? [24, [5.1, 5.3] as const] : [40, [6.1, 6.3] as const];
    const grid = createCentredGrid([1, size, size], [1, ...spacing]);
    const exact = await reconstructFbp(sinogram, { grid, engine: "reference" });
    const simd = await reconstructFbp(sinogram, { grid });
    const reference = measureInside(exact.data, size, spacing, insideMm);
    const other = measureInside(simd.data, size, spacing, insideMm);
    const distance = findLargest(Array.from(exact.data, (value, i) => (simd.data[i] - value) / MU));
    biases.push(reference.bias);
    fast.push(other.bias);
    spreads.push(reference.spread);
    distances.push(distance);
    rows.push([
      `${kind}, ${range}`,
      formatSmall(reference.bias),
      formatSmall(reference.spread),
      formatSmall(other.bias),
      formatSmall(distance),
    ]);
  }
  const compared = await compareWithIradon();
  const [offAxis, , onAxis] = compared.cases;
  const checks: Check[] = [
    checkAtMost("worst interior bias, float64 reference", findLargest(biases), LIMIT),
    checkAtMost("worst interior bias, SIMD engine", findLargest(fast), LIMIT),
    checkAtMost("worst RMS error inside, float64 reference", findLargest(spreads), 2e-4),
    checkAtMost("bias on the same samples as scikit-image, off the axis", Math.abs(offAxis.ours), LIMIT),
    checkAtMost("bias on the axis, means over channels", Math.abs(onAxis.ours), LIMIT),
    checkAtMost("largest difference of the engines, of µ", findLargest(distances), 2e-4),
  ];
  return {
    tables: [
      {
        title:
          "Interior bias of a disc of 100 mm (parallel, fan) and a ball of 70 mm in the plane of the source (cone), of µ",
        columns: ["scan", "reference", "RMS error", "SIMD", "engines differ by"],
        rows,
      },
      {
        title: "A disc of 100 mm in 400 views of 301 parallel rays 1 mm apart: interior bias, of µ",
        columns: ["disc and rays", "ours", compared.name],
        rows: compared.cases.map(({ what, ours, peer }) => [
          what,
          formatSmall(ours),
          Number.isNaN(peer) ? "–" : formatSmall(peer),
        ]),
      },
    ],
    checks,
    headline: {
      worst: Math.max(findLargest(biases), findLargest(fast)),
      peer: Number.isNaN(offAxis.peer)
        ? null
        : {
            name: `${compared.name}, a disc in parallel rays, the one geometry that it has; ours of those samples ${formatSmall(Math.abs(offAxis.ours))}`,
            value: Math.abs(offAxis.peer),
          },
    },
  };
}
