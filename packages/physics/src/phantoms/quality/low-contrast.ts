/**
 * Phantoms of one kind of test: the MITA low-contrast body (CCT189, tomography.md §2.8), water cylinders, and a
 * micro-CT calibration phantom like QRM's. Rods and balls only; casts as in contents.ts.
 */
import { PhysicsError } from "../../errors.ts";
import type { Material } from "../../materials/material.ts";
import { createHydroxyapatiteInsert } from "../../materials/mixtures.ts";
import type { MaterialPhantom, Solid } from "../solid.ts";
import { contents, createWaterEquivalent } from "./contents.ts";
import { createBars, createRod, createWire, placePolar } from "./upright.ts";

/** Options of {@link createCct189}. */
export interface Cct189Options {
  /** Default 100. */
  readonly radiusMm?: number;
  /** Length along z; default 40. */
  readonly thicknessMm?: number;
  /** CT number of the cast; default 0. */
  readonly backgroundHu?: number;
  /** `"absent"` leaves the rods out: the signal-absent half of a detection study. Default `"present"`. */
  readonly rods?: "present" | "absent";
}

/**
 * MITA low-contrast phantom CCT189: rods of 3, 5, 7 and 10 mm, 14, 7, 5 and 3 HU above the cast, on the diagonals at
 * 0.4 of the radius. Water equivalents: the same contrasts at every energy.
 *
 * @returns labels `"14 HU 3 mm"` at 45°, `"7 HU 5 mm"` at 135°, `"5 HU 7 mm"` at 225°, `"3 HU 10 mm"` at 315°
 */
export function createCct189(options: Cct189Options = {}): MaterialPhantom {
  const { radiusMm = 100, thicknessMm = 40, backgroundHu = 0 } = options;
  const height = { fromMm: -thicknessMm / 2, toMm: thicknessMm / 2 };
  const solids = [createRod("body", createWaterEquivalent(backgroundHu), [0, 0], radiusMm, height)];
  if ((options.rods ?? "present") === "present") {
    [
      [14, 3],
      [7, 5],
      [5, 7],
      [3, 10],
    ].forEach(([contrast, diameter], i) => {
      solids.push(
        createRod(
          `${contrast} HU ${diameter} mm`,
          createWaterEquivalent(backgroundHu + contrast),
          placePolar(0.4 * radiusMm, 45 + 90 * i),
          diameter / 2,
          height,
        ),
      );
    });
  }
  return { name: "cct189", composition: "replace", solids };
}

/** Options of {@link createWaterPhantom}. */
export interface WaterPhantomOptions {
  /** Of the water; default 100. */
  readonly radiusMm?: number;
  /** Length along z; default `Infinity`, for planar scans; give cone-beam scans a length. */
  readonly lengthMm?: number;
  /** Wall around the water; default none. */
  readonly shell?: {
    readonly thicknessMm: number;
    /** Default acrylic, 1.18 g/cm³. */
    readonly material?: Material;
  };
  /** Centre from the axis; default `[0, 0]`. */
  readonly centreMm?: readonly [number, number];
}

/**
 * A cylinder of water, with or without a shell (and lids of its thickness, where it has a length).
 *
 * @throws PhysicsError `OUT_OF_RANGE`
 */
export function createWaterPhantom(options: WaterPhantomOptions = {}): MaterialPhantom {
  const { radiusMm = 100, lengthMm = Infinity, shell, centreMm = [0, 0] } = options;
  if (!(radiusMm > 0 && lengthMm > 0 && (shell === undefined || shell.thicknessMm > 0))) {
    throw new PhysicsError(
      "OUT_OF_RANGE",
      `radius ${radiusMm}, length ${lengthMm} and shell ${shell?.thicknessMm ?? "none"} mm must be > 0`,
    );
  }
  const cylinder = (label: string, content: Material, wallMm: number): Solid<Material> => ({
    label,
    content,
    shape: {
      kind: "cylinder",
      centreMm: [...centreMm, 0],
      semiAxesMm: [radiusMm + wallMm, radiusMm + wallMm],
      halfLengthMm: lengthMm / 2 + wallMm,
    },
  });
  return {
    name: "water",
    composition: "replace",
    solids: [
      ...(shell === undefined
        ? []
        : [cylinder("shell", shell.material ?? contents.acrylic, shell.thicknessMm)]),
      cylinder("water", contents.water, 0),
    ],
  };
}

/** Options of {@link createMicroCtPhantom}. */
export interface MicroCtPhantomOptions {
  /** Concentrations of the rods, mg/cm³; default 0, 100, 200, 400, 800. */
  readonly hydroxyapatiteMgPerCm3?: readonly number[];
  /** Radius of the resin body; default 16. */
  readonly radiusMm?: number;
  /** Length along z; default 20. */
  readonly lengthMm?: number;
}

/**
 * A micro-CT phantom like QRM's hydroxyapatite, bar and wire phantoms in one: in a body of resin rods of 5 mm with
 * hydroxyapatite at 0.56 of the radius, three patterns of aluminium bars 2 mm long of 3.33, 5 and 10 lp/mm around the
 * axis at 4 mm, and a tungsten wire of 25 µm on the axis. QRM's patterns are finer and of silicon; sizes here are for
 * voxels of 50–100 µm. The resin is epoxy.
 *
 * @returns labels `"HA 100 mg/cm³"` …, `"3.33 lp/mm"` …, `"wire"`
 */
export function createMicroCtPhantom(options: MicroCtPhantomOptions = {}): MaterialPhantom {
  const { radiusMm = 16, lengthMm = 20, hydroxyapatiteMgPerCm3 = [0, 100, 200, 400, 800] } = options;
  const height = { fromMm: -lengthMm / 2, toMm: lengthMm / 2 };
  const rods = hydroxyapatiteMgPerCm3.map((concentration, i) =>
    createRod(
      `HA ${concentration} mg/cm³`,
      createHydroxyapatiteInsert(`hydroxyapatite-resin-${concentration}`, concentration, contents.epoxy),
      placePolar(0.56 * radiusMm, -90 + (360 * i) / hydroxyapatiteMgPerCm3.length),
      Math.min(2.5, 0.16 * radiusMm),
      height,
    ),
  );
  const bars = [10 / 3, 5, 10].flatMap((linePairsPerMm, i) =>
    createBars({
      label: `${linePairsPerMm.toFixed(linePairsPerMm % 1 === 0 ? 0 : 2)} lp/mm`,
      content: contents.aluminium,
      distanceMm: 0.25 * radiusMm,
      angleDeg: 90 + 120 * i,
      linePairsPerMm,
      bars: 5,
      barLengthMm: 2,
      height: { fromMm: -lengthMm / 4, toMm: lengthMm / 4 },
    }),
  );
  return {
    name: "micro-ct",
    composition: "replace",
    solids: [
      createRod("body", contents.epoxy, [0, 0], radiusMm, height),
      ...rods,
      ...bars,
      createWire("wire", contents.tungsten, [0, 0, height.fromMm], [0, 0, height.toMm], 0.0125),
    ],
  };
}
