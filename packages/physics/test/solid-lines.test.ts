/**
 * Lines through solids: closed formulas of every primitive, clip planes, composition, and random solids against
 * dense sampling along the line.
 */
import type { Vector3 } from "@alara/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createAxes,
  createAxesAlong,
  createMaterialProjector,
  createSolidTracer,
  createValueProjector,
  type Material,
  placePhantom,
  prepareSolid,
  type Solid,
  type SolidPhantom,
  type SolidShape,
  type ValuePhantom,
} from "../src/index.ts";

const NO_TURN = createAxes({});

function makeRay(origin: Vector3, direction: Vector3): Float64Array {
  const size = Math.hypot(...direction);
  return Float64Array.of(...origin, direction[0] / size, direction[1] / size, direction[2] / size);
}

/** Length of the line inside one shape. */
function measureLength(shape: SolidShape, ray: Float64Array, clips: Solid<number>["clips"] = []): number {
  const interval = new Float64Array(2);
  return prepareSolid(shape, clips).intersect(ray, interval) ? interval[1] - interval[0] : 0;
}

/** The same by points at the middle of many short steps. */
function sampleLength(
  isInside: (x: number, y: number, z: number) => boolean,
  ray: Float64Array,
  reach: number,
): number {
  const steps = 20_000;
  const step = (2 * reach) / steps;
  const nearest = -(ray[0] * ray[3] + ray[1] * ray[4] + ray[2] * ray[5]);
  let inside = 0;
  for (let i = 0; i < steps; i++) {
    const t = nearest - reach + (i + 0.5) * step;
    if (isInside(ray[0] + t * ray[3], ray[1] + t * ray[4], ray[2] + t * ray[5])) inside++;
  }
  return inside * step;
}

const VALUE = (composition: "replace" | "additive", solids: readonly Solid<number>[]): ValuePhantom => ({
  name: "test",
  composition,
  solids,
});

describe("closed formulas", () => {
  it("a turned ellipsoid is 2√disc/|d̂′| in the unit sphere's frame", () => {
    const axes = createAxes({ aboutXRad: 0.3, aboutYRad: -0.8, aboutZRad: 1.1 });
    const semiAxesMm: Vector3 = [7, 3, 11];
    const centreMm: Vector3 = [4, -2, 5];
    const ray = makeRay([200, -90, 60], [-200 + 3, 90 - 4, -60 + 9]);
    const toFrame = (v: readonly number[]): number[] =>
      [axes.x, axes.y, axes.z].map((a, i) => (a[0] * v[0] + a[1] * v[1] + a[2] * v[2]) / semiAxesMm[i]);
    const p = toFrame([ray[0] - 4, ray[1] + 2, ray[2] - 5]);
    const d = toFrame([...ray.subarray(3)]);
    const size = Math.hypot(...d);
    const along = (p[0] * d[0] + p[1] * d[1] + p[2] * d[2]) / size;
    const exact = (2 * Math.sqrt(1 - (p[0] ** 2 + p[1] ** 2 + p[2] ** 2 - along ** 2))) / size;
    expect(exact).toBeGreaterThan(1);
    expect(
      Math.abs(measureLength({ kind: "ellipsoid", centreMm, semiAxesMm, axes }, ray) - exact),
    ).toBeLessThan(1e-10);
  });

  it("an upright cylinder gives 2√(r² − s²) per sine of the polar angle, endless or cut by its ends", () => {
    const cylinder = (halfLengthMm: number): SolidShape => ({
      kind: "cylinder",
      centreMm: [1, 2, 0],
      semiAxesMm: [10, 10],
      halfLengthMm,
    });
    const flat = makeRay([-500, 8, 0], [1, 0, 0]);
    expect(measureLength(cylinder(Infinity), flat)).toBeCloseTo(16, 11);
    const tilted = makeRay([-499, 8, -500], [1, 0, 1]);
    expect(measureLength(cylinder(Infinity), tilted)).toBeCloseTo(16 * Math.SQRT2, 10);
    // Passes the axis' height 0 at x = 1 and runs from the barrel at z = −8 to the top at z = 3.
    expect(measureLength(cylinder(3), makeRay([-499, 8, -500], [1, 0, 1]))).toBeCloseTo(6 * Math.SQRT2, 10);
    expect(measureLength(cylinder(3), makeRay([1, 2, -77], [0, 0, 1]))).toBeCloseTo(6, 12);
    expect(measureLength(cylinder(3), makeRay([12, 2, -77], [0, 0, 1]))).toBe(0);
    expect(measureLength(cylinder(3), makeRay([-500, 8, 3.5], [1, 0, 0]))).toBe(0);
  });

  it("a turned box is what the box is to the turned line", () => {
    const axes = createAxes({ aboutXRad: 0.4, aboutYRad: 0.7, aboutZRad: -0.2 });
    const halfSizesMm: Vector3 = [3, 5, 7];
    const straight = makeRay([-60, 1, 2], [60, 1, -3]);
    const turn = ([x, y, z]: number[]): Vector3 => [
      axes.x[0] * x + axes.y[0] * y + axes.z[0] * z,
      axes.x[1] * x + axes.y[1] * y + axes.z[1] * z,
      axes.x[2] * x + axes.y[2] * y + axes.z[2] * z,
    ];
    const ray = Float64Array.of(...turn([...straight.subarray(0, 3)]), ...turn([...straight.subarray(3)]));
    const exact = measureLength({ kind: "box", centreMm: [0, 0, 0], halfSizesMm }, straight);
    expect(exact).toBeCloseTo(6 * Math.hypot(1, 1 / 60, 3 / 60), 10);
    expect(measureLength({ kind: "box", centreMm: [0, 0, 0], halfSizesMm, axes }, ray)).toBeCloseTo(
      exact,
      11,
    );
  });

  it("lines in a face of two boxes count once", () => {
    const box = (x: number): Solid<number> => ({
      shape: { kind: "box", centreMm: [x, 0, 0], halfSizesMm: [1, 2, 3] },
      content: 1,
    });
    const projector = createValueProjector(VALUE("additive", [box(-1), box(1)]));
    expect(projector.integrate(makeRay([0, -50, 0], [0, 1, 0]))).toBeCloseTo(4, 12);
    expect(projector.integrate(makeRay([-1, -50, 0], [0, 1, 0]))).toBeCloseTo(4, 12);
    // Out at the lower face, out at the upper: one of the outer faces belongs to the box, the other does not.
    const outer = [-2, 2].map((x) => projector.integrate(makeRay([x, -50, 0], [0, 1, 0])));
    expect(outer[0] + outer[1]).toBeCloseTo(4, 12);
  });

  it("endless slabs are boxes with infinite sides", () => {
    const shape: SolidShape = { kind: "box", centreMm: [0, 0, 0], halfSizesMm: [Infinity, 2, Infinity] };
    expect(measureLength(shape, makeRay([9, -100, 3], [0, 1, 0]))).toBeCloseTo(4, 12);
    expect(measureLength(shape, makeRay([9, -100, 3], [1, 1, 1]))).toBeCloseTo(4 * Math.sqrt(3), 12);
  });
});

describe("cones", () => {
  const full: SolidShape = {
    kind: "cone",
    centreMm: [0, 0, 0],
    bottomSemiAxesMm: [6, 6],
    topSemiAxesMm: [0, 0],
    halfLengthMm: 4,
  };

  it("give the full height along the axis, through the apex", () => {
    expect(measureLength(full, makeRay([0, 0, 90], [0, 0, -1]))).toBeCloseTo(8, 12);
    expect(measureLength(full, makeRay([3, 0, 90], [0, 0, -1]))).toBeCloseTo(4, 12);
    expect(measureLength(full, makeRay([6.001, 0, 90], [0, 0, -1]))).toBe(0);
  });

  it("give chords of the section across", () => {
    // At z = 2 the radius is 1.5.
    expect(measureLength(full, makeRay([-90, 0, 2], [1, 0, 0]))).toBeCloseTo(3, 12);
    expect(measureLength(full, makeRay([-90, 0, 4], [1, 0, 0]))).toBe(0);
    expect(measureLength(full, makeRay([-90, 0, -4.001], [1, 0, 0]))).toBe(0);
  });

  it("give lines through the apex their run from the apex to the base", () => {
    // From the apex (0, 0, 4) to (2, 1, −4) in the base.
    const ray = makeRay([-2, -1, 12], [2, 1, -8]);
    expect(measureLength(full, ray)).toBeCloseTo(Math.hypot(2, 1, 8), 8);
    // Outside the cone's opening: only the apex itself.
    expect(measureLength(full, makeRay([-30, 0, 4 + 8], [30, 0, -8]))).toBeLessThan(1e-6);
  });

  it("give lines along the surface's slope a finite length", () => {
    // Parallel to the generator (6, 0, −8), through the axis at z = 0.
    const ray = makeRay([-60, 0, 80], [6, 0, -8]);
    const solid = prepareSolid(full);
    const sampled = sampleLength((x, y, z) => solid.contains(x, y, z), ray, 12);
    expect(measureLength(full, ray)).toBeGreaterThan(4);
    expect(Math.abs(measureLength(full, ray) - sampled)).toBeLessThan(3e-3);
  });

  it("with equal ends are cylinders", () => {
    const cone: SolidShape = {
      kind: "cone",
      centreMm: [1, 0, 2],
      bottomSemiAxesMm: [5, 3],
      topSemiAxesMm: [5, 3],
      halfLengthMm: 6,
      axes: createAxes({ aboutXRad: 0.5 }),
    };
    const cylinder: SolidShape = { ...cone, kind: "cylinder", semiAxesMm: [5, 3] } as SolidShape;
    for (let i = 0; i < 20; i++) {
      const ray = makeRay([100, 40 - 3 * i, 7], [-100, -40 + 3.2 * i, i - 12]);
      expect(measureLength(cone, ray)).toBeCloseTo(measureLength(cylinder, ray), 10);
    }
  });

  it("refuse ends of different shape", () => {
    expect(() => prepareSolid({ ...full, topSemiAxesMm: [3, 2] } as SolidShape)).toThrow(/not of one shape/);
  });
});

describe("clip planes", () => {
  it("halve a ball", () => {
    const shape: SolidShape = { kind: "ellipsoid", centreMm: [3, 0, 0], semiAxesMm: [5, 5, 5] };
    const clips = [{ normal: [1, 0, 0] as const, offsetMm: 3 }];
    expect(measureLength(shape, makeRay([-40, 0, 0], [1, 0, 0]), clips)).toBeCloseTo(5, 12);
    expect(measureLength(shape, makeRay([40, 3, 0], [-1, 0, 0]), clips)).toBeCloseTo(4, 12);
    expect(measureLength(shape, makeRay([2, -40, 0], [0, 1, 0]), clips)).toBeCloseTo(2 * Math.sqrt(24), 11);
    expect(measureLength(shape, makeRay([3.01, -40, 0], [0, 1, 0]), clips)).toBe(0);
  });

  it("on an axis narrow the bounds", () => {
    const solid = prepareSolid(
      { kind: "cylinder", centreMm: [0, 0, 0], semiAxesMm: [4, 4], halfLengthMm: Infinity },
      [
        { normal: [0, 0, 1], offsetMm: 7 },
        { normal: [0, 0, -1], offsetMm: 2 },
      ],
    );
    expect(solid.bounds).toEqual({ lowMm: [-4, -4, -2], highMm: [4, 4, 7] });
  });
});

describe("composition", () => {
  const outer: Solid<number> = {
    shape: { kind: "ellipsoid", centreMm: [0, 0, 0], semiAxesMm: [10, 10, 10] },
    content: 2,
  };
  const inner: Solid<number> = {
    shape: { kind: "ellipsoid", centreMm: [2, 0, 0], semiAxesMm: [3, 3, 3] },
    content: 5,
  };
  const ray = makeRay([-80, 0, 0], [1, 0, 0]);

  it("replace: the last solid wins; additive: all count", () => {
    expect(createValueProjector(VALUE("replace", [outer, inner])).integrate(ray)).toBeCloseTo(
      14 * 2 + 6 * 5,
      10,
    );
    expect(createValueProjector(VALUE("replace", [inner, outer])).integrate(ray)).toBeCloseTo(20 * 2, 10);
    expect(createValueProjector(VALUE("additive", [outer, inner])).integrate(ray)).toBeCloseTo(
      20 * 2 + 6 * 5,
      10,
    );
  });

  it("nested additive contrasts equal replaced values", () => {
    const additive = createValueProjector(VALUE("additive", [outer, { ...inner, content: 3 }]));
    const replace = createValueProjector(VALUE("replace", [outer, inner]));
    for (let i = 0; i < 40; i++) {
      const line = makeRay([-50, 12 - 0.6 * i, 3], [50, 0.1 * i - 2, -2]);
      expect(additive.integrate(line)).toBeCloseTo(replace.integrate(line), 10);
    }
  });

  it("materials are told apart by identity and listed once", () => {
    const make = (name: string): Material => ({ name, densityGPerCm3: 1, components: [] });
    const [a, b] = [make("a"), make("b")];
    const object = createMaterialProjector({
      name: "m",
      composition: "replace",
      solids: [
        { ...outer, content: a },
        { ...inner, content: b },
        { shape: { kind: "box", centreMm: [2, 0, 0], halfSizesMm: [1, 1, 1] }, content: a },
      ],
    });
    expect(object.materials).toEqual([a, b]);
    const lengths = new Float64Array(2).fill(9);
    object.integrate(ray, lengths);
    expect(lengths[0]).toBeCloseTo(16, 11);
    expect(lengths[1]).toBeCloseTo(4, 11);
    object.integrate(makeRay([0, 50, 0], [1, 0, 0]), lengths);
    expect([...lengths]).toEqual([0, 0]);
  });
});

describe("bad solids", () => {
  const ball = { kind: "ellipsoid", centreMm: [0, 0, 0], semiAxesMm: [1, 1, 1] } as const;
  it.each([
    ["a semi-axis of 0", { ...ball, semiAxesMm: [1, 0, 1] }, /semi-axes 1, 0, 1/],
    ["an infinite ellipsoid", { ...ball, semiAxesMm: [1, Infinity, 1] }, /finite/],
    ["a centre that is no number", { ...ball, centreMm: [0, Number.NaN, 0] }, /centre/],
    ["skewed axes", { ...ball, axes: { ...NO_TURN, x: [0.9, 0, 0] } }, /orthonormal/],
    [
      "a negative length",
      { kind: "cylinder", centreMm: [0, 0, 0], semiAxesMm: [1, 1], halfLengthMm: -1 },
      /half-length/,
    ],
  ] as [string, SolidShape, RegExp][])("refuses %s", (_name, shape, message) => {
    expect(() => prepareSolid(shape)).toThrow(message);
    expect(() => prepareSolid(shape)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });

  it("refuses clip normals that are not of unit length", () => {
    expect(() => prepareSolid(ball, [{ normal: [1, 1, 0], offsetMm: 0 }])).toThrow(/unit length/);
  });

  it("refuses values that are not finite, and lines that never leave", () => {
    expect(() => createValueProjector(VALUE("replace", [{ shape: ball, content: Number.NaN }]))).toThrow(
      expect.objectContaining({ code: "NON_FINITE" }),
    );
    const endless = createSolidTracer(
      VALUE("replace", [
        {
          shape: { kind: "cylinder", centreMm: [0, 0, 0], semiAxesMm: [1, 1], halfLengthMm: Infinity },
          content: 1,
          label: "wire",
        },
      ]),
    );
    expect(() => endless.trace(makeRay([0, 0, 0], [0, 0, 1]))).toThrow(/never leaves solid 0 \(wire\)/);
  });

  it("a phantom of nothing gives 0", () => {
    const projector = createValueProjector(VALUE("replace", []));
    expect(projector.integrate(makeRay([0, 0, 0], [0, 0, 1]))).toBe(0);
  });
});

/** Numbers in general position: random lines then graze nothing and run in no face. */
const number = (low: number, high: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: 999_999 }).map((i) => low + ((high - low) * (i + 0.381966)) / 1e6);
const vector = (reach: number): fc.Arbitrary<Vector3> =>
  fc.tuple(number(-reach, reach), number(-reach, reach), number(-reach, reach));
const shapes: fc.Arbitrary<SolidShape> = fc
  .record({
    kind: fc.constantFrom("ellipsoid", "cylinder", "box", "cone"),
    centreMm: vector(8),
    sizes: fc.tuple(number(0.5, 9), number(0.5, 9), number(0.5, 9)),
    taper: fc.oneof(fc.constantFrom(0, 1), number(0, 3)),
    angles: vector(3),
  })
  .map(({ kind, centreMm, sizes: [a, b, c], taper, angles }): SolidShape => {
    const axes = createAxes({ aboutXRad: angles[0], aboutYRad: angles[1], aboutZRad: angles[2] });
    if (kind === "ellipsoid") return { kind, centreMm, semiAxesMm: [a, b, c], axes };
    if (kind === "cylinder") return { kind, centreMm, semiAxesMm: [a, b], halfLengthMm: c, axes };
    if (kind === "box") return { kind, centreMm, halfSizesMm: [a, b, c], axes };
    return {
      kind: "cone",
      centreMm,
      bottomSemiAxesMm: [a, b],
      topSemiAxesMm: [taper * a, taper * b],
      halfLengthMm: c,
      axes,
    };
  });
const solids: fc.Arbitrary<Solid<number>> = fc
  .record({
    shape: shapes,
    content: number(0.1, 3),
    clipped: fc.boolean(),
    normal: vector(1),
    offsetMm: number(-6, 6),
  })
  .map(({ shape, content, clipped, normal, offsetMm }) => ({
    shape,
    content,
    ...(clipped
      ? { clips: [{ normal: createAxesAlong([normal[0] + 2, normal[1], normal[2]]).z, offsetMm }] }
      : {}),
  }));
const rays: fc.Arbitrary<Float64Array> = fc
  .tuple(vector(12), vector(1), number(-300, 300))
  .filter(([, d]) => Math.hypot(...d) > 0.1)
  .map(([p, d, back]) => {
    const ray = makeRay(p, d);
    for (let i = 0; i < 3; i++) ray[i] += back * ray[3 + i];
    return ray;
  });

describe("random phantoms", () => {
  it("have lengths ≥ 0 that equal dense sampling, in both compositions", () => {
    fc.assert(
      fc.property(fc.array(solids, { minLength: 1, maxLength: 12 }), rays, (list, ray) => {
        const prepared = list.map((solid) => prepareSolid(solid.shape, solid.clips));
        for (const composition of ["replace", "additive"] as const) {
          const tracer = createSolidTracer(VALUE(composition, list));
          const lengths = new Float64Array(list.length);
          const pieces = tracer.trace(ray);
          for (let k = 0; k < pieces; k++) {
            const length = tracer.pieceEndsMm[k] - tracer.pieceStartsMm[k];
            expect(length).toBeGreaterThanOrEqual(0);
            lengths[tracer.pieceSolids[k]] += length;
          }
          list.forEach((_, i) => {
            const sampled = sampleLength(
              (x, y, z) =>
                prepared[i].contains(x, y, z) &&
                (composition === "additive" ||
                  !prepared.slice(i + 1).some((later) => later.contains(x, y, z))),
              ray,
              48,
            );
            // One step of 4.8 µm per end of a piece.
            expect(Math.abs(lengths[i] - sampled)).toBeLessThan(0.0048 * 2 * list.length + 1e-9);
          });
        }
      }),
      { numRuns: 60, seed: 11 },
    );
  }, 60_000);

  it("lose no solid to the tree", () => {
    fc.assert(
      fc.property(fc.array(solids, { minLength: 8, maxLength: 60 }), rays, (list, ray) => {
        const total = list.reduce(
          (sum, solid) => sum + solid.content * measureLength(solid.shape, ray, solid.clips),
          0,
        );
        expect(createValueProjector(VALUE("additive", list)).integrate(ray)).toBeCloseTo(total, 9);
      }),
      { numRuns: 150, seed: 12 },
    );
  });

  it("lose no solid to the tree along the axes", () => {
    fc.assert(
      fc.property(
        fc.array(solids, { minLength: 8, maxLength: 60 }),
        vector(12),
        fc.constantFrom<Vector3>([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, -1, 0], [-1, 0, 1]),
        (list, origin, direction) => {
          const ray = makeRay(origin, direction);
          const total = list.reduce(
            (sum, solid) => sum + solid.content * measureLength(solid.shape, ray, solid.clips),
            0,
          );
          expect(createValueProjector(VALUE("additive", list)).integrate(ray)).toBeCloseTo(total, 9);
        },
      ),
      { numRuns: 150, seed: 14 },
    );
  });

  it("give the same along placed lines when they are placed", () => {
    fc.assert(
      fc.property(
        fc.array(solids, { minLength: 1, maxLength: 6 }),
        rays,
        vector(3),
        vector(40),
        (list, ray, a, shiftMm) => {
          const axes = createAxes({ aboutXRad: a[0], aboutYRad: a[1], aboutZRad: a[2] });
          const phantom: SolidPhantom<number> = VALUE("replace", list);
          const turn = (x: number, y: number, z: number): Vector3 => [
            axes.x[0] * x + axes.y[0] * y + axes.z[0] * z,
            axes.x[1] * x + axes.y[1] * y + axes.z[1] * z,
            axes.x[2] * x + axes.y[2] * y + axes.z[2] * z,
          ];
          const p = turn(ray[0], ray[1], ray[2]);
          const placedRay = Float64Array.of(
            ...p.map((value, i) => value + shiftMm[i]),
            ...turn(ray[3], ray[4], ray[5]),
          );
          const placed = createValueProjector(placePhantom(phantom, { axes, shiftMm })).integrate(placedRay);
          expect(Math.abs(placed - createValueProjector(phantom).integrate(ray))).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 100, seed: 13 },
    );
  });
});
