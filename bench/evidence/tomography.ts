/**
 * What tomography.md says about the accuracy of simulation and reconstruction, measured: interior bias of FBP and FDK,
 * what FDK loses off the plane of the source, ramp and redundancy weights, adjoints, exact sinograms, spectra, HU, beam
 * hardening, low-dose insertion, closed forms of noise and sharpness, and the optimum of the TV solvers. All of it is
 * computed with the packages' own functions; no data are needed. Random numbers have fixed seeds. About a minute on 2
 * cores; scikit-image is compared with where Python has it.
 *
 * `ALARA_PARTS=spectra,hu npm run evidence tomography` runs some parts alone; the target then counts as missed.
 */
import type { BenchResult } from "../result.ts";
import { studyAdjoints } from "./tomography/adjoints.ts";
import { studyFilterFacts } from "./tomography/filter-facts.ts";
import { studyHardening } from "./tomography/hardening.ts";
import { studyInteriorBias } from "./tomography/interior-bias.ts";
import { studyLowDose } from "./tomography/low-dose.ts";
import { studyNoiseForms } from "./tomography/noise-forms.ts";
import { studyOffPlane } from "./tomography/off-plane.ts";
import { studySharpnessForms } from "./tomography/sharpness-forms.ts";
import { studySheppLogan } from "./tomography/shepp-logan.ts";
import { studySolvers } from "./tomography/solvers.ts";
import { studyHu, studySpectra } from "./tomography/spectra.ts";
import { type EvidencePart, formatPart } from "./tomography/tables.ts";

const LIMIT = 1e-4;

const parts = {
  bias: studyInteriorBias,
  "off-plane": studyOffPlane,
  filter: studyFilterFacts,
  adjoints: studyAdjoints,
  "shepp-logan": studySheppLogan,
  spectra: studySpectra,
  hu: studyHu,
  hardening: studyHardening,
  "low-dose": studyLowDose,
  noise: studyNoiseForms,
  sharpness: studySharpnessForms,
  solvers: studySolvers,
} satisfies Record<string, () => EvidencePart | Promise<EvidencePart>>;
type PartName = keyof typeof parts;
const partNames = Object.keys(parts) as PartName[];

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** `ALARA_PARTS`, or all. */
function readPartNames(): readonly PartName[] {
  const asked = process.env.ALARA_PARTS;
  if (asked === undefined) return partNames;
  return asked.split(",").map((name) => {
    const found = partNames.find((known) => known === name);
    if (found === undefined) {
      throw new Error(`ALARA_PARTS has no part "${name}"; there are: ${partNames.join(", ")}`);
    }
    return found;
  });
}

/** Runs the study. */
export default async function studyTomography(): Promise<BenchResult> {
  const results: Partial<Record<PartName, EvidencePart>> = {};
  for (const name of readPartNames()) {
    const start = performance.now();
    const result: EvidencePart = await parts[name]();
    results[name] = result;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    say(`\n== ${name} (${seconds} s)\n\n${formatPart(result)}`);
  }
  const checks = Object.values(results).flatMap((result) => result.checks);
  const missed = checks.filter(({ ok }) => !ok).map(({ what }) => what);
  const bias = results.bias?.headline;
  const left = partNames.filter((name) => !(name in results));
  say(`\n${checks.length - missed.length} of ${checks.length} targets met\n`);
  return {
    name: "tomography",
    ours: bias?.worst ?? Number.NaN,
    peer: bias?.peer?.value ?? LIMIT,
    peerName: bias?.peer?.name ?? "the target: scikit-image was not there",
    unit: "interior bias of µ, worst of all geometries and ranges, both engines",
    target: `bias ≤ ${LIMIT}, and each of ${checks.length} further targets met`,
    ok: missed.length === 0 && left.length === 0,
    details: {
      missed,
      ...(left.length === 0 ? {} : { "parts left out": left }),
      parts: results,
    },
  };
}
