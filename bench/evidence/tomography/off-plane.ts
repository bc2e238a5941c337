/**
 * What Feldkamp's reconstruction loses away from the plane of the source: the mean of a large ball on that plane, slice
 * by slice, and of a small ball moved up; flat and curved detectors, source at 1000 mm. Reported; the only target is
 * the plane of the source.
 */
import { type ConeGeometry, createCentredGrid } from "@alara/core";
import { projectValuePhantom } from "@alara/physics";
import { reconstructFbp } from "@alara/recon";
import { createAngles } from "../../workload/ct-scans.ts";
import { createRound } from "../../workload/round-phantoms.ts";
import { checkAtMost, type EvidencePart, findLargest, formatSmall } from "./tables.ts";

const MU = 0.02;
const HEIGHTS_MM = [0, 5, 10, 15, 20, 30];
const CENTRE: readonly [number, number] = [12, -7];
const VIEWS = 240;
const source = { sourceToIsoMm: 1000, sourceToDetectorMm: 1500, channelOffset: 0.25, rowOffset: 0.5 };

function createGeometry(
  kind: ConeGeometry["kind"],
  channels: number,
  channelPitchMm: number,
  rows: number,
  rowPitchMm: number,
): ConeGeometry {
  const shared = { ...source, channels, rows, rowPitchMm, anglesRad: createAngles(VIEWS, 2 * Math.PI) };
  return kind === "cone-flat"
    ? { kind, ...shared, channelPitchMm }
    : { kind, ...shared, channelPitchRad: channelPitchMm / source.sourceToDetectorMm };
}

/** Mean of value/µ − 1 of voxels within a distance of `centreMm`, in slices at the given heights. */
function measureInside(
  data: Float32Array,
  size: readonly [number, number],
  spacingMm: readonly [number, number],
  heightsMm: readonly number[],
  shift: readonly [number, number],
  insideMm: number,
): number[] {
  const [rows, columns] = size;
  return heightsMm.map((z, slice) => {
    let [sum, count] = [0, 0];
    for (let i = 0; i < rows * columns; i++) {
      const y = (Math.floor(i / columns) - (rows - 1) / 2) * spacingMm[0] - shift[1];
      const x = ((i % columns) - (columns - 1) / 2) * spacingMm[1] - shift[0];
      if (Math.hypot(x, y, z) > insideMm) continue;
      sum += data[slice * rows * columns + i] / MU - 1;
      count++;
    }
    return sum / count;
  });
}

/** A ball of 70 mm on the plane of the source: the slices at ± each height, at least 12 mm inside. */
async function measureLargeBall(kind: ConeGeometry["kind"]): Promise<number[]> {
  const sinogram = projectValuePhantom(
    createRound("ball", [...CENTRE, 0], 70, MU),
    createGeometry(kind, 200, 1.6, 54, 4.6),
  );
  const spacing = [5.1, 5.3] as const;
  const heights = Array.from({ length: 13 }, (_, k) => (k - 6) * 5);
  const { data } = await reconstructFbp(sinogram, {
    grid: createCentredGrid([13, 24, 24], [5, ...spacing]),
    engine: "reference",
  });
  const all = measureInside(data, [24, 24], spacing, heights, CENTRE, 58);
  return HEIGHTS_MM.map((z) => (all[6 + z / 5] + all[6 - z / 5]) / 2);
}

/**
 * A ball of 10 mm with its centre at a height: the mean of its inner 5 mm. Sampled twice as finely as the large one: with
 * rays 1 mm apart what point samples miss of so small a ball would be as large as what is looked for.
 */
async function measureSmallBall(kind: ConeGeometry["kind"], heightMm: number): Promise<number> {
  const geometry = createGeometry(kind, 140, 0.8, 180, 0.75);
  const sinogram = projectValuePhantom(createRound("ball", [...CENTRE, heightMm], 10, MU), geometry);
  const [size, spacing] = [9, [1.31, 1.27] as const];
  const heights = Array.from({ length: size }, (_, k) => (k - 4) * 1.3);
  const { data } = await reconstructFbp(sinogram, {
    grid: createCentredGrid([size, size, size], [1.3, ...spacing]),
    axisOffsetMm: [-heightMm, -CENTRE[1], -CENTRE[0]],
    engine: "reference",
  });
  let [sum, count] = [0, 0];
  for (const [k, z] of heights.entries()) {
    for (let i = 0; i < size * size; i++) {
      const y = (Math.floor(i / size) - 4) * spacing[0];
      const x = ((i % size) - 4) * spacing[1];
      if (Math.hypot(x, y, z) > 5) continue;
      sum += data[k * size * size + i] / MU - 1;
      count++;
    }
  }
  return sum / count;
}

/** An endless cylinder: the worst of the heights. */
async function measureCylinder(kind: ConeGeometry["kind"]): Promise<number> {
  const sinogram = projectValuePhantom(
    createRound("cylinder", [...CENTRE, 0], 70, MU),
    createGeometry(kind, 200, 1.6, 54, 4.6),
  );
  const spacing = [5.1, 5.3] as const;
  const { data } = await reconstructFbp(sinogram, {
    grid: createCentredGrid([7, 24, 24], [10, ...spacing]),
    engine: "reference",
  });
  return findLargest(measureInside(data, [24, 24], spacing, new Array<number>(7).fill(0), CENTRE, 58));
}

/** Runs the part. */
export async function studyOffPlane(): Promise<EvidencePart> {
  const rows: string[][] = [];
  const onPlane: number[] = [];
  const smallOnPlane: number[] = [];
  const cylinders: number[] = [];
  for (const kind of ["cone-flat", "cone-curved"] as const) {
    const large = await measureLargeBall(kind);
    const small: number[] = [];
    for (const height of HEIGHTS_MM) small.push(await measureSmallBall(kind, height));
    rows.push([`${kind}, ball of 70 mm on the plane, slices at ±z`, ...large.map(formatSmall)]);
    rows.push([`${kind}, ball of 10 mm centred at z`, ...small.map(formatSmall)]);
    onPlane.push(large[0]);
    smallOnPlane.push(small[0]);
    cylinders.push(await measureCylinder(kind));
  }
  return {
    tables: [
      {
        title: "FDK away from the plane of the source (radii; source at 1000 mm): bias of µ",
        columns: ["detector and object", ...HEIGHTS_MM.map((z) => `z = ${z} mm`)],
        rows,
      },
    ],
    checks: [
      checkAtMost("bias of the ball of 70 mm on the plane of the source", findLargest(onPlane), 1e-4),
      checkAtMost("bias of the ball of 10 mm on the plane of the source", findLargest(smallOnPlane), 1e-4),
      checkAtMost("bias of an endless cylinder, worst of z = −30 … 30 mm", findLargest(cylinders), 2e-4),
    ],
  };
}
