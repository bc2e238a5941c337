/**
 * Makes a checkout ready to run: installs the locked dependencies (the pinned Node among them) and compiles
 * the WebAssembly kernels. Plain JavaScript without dependencies, for any Node ≥ 20; runs before `npm start`,
 * `npm test` and `npm run bench`, and returns at once when nothing has changed. Not a build system: TypeScript
 * runs from source.
 *
 * Environment: `ALARA_CUDA=1` also fetches the CUDA libraries of onnxruntime-node (large).
 * Safe to run twice at the same time: the second waits for the first.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const MODULES = path.join(ROOT, "node_modules");
const STAMP = path.join(MODULES, ".alara-setup.json");
const LOCK = path.join(ROOT, ".cache", "setup.lock");
const KERNEL_BUILDER = path.join(ROOT, "scripts", "build-kernels.mjs");
const WINDOWS = process.platform === "win32";
const PINNED_NODE = path.join(MODULES, "node", "bin", WINDOWS ? "node.exe" : "node");
const NEEDED_NODE_MAJOR = 24;
const LOCK_BEAT_MS = 2_000;
const LOCK_STALE_MS = 30_000;
const LOCK_WAIT_MS = 15 * 60_000;

class SetupError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function listFiles(folder, accept, found = []) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== "node_modules" && entry.name !== "test") listFiles(file, accept, found);
    } else if (accept(file)) found.push(file);
  }
  return found;
}

function listInPackages(accept) {
  return listFiles(path.join(ROOT, "packages"), accept).sort();
}

function digestFiles(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    hash.update(`${path.relative(ROOT, file).split(path.sep).join("/")}\0`);
    hash.update(fs.existsSync(file) ? fs.readFileSync(file) : "absent");
    hash.update("\0");
  }
  return hash.digest("hex");
}

/** What the present state depends on; equal to the stamp's when nothing has changed. */
function computeInputs() {
  const kernels = listInPackages((file) => file.endsWith(".as.ts"));
  return {
    dependencies: digestFiles([path.join(ROOT, "package-lock.json")]),
    kernels: digestFiles([...kernels, KERNEL_BUILDER]),
    node: readJson(path.join(ROOT, "package.json"))?.devDependencies?.node ?? "system",
    cuda: process.env.ALARA_CUDA === "1",
  };
}

/** Compiled kernels lie in `packages/<name>/generated/`; they are not committed. */
function listKernelOutputs() {
  return listInPackages((file) => path.relative(ROOT, file).split(path.sep)[2] === "generated").map(
    (file) => [path.relative(ROOT, file).split(path.sep).join("/"), fs.statSync(file).size],
  );
}

function kernelOutputsMatch(outputs) {
  return (
    Array.isArray(outputs) &&
    outputs.every(
      ([file, size]) => fs.statSync(path.join(ROOT, file), { throwIfNoEntry: false })?.size === size,
    )
  );
}

function isNewEnough(version) {
  return Number.parseInt(version, 10) >= NEEDED_NODE_MAJOR;
}

function hasUsableNode() {
  return fs.existsSync(PINNED_NODE) || isNewEnough(process.versions.node);
}

/** True when every locked package that this platform needs is installed in the locked version. */
function dependenciesInstalled() {
  const wanted = readJson(path.join(ROOT, "package-lock.json"))?.packages ?? {};
  const present = readJson(path.join(MODULES, ".package-lock.json"))?.packages;
  if (present === undefined) return false;
  return Object.entries(wanted).every(([where, entry]) => {
    if (!where.startsWith("node_modules/")) return true;
    const installed = present[where];
    if (installed === undefined) return entry.optional === true;
    if (installed.version !== entry.version) return false;
    return entry.link === true || installed.integrity === entry.integrity;
  });
}

function isUpToDate(inputs) {
  const stamp = readJson(STAMP);
  return (
    stamp !== undefined &&
    stamp.dependencies === inputs.dependencies &&
    stamp.kernels === inputs.kernels &&
    stamp.node === inputs.node &&
    (stamp.cuda === true || !inputs.cuda) &&
    hasUsableNode() &&
    kernelOutputsMatch(stamp.outputs)
  );
}

/** PATH without this checkout's node_modules/.bin: an install replaces the Node that lies there. */
function findOuterPath() {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  const kept = (process.env[key] ?? "")
    .split(path.delimiter)
    .filter((folder) => !path.resolve(folder || ".").startsWith(MODULES));
  return { key, value: kept.join(path.delimiter) };
}

let runningChild;

/** Runs a command with its output on stderr; resolves with the exit code and the last of what it said. */
function runCommand(command, args, environment, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.folder ?? ROOT,
      env: { ...process.env, ...environment },
      shell: WINDOWS && options.needsShell === true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    runningChild = child;
    let said = "";
    const hear = (chunk) => {
      said = (said + chunk).slice(-20_000);
      process.stderr.write(chunk);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", (error) => resolve({ code: 127, said: `${said}${error.message}` }));
    child.on("close", (code) => resolve({ code: code ?? 1, said }));
  });
}

function explainInstallFailure(said) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|network/i.test(said)) {
    return new SetupError(
      "SETUP_OFFLINE",
      "the npm registry could not be reached. The first run needs the network once; connect (or set npm's " +
        "proxy/registry: `npm config set registry …`) and run the same command again. Later runs work offline.",
    );
  }
  if (/can only install packages when|EUSAGE|not in sync/i.test(said)) {
    return new SetupError(
      "SETUP_LOCK_OUT_OF_SYNC",
      "package.json and package-lock.json disagree. Run `ONNXRUNTIME_NODE_INSTALL=skip npm install` and commit the lock.",
    );
  }
  if (/ENOSPC/.test(said)) {
    return new SetupError("SETUP_DISK_FULL", "the disk is full; the installation needs about 1 GB.");
  }
  return new SetupError("SETUP_INSTALL_FAILED", "`npm ci` failed; its messages stand above.");
}

function findNpm() {
  const script = process.env.npm_execpath;
  return script !== undefined && /\.[cm]?js$/.test(script) && fs.existsSync(script) ? script : undefined;
}

/** Node that stays put while node_modules is replaced. */
function findOuterNode(outerPath) {
  const name = WINDOWS ? "node.exe" : "node";
  for (const folder of outerPath.split(path.delimiter)) {
    if (folder !== "" && fs.existsSync(path.join(folder, name))) return path.join(folder, name);
  }
  return process.execPath;
}

async function runNpm(args) {
  const outer = findOuterPath();
  const environment = { [outer.key]: outer.value, ONNXRUNTIME_NODE_INSTALL: "skip" };
  const script = findNpm();
  return script === undefined
    ? runCommand(WINDOWS ? "npm.cmd" : "npm", args, environment, { needsShell: true })
    : runCommand(findOuterNode(outer.value), [script, ...args], environment);
}

async function installDependencies() {
  say("installing the locked dependencies (once; about 1 GB on disk) …");
  const install = [
    "ci",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--prefer-offline",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
  ];
  let result = await runNpm(install);
  // Folders that change underneath: an npm whose setup was killed is still at work. Let it end.
  for (
    let attempt = 0;
    attempt < 5 && result.code !== 0 && /ENOTEMPTY|ENOENT|EBUSY/.test(result.said);
    attempt++
  ) {
    say("node_modules is being changed by another process; trying again …");
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    result = await runNpm(install);
  }
  if (result.code !== 0) throw explainInstallFailure(result.said);
  if (!dependenciesInstalled()) {
    throw new SetupError(
      "SETUP_INSTALL_FAILED",
      "`npm ci` ended well but locked packages are missing; run it again.",
    );
  }
}

/** npm's `node` package fetches its binary in an install script, which npm may have been told not to run. */
async function installPinnedNode() {
  if (fs.existsSync(PINNED_NODE)) return;
  const folder = path.join(MODULES, "node");
  const step = path.join(folder, "installArchSpecificPackage.js");
  if (fs.existsSync(step)) {
    say("fetching the pinned Node …");
    const outer = findOuterPath();
    const environment = { [outer.key]: outer.value, npm_config_ignore_scripts: "false" };
    const result = await runCommand(findOuterNode(outer.value), [step], environment, { folder });
    if (result.code === 0 && fs.existsSync(PINNED_NODE)) return;
  }
  if (isNewEnough(process.versions.node)) {
    say(`the pinned Node could not be fetched; going on with this one (${process.versions.node})`);
    return;
  }
  throw new SetupError(
    "SETUP_NODE_MISSING",
    `Alara runs on Node ≥ ${NEEDED_NODE_MAJOR}; this is ${process.versions.node} and npm's \`node\` package has no binary ` +
      `for ${process.platform}-${process.arch} or could not fetch it. Install Node ${NEEDED_NODE_MAJOR} from nodejs.org and run the same command again.`,
  );
}

async function installCuda() {
  const script = path.join(MODULES, "onnxruntime-node", "script", "install.js");
  say("fetching the CUDA libraries of onnxruntime-node …");
  const result = await runCommand(findRunner(), [script, "--onnxruntime-node-install=cuda12"], {
    ONNXRUNTIME_NODE_INSTALL: "cuda12",
  });
  if (result.code !== 0) {
    throw new SetupError(
      "SETUP_CUDA_FAILED",
      "the CUDA libraries could not be fetched (messages above); run without ALARA_CUDA=1 to use the CPU.",
    );
  }
}

function findRunner() {
  return fs.existsSync(PINNED_NODE) ? PINNED_NODE : process.execPath;
}

async function buildKernels() {
  if (!fs.existsSync(KERNEL_BUILDER)) return;
  say("compiling the WebAssembly kernels …");
  const result = await runCommand(findRunner(), [KERNEL_BUILDER], {});
  if (result.code !== 0) {
    throw new SetupError(
      "SETUP_KERNELS_FAILED",
      "scripts/build-kernels.mjs failed; its messages stand above.",
    );
  }
}

function writeStamp(stamp) {
  const draft = `${STAMP}.${process.pid}`;
  fs.writeFileSync(draft, `${JSON.stringify(stamp, null, 1)}\n`);
  fs.renameSync(draft, STAMP);
}

function tryLock(token) {
  const draft = `${LOCK}.${process.pid}`;
  fs.mkdirSync(path.dirname(LOCK), { recursive: true });
  fs.writeFileSync(draft, token);
  try {
    fs.linkSync(draft, LOCK);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

/** A lock whose owner stopped refreshing it, or is gone from this machine, is void. */
function isLockStale(seen) {
  const status = fs.statSync(LOCK, { throwIfNoEntry: false });
  if (status === undefined) return false;
  if (Date.now() - status.mtimeMs > LOCK_STALE_MS) return true;
  const [host, pid] = seen.split(" ");
  if (host !== os.hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

function removeStaleLock(seen) {
  const grave = `${LOCK}.stale.${process.pid}`;
  try {
    fs.renameSync(LOCK, grave);
    // Someone else may have replaced it in between: give theirs back.
    if (fs.readFileSync(grave, "utf8") !== seen) fs.linkSync(grave, LOCK);
  } catch {
    // Gone or replaced: the next try decides.
  }
  fs.rmSync(grave, { force: true });
}

async function takeLock() {
  const token = `${os.hostname()} ${process.pid}`;
  const deadline = Date.now() + LOCK_WAIT_MS;
  let told = false;
  while (!tryLock(token)) {
    let seen = "";
    try {
      seen = fs.readFileSync(LOCK, "utf8");
    } catch {
      continue;
    }
    if (isLockStale(seen)) {
      removeStaleLock(seen);
      continue;
    }
    if (!told) say(`waiting for another setup of this checkout (${seen}) …`);
    told = true;
    if (Date.now() > deadline) {
      throw new SetupError(
        "SETUP_LOCKED",
        `another setup (${seen}) has not ended; if there is none, delete ${LOCK}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const beat = setInterval(() => {
    const now = new Date();
    fs.utimes(LOCK, now, now, () => {});
  }, LOCK_BEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    try {
      if (fs.readFileSync(LOCK, "utf8") === token) fs.rmSync(LOCK, { force: true });
    } catch {
      // Already gone.
    }
  };
}

async function main() {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new SetupError(
      "SETUP_NODE_TOO_OLD",
      `this is Node ${process.versions.node}; setup needs Node ≥ 20 (Alara itself then runs on Node ${NEEDED_NODE_MAJOR}).`,
    );
  }
  if (isUpToDate(computeInputs())) return;

  const unlock = await takeLock();
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ]) {
    process.once(signal, () => {
      runningChild?.kill(signal);
      unlock();
      process.exit(code);
    });
  }
  try {
    const inputs = computeInputs();
    if (isUpToDate(inputs)) return;
    const stamp = readJson(STAMP);
    if (!dependenciesInstalled()) await installDependencies();
    await installPinnedNode();
    const hadCuda = stamp?.dependencies === inputs.dependencies && stamp?.cuda === true;
    if (inputs.cuda && !hadCuda) await installCuda();
    if (
      stamp?.dependencies !== inputs.dependencies ||
      stamp?.kernels !== inputs.kernels ||
      !kernelOutputsMatch(stamp?.outputs)
    ) {
      await buildKernels();
    }
    writeStamp({ ...inputs, cuda: inputs.cuda || hadCuda, outputs: listKernelOutputs() });
    say("ready");
  } finally {
    unlock();
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`setup: ${error.code}: ${error.message}\n`);
  process.exitCode = 1;
}
