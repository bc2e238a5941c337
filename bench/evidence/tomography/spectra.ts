/**
 * Spectra and HU against tables that other programs' spectra and NIST's attenuation give. Sources: CT rows from CatSim's
 * (XCIST) tungsten 7° tables with 3 mm Al; 120 kV of 12° and micro-CT from MIRT's tables; megavolt rows from CTSim's
 * spectra; ranges of plastics from the Catphan manual. µ and p of water for an energy-integrating detector.
 */
import {
  computeEffectiveEnergyKev,
  computeEffectiveMuPerMm,
  computeHu,
  computeHvlMm,
  computeMeanEnergyKev,
  computeMuPerMm,
  computePolyLineIntegral,
  createTubeSpectrum,
  materials,
  type Spectrum,
  spectra,
} from "@alara/physics";
import { type Check, checkAtMost, deviate, type EvidencePart, findLargest } from "./tables.ts";

const water = materials.get("water");

/** Measures of a spectrum that tables name. */
const measures = {
  "mean keV": (spectrum: Spectrum) => computeMeanEnergyKev(spectrum),
  "energy-weighted mean keV": (spectrum: Spectrum) => computeMeanEnergyKev(spectrum, { weighting: "energy" }),
  "HVL mm Al": (spectrum: Spectrum) => computeHvlMm(spectrum),
  "µ water /cm": (spectrum: Spectrum) => 10 * computeEffectiveMuPerMm(water, spectrum),
  "p(20 cm)": (spectrum: Spectrum) => computePolyLineIntegral(spectrum, water, 200),
  "p(30 cm)": (spectrum: Spectrum) => computePolyLineIntegral(spectrum, water, 300),
  "E_eff keV": (spectrum: Spectrum) => computeEffectiveEnergyKev(spectrum),
} satisfies Record<string, (spectrum: Spectrum) => number>;
type Measure = keyof typeof measures;

/** A beam and what its table says. */
interface Row {
  readonly name: string;
  readonly make: () => Spectrum;
  readonly table: Readonly<Partial<Record<Measure, number>>>;
}

function describeCt(kilovolts: number, values: readonly number[]): Row {
  const [mean, hvl, mu, p20, p30, effective] = values;
  return {
    name: `${kilovolts} kV, 7°, 3 mm Al`,
    make: () => spectra.get(`ct-${kilovolts}`).create(),
    table: {
      "mean keV": mean,
      "HVL mm Al": hvl,
      "µ water /cm": mu,
      "p(20 cm)": p20,
      "p(30 cm)": p30,
      "E_eff keV": effective,
    },
  };
}

/** What the tube model is calibrated to. */
const calibration: readonly Row[] = [
  describeCt(80, [49.4, 5.15, 0.2363, 4.464, 6.59, 51.6]),
  describeCt(100, [56, 6.38, 0.2189, 4.173, 6.169, 58.5]),
  describeCt(120, [62, 7.52, 0.2074, 3.97, 5.87, 65.8]),
  describeCt(140, [67.7, 8.62, 0.1987, 3.814, 5.639, 72.8]),
];

/** Largest relative residuals of the calibration, as the tests hold them. */
const limits: Readonly<Partial<Record<Measure, number>>> = {
  "mean keV": 0.002,
  "HVL mm Al": 0.012,
  "µ water /cm": 0.002,
  "p(20 cm)": 0.0015,
  "p(30 cm)": 0.0015,
  "E_eff keV": 0.003,
};

const describeSoft = (filterMm: number, mean: number, hvl: number): Row => ({
  name: `120 kV, 12°, ${filterMm} mm Al`,
  make: () =>
    createTubeSpectrum(120, {
      anodeAngleRad: (12 * Math.PI) / 180,
      inherentAluminiumMm: 0,
      filters: [{ material: materials.get("aluminium"), thicknessMm: filterMm }],
    }),
  table: { "mean keV": mean, "HVL mm Al": hvl },
});
const describeMegavolt = (
  name: string,
  preset: string,
  mean: number,
  energyMean: number,
  p20: number,
  mu?: number,
): Row => ({
  name,
  make: () => spectra.get(preset).create(),
  table: {
    "mean keV": mean,
    "energy-weighted mean keV": energyMean,
    ...(mu === undefined ? {} : { "µ water /cm": mu }),
    "p(20 cm)": p20,
  },
});

/** Tubes that were not calibrated to: no target, residuals as they are. */
const elsewhere: readonly Row[] = [
  describeSoft(2.5, 51.5, 3.37),
  describeSoft(6, 57.7, 5.71),
  {
    name: "60 kV, 12°, 0.5 mm Al",
    make: () => spectra.get("micro-ct-60").create(),
    table: { "mean keV": 28.4, "HVL mm Al": 0.64, "µ water /cm": 0.5269 },
  },
];
const megavolt: readonly Row[] = [
  describeMegavolt("2.5 MeV", "mv-2.5", 420, 785, 1.673, 0.0925),
  describeMegavolt("6 MeV, no flattening filter", "mv-6-unfiltered", 963, 2076, 1.093),
  describeMegavolt("6 MeV", "mv-6", 1667, 2597, 0.939),
];

/** Material, table's HU at 60, 70 and 80 keV, and the manual's range. */
const plastics: readonly (readonly [string, number, number, number, number, number])[] = [
  ["catphan-pmp", -205.8, -189.9, -176, -220, -172],
  ["catphan-ldpe", -119.7, -102.1, -86.6, -121, -87],
  ["catphan-polystyrene", -64.4, -47.4, -32.5, -65, -29],
  ["catphan-acrylic", 102.7, 114.8, 125.3, 92, 137],
  ["catphan-delrin", 335.7, 343.4, 350.1, 344, 387],
  ["catphan-teflon", 972.7, 944.2, 919.9, 941, 1060],
];

const formatMeasure = (measure: Measure, value: number): string =>
  measure.startsWith("µ")
    ? value.toFixed(4)
    : measure.startsWith("p")
      ? value.toFixed(3)
      : value < 100
        ? value.toFixed(2)
        : value.toFixed(0);

/** Value, table's value and residual in percent, one line per beam and measure named. */
function compareRows(rows: readonly Row[], columns: readonly Measure[]): string[][] {
  return rows.map(({ name, make, table }) => {
    const spectrum = make();
    return [
      name,
      ...columns.map((measure) => {
        const wanted = table[measure];
        if (wanted === undefined) return "–";
        const value = measures[measure](spectrum);
        const percent = (100 * (value / wanted - 1)).toFixed(2);
        return `${formatMeasure(measure, value)} (${wanted}, ${percent.startsWith("-") ? "" : "+"}${percent} %)`;
      }),
    ];
  });
}

function findWorst(rows: readonly Row[], measure: Measure): number {
  return findLargest(
    rows
      .filter(({ table }) => table[measure] !== undefined)
      .map(({ make, table }) => deviate(measures[measure](make()), table[measure] as number)),
  );
}

const ctMeasures: readonly Measure[] = [
  "mean keV",
  "HVL mm Al",
  "µ water /cm",
  "p(20 cm)",
  "p(30 cm)",
  "E_eff keV",
];

/** Runs the part. */
export function studySpectra(): EvidencePart {
  const checks: Check[] = [];
  for (const measure of ctMeasures) {
    const limit = limits[measure] as number;
    checks.push(checkAtMost(`CT tubes, ${measure}: worst residual`, findWorst(calibration, measure), limit));
  }
  for (const [measure, limit] of [
    ["mean keV", 0.01],
    ["energy-weighted mean keV", 0.01],
    ["p(20 cm)", 0.002],
  ] as const) {
    checks.push(checkAtMost(`megavolt, ${measure}: worst residual`, findWorst(megavolt, measure), limit));
  }
  return {
    tables: [
      {
        title: "CT tubes: ours (table, residual)",
        columns: ["beam", ...ctMeasures],
        rows: compareRows(calibration, ctMeasures),
      },
      {
        title: "Tubes away from the calibration, no target: ours (table, residual)",
        columns: ["beam", "mean keV", "HVL mm Al", "µ water /cm"],
        rows: compareRows(elsewhere, ["mean keV", "HVL mm Al", "µ water /cm"]),
      },
      {
        title: "Accelerators: ours (table, residual)",
        columns: ["beam", "mean keV", "energy-weighted mean keV", "µ water /cm", "p(20 cm)"],
        rows: compareRows(megavolt, ["mean keV", "energy-weighted mean keV", "µ water /cm", "p(20 cm)"]),
      },
    ],
    checks,
  };
}

/** µ at 70 keV, between the table's rows, by the cubic of log µ in log E through those at 50, 60, 80 and 100 keV. */
function interpolateSmoothly(name: string): number {
  const energies = [50, 60, 80, 100];
  const at = Math.log(70);
  let sum = 0;
  for (const energy of energies) {
    let weight = 1;
    for (const other of energies) {
      if (other !== energy) weight *= (at - Math.log(other)) / (Math.log(energy) - Math.log(other));
    }
    sum += weight * Math.log(computeMuPerMm(materials.get(name), energy));
  }
  return Math.exp(sum);
}

/** What straight lines between rows make of 70 keV. */
function compareInterpolation(name: string): string[] {
  const straight = computeMuPerMm(materials.get(name), 70);
  const smooth = interpolateSmoothly(name);
  const hu = 1000 * (smooth / interpolateSmoothly("water") - 1);
  return [
    name,
    `${(100 * (straight / smooth - 1)).toFixed(2)} %`,
    computeHu(materials.get(name), 70).toFixed(1),
    hu.toFixed(1),
  ];
}

/** HU of the Catphan plastics. */
export function studyHu(): EvidencePart {
  const differences: number[] = [];
  const outside: number[] = [];
  const rows = plastics.map(([name, at60, at70, at80, low, high]) => {
    const material = materials.get(name);
    const found = [60, 70, 80].map((energy) => computeHu(material, energy));
    differences.push(...found.map((hu, i) => hu - [at60, at70, at80][i]));
    const beyond = Math.max(0, low - found[1], found[1] - high);
    // Delrin's table value too lies below its range (0.6 HU): its density varies more than that.
    if (name !== "catphan-delrin") outside.push(beyond);
    return [
      name,
      ...found.map((hu, i) => `${hu.toFixed(1)} (${[at60, at70, at80][i].toFixed(1)})`),
      `${low} … ${high}`,
      beyond === 0 ? "inside" : `${beyond.toFixed(1)} outside`,
    ];
  });
  return {
    tables: [
      {
        title: "HU of the Catphan plastics: ours (table)",
        columns: ["material", "60 keV", "70 keV", "80 keV", "manual's range", "at 70 keV"],
        rows,
      },
      {
        title:
          "70 keV lies between rows of the table: straight log–log lines, as used, against a cubic through 50, 60, 80 and 100 keV",
        columns: ["material", "µ, straight over cubic", "HU, straight", "HU, cubic"],
        rows: ["water", "adipose", "catphan-teflon", "cortical-bone"].map(compareInterpolation),
      },
    ],
    checks: [
      checkAtMost("HU of the plastics at 60, 70 and 80 keV: worst difference", findLargest(differences), 1),
      checkAtMost("HU at 70 keV outside the manual's range, all but Delrin", findLargest(outside), 0),
    ],
  };
}
