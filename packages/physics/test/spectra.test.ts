/**
 * Spectra: the tube and accelerator models against the calibration table (tomography.md §3.5), filters, half-value
 * layers, rebinning, text files and their faults.
 */
import { describe, expect, it } from "vitest";
import {
  CT_INHERENT_ALUMINIUM_MM,
  checkSpectrum,
  computeAirEnergyAbsorption,
  computeEffectiveEnergyKev,
  computeEffectiveMuPerMm,
  computeHvlMm,
  computeMassAttenuation,
  computeMeanEnergyKev,
  computeMuPerMm,
  computePolyLineIntegral,
  computeSpectralHu,
  createLinacSpectrum,
  createPureMaterial,
  createTubeSpectrum,
  filterSpectrum,
  formatSpectrumCsv,
  materials,
  parseSpectrumCsv,
  rebinSpectrum,
  type Spectrum,
  spectra,
} from "../src/index.ts";

const water = materials.get("water");
const aluminium = materials.get("aluminium");
const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
const deviate = (value: number, wanted: number): number => Math.abs(value / wanted - 1);

describe("the tube model", () => {
  it.each([
    [80, 49.4, 5.15, 0.2363, 4.464, 6.59, 51.6],
    [100, 56, 6.38, 0.2189, 4.173, 6.169, 58.5],
    [120, 62, 7.52, 0.2074, 3.97, 5.87, 65.8],
    [140, 67.7, 8.62, 0.1987, 3.814, 5.639, 72.8],
  ])("meets the table at %d kV, 7°, 3 mm Al", (kilovolts, mean, hvl, mu, p20, p30, effective) => {
    const spectrum = spectra.get(`ct-${kilovolts}`).create();
    expect(deviate(computeMeanEnergyKev(spectrum), mean)).toBeLessThan(0.002);
    expect(deviate(computeHvlMm(spectrum), hvl)).toBeLessThan(0.012);
    expect(deviate(10 * computeEffectiveMuPerMm(water, spectrum), mu)).toBeLessThan(0.002);
    expect(deviate(computePolyLineIntegral(spectrum, water, 200), p20)).toBeLessThan(0.0015);
    expect(deviate(computePolyLineIntegral(spectrum, water, 300), p30)).toBeLessThan(0.0015);
    expect(deviate(computeEffectiveEnergyKev(spectrum), effective)).toBeLessThan(0.003);
  });

  it("stays near other models away from the calibration: 12°, no inherent filtration", () => {
    const make = (kilovolts: number, filterMm: number): Spectrum =>
      createTubeSpectrum(kilovolts, {
        anodeAngleRad: (12 * Math.PI) / 180,
        inherentAluminiumMm: 0,
        filters: [{ material: aluminium, thicknessMm: filterMm }],
      });
    const soft = make(120, 2.5);
    expect(deviate(computeMeanEnergyKev(soft), 51.5)).toBeLessThan(0.02);
    // The other model's half-value layer of this soft beam is far lower; stated at the model.
    expect(deviate(computeHvlMm(soft), 3.37)).toBeLessThan(0.21);
    const hard = make(120, 6);
    expect(deviate(computeMeanEnergyKev(hard), 57.7)).toBeLessThan(0.02);
    expect(deviate(computeHvlMm(hard), 5.71)).toBeLessThan(0.03);
    const micro = spectra.get("micro-ct-60").create();
    expect(deviate(computeMeanEnergyKev(micro), 28.4)).toBeLessThan(0.02);
    expect(deviate(computeHvlMm(micro), 0.64)).toBeLessThan(0.1);
    expect(deviate(10 * computeEffectiveMuPerMm(water, micro), 0.5269)).toBeLessThan(0.02);
  });

  // CatSim's tungsten_tar7.0_*_filt tables, photons per mAs, mm² at 1 m and keV, between the lines.
  it.each([
    [80, 40.5, 20246],
    [80, 50.5, 17830],
    [120, 40.5, 28940],
    [120, 50.5, 33881],
    [120, 90.5, 9312],
    [120, 110.5, 2747],
  ])("puts out as much as CatSim's tube at %d kV and %f keV, to 4 %%", (kilovolts, energy, photons) => {
    const spectrum = createTubeSpectrum(kilovolts);
    expect(deviate(spectrum.photons[spectrum.energiesKev.indexOf(energy)], photons)).toBeLessThan(0.04);
  });

  it("has K lines above the edge only, ends at the tube voltage, and keeps photons for other bins", () => {
    const at = (spectrum: Spectrum, energy: number): number =>
      spectrum.photons[spectrum.energiesKev.indexOf(energy)];
    const below = createTubeSpectrum(69);
    expect(at(below, 59.5) / at(below, 61.5)).toBeLessThan(1.3);
    const above = createTubeSpectrum(120);
    expect(at(above, 59.5) / at(above, 61.5)).toBeGreaterThan(2);
    expect(above.energiesKev.at(-1)).toBe(119.5);
    const fine = createTubeSpectrum(120, { binWidthKev: 0.5 });
    const coarse = createTubeSpectrum(120, { binWidthKev: 2 });
    expect(deviate(sum(fine.photons), sum(above.photons))).toBeLessThan(0.003);
    expect(deviate(sum(coarse.photons), sum(above.photons))).toBeLessThan(0.005);
    expect(deviate(computeMeanEnergyKev(coarse), computeMeanEnergyKev(above))).toBeLessThan(0.003);
    expect(above.name).toBe("W 120 kV");
    expect(CT_INHERENT_ALUMINIUM_MM).toBeGreaterThan(5);
  });

  it("is weaker and harder on the anode side, and stronger with the voltage", () => {
    const middle = createTubeSpectrum(100);
    const anode = createTubeSpectrum(100, { heelAngleRad: -0.05 });
    const cathode = createTubeSpectrum(100, { heelAngleRad: 0.05 });
    expect(sum(anode.photons)).toBeLessThan(sum(middle.photons));
    expect(sum(cathode.photons)).toBeGreaterThan(sum(middle.photons));
    expect(computeMeanEnergyKev(anode)).toBeGreaterThan(computeMeanEnergyKev(cathode));
    expect(sum(createTubeSpectrum(140).photons) / sum(middle.photons)).toBeGreaterThan(1.5);
  });

  it("refuses settings outside the model", () => {
    const bad: readonly (() => unknown)[] = [
      () => createTubeSpectrum(39),
      () => createTubeSpectrum(151),
      () => createTubeSpectrum(Number.NaN),
      () => createTubeSpectrum(100, { heelAngleRad: -0.2 }),
      () => createTubeSpectrum(100, { binWidthKev: 0 }),
      () => createTubeSpectrum(100, { inherentAluminiumMm: -1 }),
      () => createTubeSpectrum(100, { filters: [{ material: aluminium, thicknessMm: Number.NaN }] }),
      () => createLinacSpectrum(1000),
    ];
    for (const make of bad) expect(make).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });
});

describe("HU for a spectrum", () => {
  // tomography.md §3.4: 120 kVp thin, and behind 20 cm of water.
  it.each([
    ["catphan-pmp", -218, -193],
    ["catphan-ldpe", -133, -106],
    ["catphan-polystyrene", -77, -51],
    ["catphan-acrylic", 94, 112],
    ["catphan-delrin", 330, 342],
    ["catphan-teflon", 993, 950],
    ["adipose", -98, -81],
  ])("of %s at 120 kV are those of the table", (name, thin, behind) => {
    const spectrum = spectra.get("ct-120").create();
    const material = materials.get(name);
    expect(Math.abs(computeSpectralHu(material, spectrum) - thin)).toBeLessThan(1.1);
    expect(Math.abs(computeSpectralHu(material, spectrum, { waterPathMm: 200 }) - behind)).toBeLessThan(1.1);
  });

  it("of bone at 120 kV are those of the table to 0.5 %, and water is 0", () => {
    const spectrum = spectra.get("ct-120").create();
    const bone = materials.get("cortical-bone");
    expect(deviate(computeSpectralHu(bone, spectrum), 2146)).toBeLessThan(0.005);
    expect(deviate(computeSpectralHu(bone, spectrum, { waterPathMm: 200 }), 1666)).toBeLessThan(0.005);
    expect(computeSpectralHu(water, spectrum)).toBe(0);
    expect(computeSpectralHu(bone, spectrum, { weighting: "photons" })).toBeGreaterThan(2146);
    expect(() => computeSpectralHu(bone, spectrum, { waterPathMm: -1 })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
    expect(() =>
      computeEffectiveMuPerMm(bone, { ...spectrum, photons: spectrum.photons.map(() => 0) }),
    ).toThrow(expect.objectContaining({ code: "BAD_SPECTRUM" }));
  });
});

describe("energy absorption of air", () => {
  // What a Compton electron takes, Klein & Nishina's formula on the electrons of dry air (Z/A 0.49919), cm²/g.
  const computeComptonTransfer = (energyKev: number): number => {
    const alpha = energyKev / 510.99895;
    const steps = 4000;
    let total = 0;
    for (let i = 0; i < steps; i++) {
      const cosine = -1 + (2 * (i + 0.5)) / steps;
      const ratio = 1 / (1 + alpha * (1 - cosine));
      total += (ratio * ratio * (ratio + 1 / ratio - 1 + cosine * cosine) * (1 - ratio) * 2) / steps;
    }
    return Math.PI * 2.8179403e-13 ** 2 * total * 6.02214076e23 * 0.49919;
  };

  it("is what Compton electrons take where nothing else does", () => {
    for (const energy of [300, 400, 500, 600, 800, 1000, 1250, 1500]) {
      expect(deviate(computeAirEnergyAbsorption(energy), computeComptonTransfer(energy))).toBeLessThan(0.003);
    }
  });

  it("is below that and the photoelectric effect's smooth power law, E^−3.0 to E^−3.4", () => {
    const energies = [4, 5, 6, 8, 10, 15, 20, 30, 40, 50, 60, 80, 100];
    const rest = energies.map(
      (energy) => computeAirEnergyAbsorption(energy) - computeComptonTransfer(energy),
    );
    const slopes = energies
      .slice(1)
      .map((energy, i) => Math.log(rest[i + 1] / rest[i]) / Math.log(energy / energies[i]));
    expect(slopes[0]).toBeLessThan(-2.95);
    expect(slopes[slopes.length - 1]).toBeGreaterThan(-3.35);
    // Steeper from row to row, by little: no row is off by 1 %.
    slopes.slice(1).forEach((slope, i) => {
      expect(slope - slopes[i]).toBeLessThan(0.01);
      expect(slope - slopes[i]).toBeGreaterThan(-0.06);
    });
  });

  it("is less than all attenuation, and jumps at the argon edge", () => {
    const air = createPureMaterial("air", "air_dry");
    for (const energy of [
      1, 1.5, 2, 3, 3.5, 10, 60, 150, 2000, 3000, 4000, 5000, 6000, 8000, 10000, 15000, 20000,
    ]) {
      const share = computeAirEnergyAbsorption(energy) / computeMassAttenuation(air, energy);
      expect(share).toBeGreaterThan(energy < 10 ? 0.95 : 0.14);
      expect(share).toBeLessThan(energy < 10 ? 1 : 0.95);
    }
    expect(computeAirEnergyAbsorption(3.2029) / computeAirEnergyAbsorption(3.20289)).toBeCloseTo(
      146 / 133,
      4,
    );
  });
});

describe("bins of next to no photons", () => {
  it("may lie below the tables of hydroxyapatite: HU, line integrals and half-value layers are those of the rest", () => {
    const soft = spectra.get("micro-ct-60").create();
    expect(soft.energiesKev[0]).toBeLessThan(5);
    expect(soft.photons[0]).toBeGreaterThan(0);
    const rest: Spectrum = {
      ...soft,
      energiesKev: soft.energiesKev.slice(2),
      photons: soft.photons.slice(2),
    };
    for (const name of ["hydroxyapatite", "hydroxyapatite-resin-400"]) {
      const material = materials.get(name);
      expect(() => computeMuPerMm(material, soft.energiesKev[0])).toThrow(/5\.\.20000 keV/);
      expect(computeSpectralHu(material, soft)).toBe(computeSpectralHu(material, rest));
      expect(computePolyLineIntegral(soft, material, 5)).toBe(computePolyLineIntegral(rest, material, 5));
      expect(computeHvlMm(soft, { material })).toBe(computeHvlMm(rest, { material }));
    }
    // Bins that count are not left out.
    const open = createTubeSpectrum(60, { inherentAluminiumMm: 0 });
    expect(() => computeSpectralHu(materials.get("hydroxyapatite"), open)).toThrow(
      expect.objectContaining({ code: "ENERGY_OUT_OF_TABLE" }),
    );
  });
});

describe("the accelerator model", () => {
  it.each([
    ["mv-2.5", 420, 785, 0.0925, 1.673],
    ["mv-6-unfiltered", 963, 2076, undefined, 1.093],
    ["mv-6", 1667, 2597, undefined, 0.939],
  ])("meets the table for %s", (name, mean, energyMean, mu, p20) => {
    const spectrum = spectra.get(name).create();
    expect(deviate(computeMeanEnergyKev(spectrum), mean)).toBeLessThan(0.01);
    expect(deviate(computeMeanEnergyKev(spectrum, { weighting: "energy" }), energyMean)).toBeLessThan(0.01);
    expect(deviate(computePolyLineIntegral(spectrum, water, 200), p20)).toBeLessThan(0.002);
    if (mu !== undefined) {
      expect(deviate(10 * computeEffectiveMuPerMm(water, spectrum), mu)).toBeLessThan(0.002);
    }
  });

  it("lies between its fits for the 3.5 MV imaging beam", () => {
    const mean = (name: string): number => computeMeanEnergyKev(spectra.get(name).create());
    expect(mean("mv-3.5")).toBeGreaterThan(mean("mv-2.5"));
    expect(mean("mv-3.5")).toBeLessThan(mean("mv-6-unfiltered"));
  });
});

describe("spectra", () => {
  it.each([...spectra.entries()])("%s is sound and bears its name", (name, preset) => {
    const spectrum = preset.create();
    expect(() => checkSpectrum(spectrum)).not.toThrow();
    expect(spectrum.name).toBe(name);
    expect(preset.create()).toEqual(spectrum);
  });
});

describe("measures of spectra", () => {
  const line: Spectrum = { name: "line", energiesKev: Float64Array.of(60), photons: Float64Array.of(5) };

  it("are exact for one energy", () => {
    expect(computeMeanEnergyKev(line)).toBe(60);
    expect(computeHvlMm(line)).toBeCloseTo(Math.LN2 / computeMuPerMm(aluminium, 60), 9);
    expect(computeHvlMm(line, { fraction: 0.25 })).toBeCloseTo(
      (2 * Math.LN2) / computeMuPerMm(aluminium, 60),
      9,
    );
    expect(computeHvlMm(line, { material: materials.get("copper") })).toBeCloseTo(
      Math.LN2 / computeMuPerMm(materials.get("copper"), 60),
      9,
    );
    expect(computePolyLineIntegral(line, water, 150)).toBeCloseTo(150 * computeMuPerMm(water, 60), 10);
    expect(computeEffectiveEnergyKev(line)).toBeCloseTo(60, 6);
    expect(computeAirEnergyAbsorption(60)).toBeCloseTo(0.03041, 12);
    expect(computeAirEnergyAbsorption(20000)).toBeCloseTo(0.01311, 12);
  });

  it("do not lose thick layers to underflow", () => {
    const spectrum = spectra.get("ct-120").create();
    const thick = computePolyLineIntegral(spectrum, materials.get("lead"), 1000);
    expect(thick).toBeGreaterThan(700);
    expect(Number.isFinite(thick)).toBe(true);
  });

  it("filters one after the other are filters at once, and harden", () => {
    const spectrum = spectra.get("ct-100").create();
    const tin = { material: materials.get("tin"), thicknessMm: 0.3 };
    const copper = { material: materials.get("copper"), thicknessMm: 0.2 };
    const once = filterSpectrum(spectrum, [tin, copper]);
    const twice = filterSpectrum(filterSpectrum(spectrum, [copper]), [tin]);
    once.photons.forEach((count, i) => {
      expect(Math.abs(count - twice.photons[i])).toBeLessThanOrEqual(1e-12 * count);
    });
    expect(computeMeanEnergyKev(once)).toBeGreaterThan(computeMeanEnergyKev(spectrum) + 5);
  });

  it("rebinning keeps photons and mean energy exactly, and attenuation to 0.2 % with 20 bins", () => {
    const spectrum = spectra.get("ct-120").create();
    const rebinned = rebinSpectrum(spectrum, 20);
    expect(rebinned.photons.length).toBeLessThanOrEqual(20);
    expect(deviate(sum(rebinned.photons), sum(spectrum.photons))).toBeLessThan(1e-12);
    expect(deviate(computeMeanEnergyKev(rebinned), computeMeanEnergyKev(spectrum))).toBeLessThan(1e-12);
    expect(
      deviate(computePolyLineIntegral(rebinned, water, 300), computePolyLineIntegral(spectrum, water, 300)),
    ).toBeLessThan(0.002);
    expect(rebinSpectrum(line, 4).energiesKev).toEqual(Float64Array.of(60));
    expect(() => rebinSpectrum(spectrum, 0)).toThrow(expect.objectContaining({ code: "OUT_OF_RANGE" }));
  });

  it("refuse spectra that are none", () => {
    const bad: readonly Spectrum[] = [
      { ...line, photons: Float64Array.of(1, 2) },
      { ...line, photons: Float64Array.of(Number.NaN) },
      { ...line, photons: Float64Array.of(-1) },
      { ...line, photons: Float64Array.of(0) },
      { ...line, energiesKev: Float64Array.of(0) },
      { name: "none", energiesKev: new Float64Array(0), photons: new Float64Array(0) },
      { name: "sorted", energiesKev: Float64Array.of(2, 1), photons: Float64Array.of(1, 1) },
    ];
    for (const spectrum of bad) {
      expect(() => computeMeanEnergyKev(spectrum)).toThrow(expect.objectContaining({ code: "BAD_SPECTRUM" }));
    }
    expect(() => computeHvlMm(line, { fraction: 1 })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
    expect(() => computePolyLineIntegral(line, water, Number.NaN)).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
    expect(() => computeAirEnergyAbsorption(0.5)).toThrow(
      expect.objectContaining({ code: "ENERGY_OUT_OF_TABLE" }),
    );
  });
});

describe("spectra as text", () => {
  it("come back bit for bit", () => {
    const spectrum = spectra.get("ct-80").create();
    const read = parseSpectrumCsv(formatSpectrumCsv(spectrum), { name: spectrum.name });
    expect(read).toEqual(spectrum);
    const relative = spectra.get("mv-2.5").create();
    const { name, scale } = relative;
    expect(scale).toBe("relative");
    expect(parseSpectrumCsv(formatSpectrumCsv(relative), { name, scale })).toEqual(relative);
  });

  it("may have headers, comments, other separators and changing steps", () => {
    const wanted = {
      energiesKev: Float64Array.of(10, 11, 12, 14, 16),
      photons: Float64Array.of(1, 2, 3, 4, 0),
    };
    for (const text of [
      "10,1\n11,2\n12,3\n14,4\n16,0",
      "\uFEFFkeV;photons\r\n10;1\r\n11;2\r\n12;3\r\n14;4\r\n16;0\r\n",
      "# a tube\n\n10\t1 # first\n11\t2.0\n 12 \t 3e0\n14 4\n16 .0\n",
      "energy photons\n10  1\n11  2\n12  3\n14  4\n16  0\n",
    ]) {
      expect(parseSpectrumCsv(text)).toEqual({ name: "spectrum", ...wanted });
    }
  });

  it.each([
    ["", /line 1: 0 rows/],
    ["keV,photons\n", /0 rows/],
    ["10,1\n", /line 1: 1 rows/],
    ["10,1\n11,2\n13,3\n14,4\n", /line 3: rows are missing between 11 and 13 keV/],
    ["10,1\n13,2\n14,3\n", /line 2: rows are missing between 10 and 13/],
    ["10,1\n11,-2\n12,1\n", /line 2: -2 photons/],
    ["10,1\n11,NaN\n12,1\n", /line 2: "NaN" is no finite number/],
    ["NaN,1\n11,2\n12,1\n", /line 1: "NaN" is no finite number/],
    ["10,1\n11,Infinity\n", /line 2: "Infinity"/],
    ["10,1\n11,1e999\n", /line 2: 1e999 photons/],
    ["10,1\n11,\n12,1\n", /line 2: "" is no finite number/],
    ["10,1\n11\n12,1\n", /line 2: "11" has 1 columns/],
    ["10,1,5\n11,2,5\n", /line 1: .* has 3 columns/],
    ["10,1\n12,1\n11,1\n", /line 3: 11 keV comes after 12 keV/],
    ["10,1\n11,1\n11,2\n12,3\n", /line 3: 11 keV stands twice/],
    ["0.5,1\n1,1\n", /line 1: 0\.5 keV lies outside/],
    ["15000,1\n25000,1\n", /line 2: 25000 keV lies outside/],
    ["10,0\n11,0\n", /all photon numbers are 0/],
    ["keV,photons\nkeV,photons\n10,1\n", /line 2: "keV" is no finite number/],
    ["10,1\n11,0x10\n", /line 2: "0x10"/],
  ])("are refused when %j", (text, message) => {
    expect(() => parseSpectrumCsv(text)).toThrow(message);
    expect(() => parseSpectrumCsv(text)).toThrow(expect.objectContaining({ code: "BAD_SPECTRUM" }));
  });
});
