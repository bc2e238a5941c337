#!/usr/bin/env node
/**
 * The `alara` launcher: finds Node ≥ 24 and runs the command line with it, from any folder. Plain JavaScript
 * for any Node ≥ 18, because the system's Node may be older than what Alara needs; it has no logic of its own.
 * Standard streams, signals and the exit status are those of the command.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NEEDED_NODE_MAJOR = 24;
const PACKAGE = path.resolve(path.dirname(fs.realpathSync(fileURLToPath(import.meta.url))), "..");
const MAIN = path.join(PACKAGE, "src", "main.ts");
function isNewEnough() {
  return Number.parseInt(process.versions.node, 10) >= NEEDED_NODE_MAJOR;
}

/** The pinned Node of the checkout around this package. */
function findPinnedNode() {
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (let folder = PACKAGE; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, "node_modules", "node", "bin", name);
    if (fs.existsSync(candidate)) return candidate;
    if (path.dirname(folder) === folder) return undefined;
  }
}

/** Runs the command in a child and passes signals on; the child bears a Ctrl-C that the terminal sent it too. */
function runWith(node) {
  const child = spawn(node, [MAIN, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    process.stderr.write(`alara: LAUNCH_FAILED: ${node} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + (os.constants.signals[signal] ?? 0);
  });
}

if (isNewEnough()) {
  process.argv[1] = MAIN;
  await import(pathToFileURL(MAIN).href);
} else {
  const node = findPinnedNode();
  if (node === undefined) {
    process.stderr.write(
      `alara: NODE_TOO_OLD: Alara runs on Node ≥ ${NEEDED_NODE_MAJOR}; this is ${process.versions.node}. ` +
        `Run \`node setup.mjs\` in the checkout (it fetches the right one) or install Node ${NEEDED_NODE_MAJOR}.\n`,
    );
    process.exit(1);
  }
  runWith(node);
}
