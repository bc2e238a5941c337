/** Running the command line as a user does, and small series to run it on. */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCentredGrid, createRandom, createVolume, getSliceData, type Volume } from "@alara/core";
import { createCtSeries } from "@alara/dicom";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
/** Node keeps what it compiled here: a start then takes half the time, and the tests start the command often. */
const ENVIRONMENT = {
  ...process.env,
  NODE_COMPILE_CACHE: join(tmpdir(), `alara-compiled-${process.getuid?.() ?? 0}`),
};

/** What a run printed and how it ended. */
export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `alara` with arguments. */
export function runAlara(...args: string[]): Promise<RunResult> {
  return runAlaraWith({}, ...args);
}

/** Runs `alara` with further environment variables. */
export function runAlaraWith(
  environment: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...ENVIRONMENT, ...environment },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** A water disc with bone-like and lung-like inserts and a little noise, HU whole numbers. */
export function makeVolume(slices: number, size: number, seed = 1): Volume<"HU"> {
  const volume = createVolume("HU", createCentredGrid([slices, size, size], [3, 0.7, 0.7]));
  const random = createRandom(seed);
  for (let s = 0; s < slices; s++) {
    const data = getSliceData(volume, s);
    for (let r = 0; r < size; r++) {
      for (let c = 0; c < size; c++) {
        const radius = Math.hypot(r - size / 2, c - size / 2) / size;
        const isLung = Math.hypot(r - size / 2, c - size / 3) < size / 12;
        const isBone = Math.hypot(r - size / 2, c - (2 * size) / 3) < size / 12;
        const tissue = isLung ? -800 : isBone ? 600 : 40;
        data[r * size + c] = Math.round((radius < 0.42 ? tissue : -1000) + 20 * random.nextNormal());
      }
    }
  }
  return volume;
}

/** Writes a volume as a CT series into a folder. */
export async function writeSeries(
  folder: string,
  volume: Volume<"HU">,
  options: {
    readonly seriesNumber?: number;
    readonly slices?: readonly number[];
    readonly patientId?: string;
  } = {},
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const seriesNumber = options.seriesNumber ?? 1;
  const series = await createCtSeries(volume.geometry, {
    identity: { test: "cli", seriesNumber, patientId: options.patientId ?? "TEST" },
    studyIdentity: { test: "cli", patientId: options.patientId ?? "TEST" },
    patientId: options.patientId ?? "TEST",
    dateTime: "2026-01-02T03:04:05+00:00",
    seriesDescription: `test ${seriesNumber}`,
    seriesNumber,
    softwareVersion: "0",
    tubeVoltageKv: 120,
    bodyPart: "ABDOMEN",
    sliceThicknessMm: 3,
  });
  const wanted = options.slices ?? Array.from({ length: volume.geometry.size[0] }, (_, i) => i);
  for (const slice of wanted) {
    writeFileSync(
      join(folder, `${seriesNumber}-${slice}.dcm`),
      series.writeInstance(slice, getSliceData(volume, slice)),
    );
  }
}

/** Every file below a folder, relative path → content. */
export function readTree(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.sort().map((file) => [file.slice(folder.length + 1), readFileSync(file)]));
}
