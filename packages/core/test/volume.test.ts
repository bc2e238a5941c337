/** Volumes, slices and slabs with their place in space; registries; the error class. */
import {
  AlaraError,
  AXIAL_DIRECTION,
  CoreError,
  countVoxels,
  createCentredGrid,
  createRegistry,
  createVolume,
  crossVectors,
  dotVectors,
  type GridGeometry,
  getSlab,
  getSliceData,
} from "@alara/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** Patient position of a voxel centre, by the definition of PS3.3 C.7.6.2.1.1. */
function locate(geometry: GridGeometry, index: readonly [number, number, number]): number[] {
  const { originMm, spacingMm, direction } = geometry;
  return [0, 1, 2].map(
    (axis) =>
      originMm[axis] +
      index[0] * spacingMm[0] * direction.slice[axis] +
      index[1] * spacingMm[1] * direction.row[axis] +
      index[2] * spacingMm[2] * direction.column[axis],
  );
}

describe("createCentredGrid", () => {
  it("puts the middle of the grid at the isocentre, for odd and even sizes", () => {
    for (const size of [
      [5, 7, 9],
      [4, 6, 8],
      [1, 512, 512],
    ] as const) {
      const grid = createCentredGrid(size, [2.5, 0.7, 0.8]);
      const middle = locate(grid, [(size[0] - 1) / 2, (size[1] - 1) / 2, (size[2] - 1) / 2]);
      for (const coordinate of middle) expect(coordinate).toBeCloseTo(0, 12);
    }
  });

  it("runs columns to the left, rows to the back and slices to the head of the patient", () => {
    const grid = createCentredGrid([3, 3, 3], [2, 3, 4]);
    expect(grid.originMm).toEqual([-4, -3, -2]);
    expect(locate(grid, [2, 2, 2])).toEqual([4, 3, 2]);
    expect(grid.direction).toBe(AXIAL_DIRECTION);
  });
});

describe("createVolume", () => {
  const grid = createCentredGrid([2, 3, 4], [1, 1, 1]);

  it("makes zeros of the right length, and keeps given data without copying", () => {
    expect(createVolume("HU", grid).data).toEqual(new Float32Array(24));
    const data = new Float32Array(24);
    expect(createVolume("HU", grid, data).data).toBe(data);
    expect(countVoxels(grid)).toBe(24);
  });

  it("refuses data of another length, showing both numbers", () => {
    const attempt = (): unknown => createVolume("HU", grid, new Float32Array(23));
    expect(attempt).toThrow(expect.objectContaining({ code: "SHAPE_MISMATCH" }));
    expect(attempt).toThrow(/23.*2 × 3 × 4 = 24/);
  });
});

describe("slices and slabs", () => {
  const slanted: GridGeometry = {
    size: [6, 2, 3],
    spacingMm: [2.5, 0.5, 0.75],
    originMm: [10, -20, 30],
    direction: { slice: [0, 0.6, 0.8], row: [0, 0.8, -0.6], column: [1, 0, 0] },
  };
  const volume = createVolume(
    "HU",
    slanted,
    Float32Array.from({ length: 36 }, (_, i) => i),
  );

  it("a slice is a view on its samples", () => {
    const slice = getSliceData(volume, 4);
    expect([...slice]).toEqual([24, 25, 26, 27, 28, 29]);
    expect(slice.buffer).toBe(volume.data.buffer);
  });

  it("a slab keeps every voxel where it was in the patient", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 6 }), (start, length) => {
        fc.pre(start + length <= 6);
        const slab = getSlab(volume, start, start + length);
        expect(slab.geometry.size).toEqual([length, 2, 3]);
        expect(slab.unit).toBe("HU");
        expect(slab.data.buffer).toBe(volume.data.buffer);
        for (let k = 0; k < length; k++) {
          expect([...getSliceData(slab, k)]).toEqual([...getSliceData(volume, start + k)]);
          const expected = locate(slanted, [start + k, 1, 2]);
          locate(slab.geometry, [k, 1, 2]).forEach((x, axis) => {
            expect(x).toBeCloseTo(expected[axis], 12);
          });
        }
      }),
    );
  });

  it.each([-1, 6, 0.5, Number.NaN])("refuses slice %f", (slice) => {
    expect(() => getSliceData(volume, slice)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });

  it.each([
    [-1, 2],
    [2, 2],
    [3, 2],
    [0, 7],
    [0.5, 2],
    [0, Number.NaN],
  ])("refuses slab %f..%f", (start, end) => {
    expect(() => getSlab(volume, start, end)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });
});

describe("createRegistry", () => {
  const registry = createRegistry("projector", [
    ["joseph", 1],
    ["siddon", 2],
  ]);

  it("keeps the order of its entries and finds them by name", () => {
    expect(registry.names).toEqual(["joseph", "siddon"]);
    expect([...registry.entries()]).toEqual([
      ["joseph", 1],
      ["siddon", 2],
    ]);
    expect(registry.get("siddon")).toBe(2);
    expect([registry.has("joseph"), registry.has("distance-driven")]).toEqual([true, false]);
    expect(registry.kind).toBe("projector");
  });

  it("names what exists when asked for what does not", () => {
    const attempt = (): unknown => registry.get("toString");
    expect(attempt).toThrow(expect.objectContaining({ code: "UNKNOWN_NAME" }));
    expect(attempt).toThrow('unknown projector "toString"; known: joseph, siddon');
  });

  it("refuses two entries of one name", () => {
    expect(() =>
      createRegistry("loss", [
        ["l1", 1],
        ["l1", 2],
      ]),
    ).toThrow(expect.objectContaining({ code: "DUPLICATE_NAME" }));
  });
});

describe("AlaraError", () => {
  it("carries its code, the name of its class and its cause", () => {
    const cause = new Error("below");
    class ExampleError extends AlaraError<"BROKEN"> {}
    const error = new ExampleError("BROKEN", "it broke", { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(AlaraError);
    expect([error.code, error.name, error.message, error.cause]).toEqual([
      "BROKEN",
      "ExampleError",
      "it broke",
      cause,
    ]);
    expect(new CoreError("OUT_OF_RANGE", "x").name).toBe("CoreError");
  });
});

describe("vectors", () => {
  it("cross in right-handed order, at right angles to both", () => {
    expect(crossVectors([1, 0, 0], [0, 1, 0])).toEqual([0, 0, 1]);
    const [a, b] = [
      [1, 2, 3],
      [-2, 0.5, 4],
    ] as const;
    expect(crossVectors(a, b)).toEqual([6.5, -10, 4.5]);
    expect([dotVectors(a, crossVectors(a, b)), dotVectors(b, crossVectors(a, b))]).toEqual([0, 0]);
    expect(dotVectors(a, b)).toBe(11);
  });
});
