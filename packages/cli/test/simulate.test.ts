/** `alara simulate phantom` and `alara simulate scan` as a user runs them: files, their places, and wrong use. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Volume } from "@alara/core";
import { decodeVolume, type StoredSinogram } from "@alara/dicom";
import { openSinogram, openVolumeFile, scanSeriesFiles } from "@alara/dicom/node";
import { createTemporaryFolder, type TemporaryFolder } from "@alara/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeVolume, readTree, runAlara, writeSeries } from "./alara.ts";

let folder: TemporaryFolder;
beforeAll(() => {
  folder = createTemporaryFolder("cli-simulate");
});
afterAll(() => folder.dispose());

async function readFolder(path: string): Promise<Volume<"HU">> {
  return decodeVolume((await scanSeriesFiles([path])).series[0]) as Promise<Volume<"HU">>;
}

/** Runs a command that must succeed and print one JSON document. */
async function runJson(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runAlara(...args, "--json");
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

const SMALL = ["--channel-binning", "8", "--views", "60"];

async function scan(name: string, ...args: string[]): Promise<StoredSinogram> {
  await runJson("simulate", "scan", ...args, ...SMALL, "-o", folder.resolve(name));
  return openSinogram(folder.resolve(name, "scan.sino.npz"));
}

describe("alara simulate phantom", () => {
  it("lists every phantom and scanner once", async () => {
    for (const [args, some] of [
      [
        ["phantom", "--list"],
        ["thorax", "catphan", "shepp-logan"],
      ],
      [
        ["scan", "--list-scanners"],
        ["ge-lightspeed", "truebeam-cbct-half-fan"],
      ],
    ] as const) {
      const list = (await runJson("simulate", ...args)) as unknown as { name: string; summary: string }[];
      const names = list.map((entry) => entry.name);
      expect(new Set(names).size).toBe(names.length);
      expect(names).toEqual(expect.arrayContaining([...some]));
      for (const { summary } of list) expect(summary).toMatch(/\w/);
    }
  });

  it("puts voxels where --centre, --fov and --slices say, the same in DICOM and in NIfTI", async () => {
    const place = [
      "--size",
      "60",
      "--fov",
      "300",
      "--slices",
      "3",
      "--slice-spacing",
      "2",
      "--centre",
      "60,-30,5",
    ];
    const dicom = folder.resolve("water");
    const nifti = folder.resolve("water.nii.gz");
    expect(await runJson("simulate", "phantom", "water", "-o", dicom, ...place)).toMatchObject({
      size: [3, 60, 60],
      spacingMm: [2, 5, 5],
      files: 3,
    });
    await runJson("simulate", "phantom", "water", "-o", nifti, ...place);
    const volume = await readFolder(dicom);
    // The first voxel's centre: the middle of the images less 29.5 pixels and 1 slice.
    expect(volume.geometry.originMm).toEqual([60 - 147.5, -30 - 147.5, 3]);
    const { volume: stored } = await openVolumeFile(nifti);
    for (const [axis, mm] of volume.geometry.originMm.entries()) {
      expect(stored.geometry.originMm[axis]).toBeCloseTo(mm, 4);
    }
    // The axis lies 60 mm to the left of the middle and 30 mm below it.
    const at = (image: Volume, x: number, y: number): number =>
      image.data[3600 + Math.round((y + 30 + 147.5) / 5) * 60 + Math.round((x - 60 + 147.5) / 5)];
    for (const image of [volume, stored]) {
      expect(at(image, -80, 0)).toBeCloseTo(0, 0);
      expect(at(image, 80, 30)).toBeCloseTo(0, 0);
      expect(at(image, 120, 0)).toBeCloseTo(-1000, 0);
      expect(at(image, 0, -130)).toBeCloseTo(-1000, 0);
    }
  });
});

describe("alara simulate scan", () => {
  it("gives the same bytes for the same seed, other noise for another, and says all in scan.json", async () => {
    const args = ["water", "--kv", "100", "--filter", "copper:0.1", "--mas", "20", "--bowtie", "200"];
    const first = await scan("a", ...args);
    await scan("b", ...args);
    const other = await scan("c", ...args, "--realisation", "1");
    expect(readTree(folder.resolve("b"))).toEqual(readTree(folder.resolve("a")));
    expect(other.sinogram.data).not.toEqual(first.sinogram.data);
    expect(first.facts).toMatchObject({ tubeVoltageKv: 100, sliceSpacingMm: 1 });
    const said = JSON.parse(readFileSync(folder.resolve("a", "scan.json"), "utf8"));
    expect(said).toMatchObject({
      object: "water",
      scanner: "ge-lightspeed",
      geometry: "fan-arc",
      mAs: 20,
      seed: 1,
    });
    expect(said.muWaterPerMm).toBe(first.facts.muWaterPerMm);
    // 200 mm of water through the axis, corrected to one energy.
    const { sinogram, facts } = first;
    const middle = sinogram.data[Math.floor(sinogram.geometry.channels / 2)];
    expect(middle / (facts.muWaterPerMm as number)).toBeGreaterThan(196);
    expect(middle / (facts.muWaterPerMm as number)).toBeLessThan(204);
  });

  it("writes what was measured and the air beside it, from which the line integrals follow", async () => {
    const args = ["water-in-acrylic", "--mas", "20"];
    const counts = await scan("counts", ...args, "--counts");
    const { sinogram: air } = await openSinogram(folder.resolve("counts", "air.sino.npz"));
    const lines = await scan("lines", ...args, "--no-water-correction");
    expect(counts.sinogram.unit).toBe("counts");
    for (let i = 0; i < air.data.length; i += 7) {
      const own = -Math.log(counts.sinogram.data[i] / air.data[i]);
      expect(own).toBeCloseTo(lines.sinogram.data[i], 4);
    }
    const refused = await runAlara(
      ...["reconstruct", folder.resolve("counts", "scan.sino.npz"), "-o", folder.resolve("none")],
    );
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("counts");
  });

  it("doubles the noise at a quarter of the dose", async () => {
    const spread = async (name: string, ...dose: string[]): Promise<number> => {
      const run = (realisation: string): Promise<StoredSinogram> =>
        scan(
          `${name}${realisation}`,
          "water",
          "--energy",
          "70",
          "--quanta",
          "1e5",
          ...dose,
          "--realisation",
          realisation,
        );
      const [a, b] = [await run("0"), await run("1")];
      let sum = 0;
      for (let i = 0; i < a.sinogram.data.length; i++) sum += (a.sinogram.data[i] - b.sinogram.data[i]) ** 2;
      return Math.sqrt(sum / a.sinogram.data.length);
    };
    // Two sets of 6660 samples: the ratio is good to 1.2 % (one standard deviation, noise dominated by the middle).
    expect((await spread("quarter", "--dose-fraction", "0.25")) / (await spread("full"))).toBeCloseTo(2, 0.8);
  });

  it("lowers the dose of projections afterwards to the noise of a scan at that dose", async () => {
    const args = ["water", "--energy", "70", "--quanta", "4e5"];
    const [clean, low] = [
      await scan("clean", ...args, "--no-noise"),
      await scan("low", ...args, "--dose-fraction", "0.1"),
    ];
    await scan("whole", ...args);
    const whole = folder.resolve("whole", "scan.sino.npz");
    const facts = await runJson(
      "simulate",
      "low-dose",
      whole,
      "-o",
      folder.resolve("thin"),
      "--dose-fraction",
      "0.1",
    );
    expect(facts).toMatchObject({ doseFraction: 0.1, incidentQuanta: 4e4, clampedSamples: 0 });
    const thin = await openSinogram(folder.resolve("thin", "scan.sino.npz"));
    expect(thin.facts).toMatchObject({ incidentQuanta: 4e4, muWaterPerMm: clean.facts.muWaterPerMm });
    const spread = ({ sinogram }: StoredSinogram): number =>
      Math.sqrt(
        sinogram.data.reduce((sum, p, i) => sum + (p - clean.sinogram.data[i]) ** 2, 0) /
          sinogram.data.length,
      );
    // 6660 samples each, noise dominated by the middle: good to 2 % (one standard deviation).
    expect(spread(thin) / spread(low)).toBeGreaterThan(0.92);
    expect(spread(thin) / spread(low)).toBeLessThan(1.08);
    const refused = await runAlara("simulate", "low-dose", whole, "-o", folder.resolve("no"), "--unit", "HU");
    expect(refused).toMatchObject({ code: 2 });
  });

  it("takes spectra of a file, micro-CT, and cones", async () => {
    const csv = folder.resolve("own.csv");
    writeFileSync(csv, "keV,photons\n40,1\n60,3\n80,2\n100,1\n");
    const own = await scan("own", "water", "--spectrum", csv, "--quanta", "1e5");
    expect(own.facts.incidentQuanta).toBeGreaterThan(1e4);
    expect(own.facts.tubeVoltageKv).toBeUndefined();
    const micro = await scan(
      ...(["micro", "micro-ct", "--scanner", "micro-gantry-1.8", "--spectrum", "micro-ct-60"] as const),
      ...["--beam", "cone", "--rows", "32", "--row-binning", "16", "--aperture", "--focal-spot", "0.05"],
    );
    expect(micro.sinogram.geometry).toMatchObject({ kind: "cone-flat", rows: 2 });
    expect(Math.max(...micro.sinogram.data)).toBeGreaterThan(0.3);
  });

  it("scans images slice by slice as they lie", async () => {
    const images = folder.resolve("images");
    await writeSeries(images, makeVolume(3, 64));
    const { sinogram, facts } = await scan("scanned", images, "--energy", "70", "--quanta", "1e6");
    expect(sinogram.slices).toBe(3);
    expect(facts.sliceSpacingMm).toBe(3);
    const said = readFileSync(folder.resolve("scanned", "scan.json"), "utf8");
    // Paths may name a patient.
    expect(JSON.parse(said).object).toBe("images (folder)");
    expect(said).not.toContain("TEST");
  });
});

describe("wrong use", () => {
  const hole = "keV,photons\n20,1\n40,1\n60,1\n120,1\n140,1\n160,1\n";
  const CASES: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["phantom", "thorax"], 2, /-o/],
    [["phantom", "nonsense", "-o", "OUT"], 2, /nonsense.*--list/],
    [["phantom", "random-chest", "--energy", "60", "-o", "OUT"], 2, /plain values/],
    [["phantom", "thorax", "-o", "OUT.png"], 2, /OUT\.png/],
    [["phantom", "thorax", "--size", "8192", "--slices", "9000", "-o", "OUT"], 1, /TOO_LITTLE_MEMORY/],
    [["phantom", "thorax", "--size", "16", "-o", "none/OUT.nii"], 1, /OUTPUT_UNWRITABLE/],
    [["scan", "absent", "-o", "OUT"], 2, /neither a phantom/],
    [["scan", "water", "--scanner", "foo", "-o", "OUT"], 2, /known: ge-lightspeed/],
    [["scan", "water", "--energy", "70", "-o", "OUT"], 2, /--quanta/],
    [["scan", "water", "--spectrum", "mv-6", "-o", "OUT"], 2, /--quanta/],
    [["scan", "water", "--mas", "0", "-o", "OUT"], 2, /--mas/],
    [["scan", "water", "--mas", "9", "--quanta", "9", "-o", "OUT"], 2, /leave out one/],
    [["scan", "water", "--beam", "cone", "--slices", "2", "-o", "OUT"], 2, /--rows/],
    [["scan", "water", "--memory", "0.001", "-o", "OUT"], 1, /TOO_LITTLE_MEMORY/],
    [["scan", "water", "--spectrum", "hole.csv", "--quanta", "9", "-o", "OUT"], 1, /BAD_SPECTRUM.*120/],
  ];

  it("ends with a code, one JSON document and nothing half-written", async () => {
    writeFileSync(folder.resolve("hole.csv"), hole);
    const before = readdirSync(folder.path).sort();
    const place = (text: string): string =>
      /OUT|\.csv$/.test(text) ? folder.resolve(...text.split("/")) : text;
    for (let i = 0; i < CASES.length; i += 3) {
      const part = CASES.slice(i, i + 3);
      const runs = await Promise.all(
        part.map(([args]) => runAlara("simulate", ...args.map(place), "--json")),
      );
      for (const [k, { code, stdout, stderr }] of runs.entries()) {
        const [args, expected, message] = part[k];
        expect(code, `${args.join(" ")}: ${stderr}`).toBe(expected);
        expect(stderr).toMatch(message);
        expect(stderr).not.toContain("UNEXPECTED");
        expect(JSON.parse(stdout)).toMatchObject({ error: { message: expect.any(String) } });
      }
    }
    expect(readdirSync(folder.path).sort()).toEqual(before);
    expect(existsSync(folder.resolve("none"))).toBe(false);
  });
});
