/** `alara deidentify <in> -o <dir>`: images without identity, by PS3.15 Annex E. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, readFile, rm } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { MINIMUM_KEY_BYTES, RETAIN_OPTIONS, type RetainOption } from "@alara/dicom";
import type { Command } from "commander";
import { type CommandContext, printNote, printResult, runCommand, UsageError } from "../context.ts";
import { type DeidentifyFolderResult, deidentifyFolder, formatRefusals } from "../deidentify-folder.ts";
import { CliError } from "../input.ts";

const KEY_VARIABLE = "ALARA_DEIDENTIFY_KEY";

interface DeidentifyCommandOptions {
  readonly output: string;
  readonly keyFile?: string;
  readonly retain?: string;
  readonly cleanDescriptors?: boolean;
  readonly patients?: string;
  readonly allowBurnedIn?: boolean;
  readonly map?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addDeidentifyCommand(program: Command): void {
  program
    .command("deidentify")
    .description("write images without identity: DICOM PS3.15 Basic Application Confidentiality Profile")
    .argument("<in>", "DICOM folder or file")
    .requiredOption("-o, --output <dir>", "output folder; must not exist or be empty")
    .option(
      "--key-file <file>",
      `secret of at least ${MINIMUM_KEY_BYTES} bytes; the same secret gives the same UIDs and pseudonyms (or ${KEY_VARIABLE}; default: a new one, thrown away)`,
    )
    .option("--retain <list>", `what to keep, comma-separated: ${RETAIN_OPTIONS.join(", ")}`)
    .option("--clean-descriptors", "keep the harmless words of descriptions instead of removing them")
    .option("--patients <csv>", "table of original and new Patient IDs; other patients are refused")
    .option("--allow-burned-in", "write images whose pixels may carry text; they are marked as not clean")
    .option("--map <file>", "write the table that identifies people again (readable by you only)")
    .option("--json", "machine-readable output")
    .action((input: string, options: DeidentifyCommandOptions) =>
      runCommand(options, (context) => deidentify(input, options, context)),
    );
}

async function deidentify(
  input: string,
  options: DeidentifyCommandOptions,
  context: CommandContext,
): Promise<void> {
  const retain = parseRetain(options.retain);
  const key = await readKey(options.keyFile);
  const patientIds = options.patients === undefined ? undefined : await readPatientTable(options.patients);
  const map = options.map === undefined ? undefined : await openMap(options.map, options.output);
  try {
    const result = await deidentifyFolder(input, options.output, {
      ...context,
      key: key.bytes,
      retain,
      descriptors: options.cleanDescriptors ? "clean" : "remove",
      burnedInText: options.allowBurnedIn ? "allow" : "refuse",
      ...(patientIds === undefined ? {} : { patientIds }),
    });
    await map?.finish(result);
    report(result, key.isRepeatable, context);
  } catch (error) {
    await map?.discard();
    throw error;
  }
}

function report(result: DeidentifyFolderResult, isRepeatable: boolean, context: CommandContext): void {
  const { summary } = result;
  if (!isRepeatable) {
    printNote(
      "no key given: a random one was used and thrown away, so UIDs and pseudonyms cannot be repeated",
    );
  }
  const lines = [
    `${summary.images} image(s) of ${summary.patients} patient(s) in ${summary.series.length} series`,
    summary.profile,
    ...Object.entries(summary.findings).map(([code, images]) => `  ${code} in ${images} image(s)`),
    ...(summary.leftOut > 0 ? [`left out: ${summary.leftOut} file(s) that are no DICOM images`] : []),
    ...(summary.refused.length > 0 ? [`refused: ${formatRefusals(summary.refused)}`] : []),
    "pixels were not looked at: check them before you pass the images on",
  ];
  printResult(context, lines.join("\n"), { ...summary, repeatable: isRepeatable });
  if (summary.refused.length > 0) process.exitCode = 1;
}

function parseRetain(text: string | undefined): RetainOption[] {
  const names = (text ?? "").split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]));
  for (const name of names) {
    if (!(RETAIN_OPTIONS as readonly string[]).includes(name)) {
      throw new UsageError(`--retain knows ${RETAIN_OPTIONS.join(", ")}`);
    }
  }
  if (names.includes("full-dates") && names.includes("modified-dates")) {
    throw new UsageError("--retain takes either full-dates or modified-dates");
  }
  return [...new Set(names)] as RetainOption[];
}

async function readKey(path: string | undefined): Promise<{ bytes: Uint8Array; isRepeatable: boolean }> {
  const variable = process.env[KEY_VARIABLE];
  if (path === undefined && (variable === undefined || variable === "")) {
    return { bytes: randomBytes(32), isRepeatable: false };
  }
  const content = path === undefined ? Buffer.from(variable as string) : await readInput(path, "--key-file");
  // A line end that an editor put there is not part of the secret.
  let end = content.length;
  while (end > 0 && (content[end - 1] === 10 || content[end - 1] === 13)) end--;
  if (end < MINIMUM_KEY_BYTES) {
    throw new UsageError(
      `the key has ${end} bytes; make one of at least ${MINIMUM_KEY_BYTES}, e.g. with: openssl rand -hex 32`,
    );
  }
  return { bytes: content.subarray(0, end), isRepeatable: true };
}

async function readInput(path: string, option: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch {
    throw new UsageError(`the file of ${option} cannot be read`);
  }
}

/** Lines "original,new"; the original may hold commas. Messages name lines, never what they hold. */
async function readPatientTable(path: string): Promise<ReadonlyMap<string, string>> {
  const table = new Map<string, string>();
  const targets = new Set<string>();
  const lines = (await readInput(path, "--patients")).toString("latin1").split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const comma = line.lastIndexOf(",");
    const [original, target] = [line.slice(0, comma).trim(), line.slice(comma + 1).trim()];
    if (comma < 0 || !/^[A-Za-z0-9._-]{1,60}$/.test(target)) {
      throw new UsageError(
        `line ${index + 1} of --patients is not "original,new" with a new ID of letters, digits and . _ -`,
      );
    }
    if (table.has(original) || targets.has(target)) {
      throw new UsageError(`line ${index + 1} of --patients repeats an ID`);
    }
    table.set(original, target);
    targets.add(target);
  }
  return table;
}

interface MapFile {
  finish(result: DeidentifyFolderResult): Promise<void>;
  discard(): Promise<void>;
}

/** Reserves the file at once, so that a run cannot end without its table. Mode 0600. */
async function openMap(path: string, output: string): Promise<MapFile> {
  if (`${resolve(path)}${sep}`.startsWith(`${resolve(output)}${sep}`)) {
    throw new UsageError("--map must not lie in the output folder, which is to be passed on");
  }
  let handle: FileHandle;
  try {
    handle = await open(path, "wx", 0o600);
  } catch {
    throw new CliError("MAP_NOT_WRITABLE", "the file of --map exists or cannot be made; choose another name");
  }
  const pairs = (map: ReadonlyMap<string, string>): object[] =>
    [...map].map(([original, replacement]) => ({ original, replacement }));
  return {
    finish: async ({ pseudonyms, files }) => {
      const content = { patients: pairs(pseudonyms.patients), uids: pairs(pseudonyms.uids), files };
      await handle.writeFile(`${JSON.stringify(content, null, 1)}\n`);
      await handle.sync();
      await handle.close();
    },
    discard: async () => {
      await handle.close().catch(() => undefined);
      await rm(path, { force: true });
    },
  };
}
