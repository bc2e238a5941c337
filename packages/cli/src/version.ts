/** The version of the code that made a result, as it enters reports, cards and DICOM attributes. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** Version of Alara, from the package manifest (all packages move in lockstep). */
export const CODE_VERSION: string = manifest.version;

/** Commit of the checkout that the code runs from, with `+dirty` when tracked files differ; "unknown" outside one. */
export function readCommit(): string {
  const cwd = fileURLToPath(new URL("../../../", import.meta.url));
  // Installed as a package, the nearest repository would be somebody else's.
  if (!existsSync(join(cwd, ".git"))) return "unknown";
  const run = (...args: string[]): string =>
    execFileSync("git", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return (
      run("rev-parse", "HEAD") + (run("status", "--porcelain", "--untracked-files=no") === "" ? "" : "+dirty")
    );
  } catch {
    return "unknown";
  }
}

/** Version and commit, as derived UIDs and DICOM attributes state them: "0.1.0+1a2b3c4d5e6f". */
export function describeCode(): string {
  const commit = readCommit();
  const dirty = commit.endsWith("+dirty") ? ".dirty" : "";
  return commit === "unknown" ? CODE_VERSION : `${CODE_VERSION}+${commit.slice(0, 12)}${dirty}`;
}
