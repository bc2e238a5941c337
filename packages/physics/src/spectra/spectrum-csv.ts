/**
 * Spectra as text: two columns, keV at the bin's centre and photons in the bin. A header is optional, `#` starts a
 * comment; columns are parted by comma, semicolon, tab or spaces; the decimal sign is a point. Steps may change, but a
 * step more than 1.75 times both its neighbours is a missing row and refused.
 */
import { PhysicsError } from "../errors.ts";
import type { Spectrum } from "./spectrum.ts";

/** Energies that attenuation tables cover, keV. */
const TABLE_KEV: readonly [number, number] = [1, 20000];
/** A step so many times its neighbours is a hole. */
const HOLE_RATIO = 1.75;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function fail(line: number, problem: string): never {
  throw new PhysicsError("BAD_SPECTRUM", `line ${line}: ${problem}`);
}

/**
 * Reads a user's spectrum.
 *
 * @param text - see the file's comment
 * @param options.name - of the spectrum; default `"spectrum"`
 * @param options.scale - what the photon numbers are: `"absolute"` (default), per mAs and mm² at 1 m, or `"relative"`;
 *   most files are relative, the text does not say it
 * @throws PhysicsError `BAD_SPECTRUM`, naming line and value: missing or further columns, no number, negative or
 *   non-finite photons, energies that do not ascend, holes, outside 1..20000 keV, nothing at all
 * Tested: written spectra come back bit for bit.
 */
export function parseSpectrumCsv(
  text: string,
  options: { readonly name?: string; readonly scale?: Spectrum["scale"] } = {},
): Spectrum {
  const energies: number[] = [];
  const photons: number[] = [];
  const lines: number[] = [];
  let mayBeHeader = true;
  text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\r|\n/)
    .forEach((raw, index) => {
      const content = raw.replace(/#.*$/, "").trim();
      if (content === "") return;
      const line = index + 1;
      const cells = content.split(/\s*[,;\t]\s*|\s+/);
      const isHeader =
        mayBeHeader && cells.every((cell) => /^[a-z_]/i.test(cell) && !/^(nan|inf)/i.test(cell));
      mayBeHeader = false;
      if (isHeader) return;
      if (cells.length !== 2) {
        fail(line, `"${content}" has ${cells.length} columns; write keV and photons`);
      }
      const [energyText, photonText] = cells;
      for (const cell of cells) if (!NUMBER.test(cell)) fail(line, `"${cell}" is no finite number`);
      const energy = Number(energyText);
      const count = Number(photonText);
      if (!(energy >= TABLE_KEV[0] && energy <= TABLE_KEV[1])) {
        fail(line, `${energyText} keV lies outside the attenuation tables, ${TABLE_KEV.join("..")} keV`);
      }
      if (!(count >= 0 && Number.isFinite(count))) {
        fail(line, `${photonText} photons; they must be finite and ≥ 0`);
      }
      const last = energies.at(-1);
      if (last !== undefined && energy === last) {
        fail(line, `${energyText} keV stands twice; join the two rows`);
      }
      if (last !== undefined && energy < last) {
        fail(line, `${energyText} keV comes after ${last} keV; sort the rows by energy`);
      }
      energies.push(energy);
      photons.push(count);
      lines.push(line);
    });
  if (energies.length < 2) {
    fail(lines[0] ?? 1, `${energies.length} rows of keV and photons; a spectrum has at least 2`);
  }
  const steps = energies.slice(1).map((energy, i) => energy - energies[i]);
  steps.forEach((step, i) => {
    const neighbours = [steps[i - 1], steps[i + 1]].filter((other) => other !== undefined);
    if (neighbours.length > 0 && step > HOLE_RATIO * Math.max(...neighbours)) {
      fail(
        lines[i + 1],
        `rows are missing between ${energies[i]} and ${energies[i + 1]} keV (steps beside it are ${neighbours.join(" and ")} keV); write them, with 0 photons where there are none`,
      );
    }
  });
  if (photons.every((count) => count === 0)) fail(lines[0], "all photon numbers are 0");
  return {
    name: options.name ?? "spectrum",
    energiesKev: Float64Array.from(energies),
    photons: Float64Array.from(photons),
    ...(options.scale && { scale: options.scale }),
  };
}

/** Writes a spectrum as text that {@link parseSpectrumCsv} reads back bit for bit (name and scale are not kept). */
export function formatSpectrumCsv(spectrum: Spectrum): string {
  const rows = [...spectrum.energiesKev].map((energy, i) => `${energy},${spectrum.photons[i]}`);
  return `energy_keV,photons\n${rows.join("\n")}\n`;
}
