/**
 * Folders that live as long as a test or bench and vanish afterwards, also when it fails.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** A folder of its own; `using` or `dispose` removes it with everything inside. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
  /** Absolute path of something inside. */
  resolve(...segments: string[]): string;
  dispose(): void;
}

/** Makes an empty folder under the system's temporary folder. */
export function createTemporaryFolder(purpose: string): TemporaryFolder {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `alara-${purpose}-`));
  const dispose = (): void => fs.rmSync(folder, { recursive: true, force: true });
  return {
    path: folder,
    resolve: (...segments) => path.join(folder, ...segments),
    dispose,
    [Symbol.dispose]: dispose,
  };
}
