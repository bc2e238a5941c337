/**
 * Finding external programs (dcmdump, dciodvfy, python3 …) that tests compare with. A test that needs one that
 * is absent is skipped with a note, which the run names at its end; it never passes silently.
 */
import fs from "node:fs";
import path from "node:path";
import process from "node:process";

/** What is needed of Vitest's test context. */
export interface SkippableContext {
  skip(note?: string): never;
}

/** Absolute path of an executable on PATH, or undefined. */
export function findTool(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    const file = path.join(folder, name);
    try {
      if (folder !== "" && fs.statSync(file).isFile()) {
        fs.accessSync(file, fs.constants.X_OK);
        return file;
      }
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/**
 * Path of an executable; skips the calling test with a reason when it is not installed.
 *
 * @param origin - the Debian package that brings it, for the reason
 */
export function requireTool(context: SkippableContext, name: string, origin: string): string {
  const file = findTool(name);
  return file ?? context.skip(`${name} is not installed (Debian package ${origin})`);
}
