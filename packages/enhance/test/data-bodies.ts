/** Small synthetic chests for the tests of training data. */
import { createCentredGrid, createRandom, createVolume, getSliceData, type Volume } from "@alara/core";
import { createRandomBodyPhantom, voxelizePhantom } from "@alara/physics";

/** Options of {@link createChest}. */
export interface ChestOptions {
  readonly seed: number;
  readonly size?: number;
  readonly slices?: number;
  readonly noise?: number;
  readonly noiseSeed?: number;
  /** Field of view, mm; default 420. */
  readonly fieldMm?: number;
  /** Nodule that wanders from slice to slice; default 300 HU. */
  readonly noduleHu?: number;
}

/** A body with lungs, a nodule that wanders from slice to slice, and white noise; whole HU. */
export function createChest(options: ChestOptions): Volume<"HU"> {
  const {
    seed,
    size = 128,
    slices = 1,
    noise = 15,
    noiseSeed = seed,
    fieldMm = 420,
    noduleHu = 300,
  } = options;
  const pixel = fieldMm / size;
  const body = voxelizePhantom(
    createRandomBodyPhantom(createRandom(seed), { region: "chest" }),
    createCentredGrid([1, size, size], [3, pixel, pixel]),
    { subsamples: 3 },
  ).data;
  const volume = createVolume("HU", createCentredGrid([slices, size, size], [3, pixel, pixel]));
  const random = createRandom(noiseSeed).derive("chest-noise");
  for (let s = 0; s < slices; s++) {
    const data = getSliceData(volume, s);
    for (let i = 0; i < data.length; i++) {
      const y = (Math.floor(i / size) - size / 2) / size;
      const x = ((i % size) - size / 2) / size;
      const along = 0.04 * (s - (slices - 1) / 2);
      const nodule = noduleHu * Math.exp(-(((y - along) / 0.06) ** 2) - (x / 0.06) ** 2);
      data[i] = Math.max(-1024, Math.round(body[i] + nodule + noise * random.nextNormal()));
    }
  }
  return volume;
}

/** The same volume with every sample changed. */
export function change(volume: Volume<"HU">, to: (hu: number, index: number) => number): Volume<"HU"> {
  return createVolume("HU", volume.geometry, volume.data.map(to));
}
