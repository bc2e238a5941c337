/**
 * Compiles the AssemblyScript kernels (`packages/*\/kernels/*.as.ts`) to WebAssembly SIMD and embeds each as
 * base64 in `packages/*\/generated/<name>.ts`, which runs anywhere without file access. Kernels may import
 * `*.shared.as.ts` of their folder. Skips a kernel when the folder's shared files, its own source, compiler version and
 * flags hash to what the generated file already names; writes atomically.
 * Plain JavaScript so that any Node ≥ 20 can run it.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** What several kernels of a folder import. */
const SHARED = ".shared.as.ts";
/** Kernels import one memory, declared shared; core unsets that bit where memory is not shared. */
const FLAGS = [
  ["-O3", "--noAssert", "--runtime", "stub"],
  ["--enable", "simd", "--enable", "threads"],
  ["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
].flat();

/** Compiles what is out of date; returns the names built. */
export async function buildKernels() {
  const built = [];
  let asc;
  const version = JSON.parse(
    readFileSync(join(root, "node_modules/assemblyscript/package.json"), "utf8"),
  ).version;
  for (const name of readdirSync(join(root, "packages")).sort()) {
    const folder = join(root, "packages", name, "kernels");
    if (!existsSync(folder)) continue;
    const files = readdirSync(folder).sort();
    const shared = new Map(
      files
        .filter((file) => file.endsWith(SHARED))
        .map((file) => [file, readFileSync(join(folder, file), "utf8")]),
    );
    for (const file of files) {
      if (!file.endsWith(".as.ts") || shared.has(file)) continue;
      const source = readFileSync(join(folder, file), "utf8");
      const digest = createHash("sha256")
        .update(JSON.stringify([source, ...shared, version, FLAGS, "format 2"]))
        .digest("hex");
      const target = join(root, "packages", name, "generated", `${basename(file, ".as.ts")}.ts`);
      if (existsSync(target) && readFileSync(target, "utf8").includes(digest)) continue;
      asc ??= (await import("assemblyscript/asc")).default;
      const bytes = await compile(asc, file, new Map([...shared, [file, source]]));
      const text = [
        `// Generated from ../kernels/${file} by scripts/build-kernels.mjs. Digest ${digest}.`,
        "/** The compiled kernel's bytes, base64. */",
        `export const kernelBase64: string = "${Buffer.from(bytes).toString("base64")}";`,
        "",
      ].join("\n");
      mkdirSync(dirname(target), { recursive: true });
      const temporary = `${target}.${process.pid}.tmp`;
      writeFileSync(temporary, text);
      renameSync(temporary, target);
      built.push(`${name}/${basename(file, ".as.ts")}`);
    }
  }
  return built;
}

async function compile(asc, file, sources) {
  let output;
  const { error, stderr } = await asc.main([file, "--outFile", "out.wasm", ...FLAGS], {
    readFile: (name) => sources.get(name) ?? null,
    writeFile: (name, contents) => {
      if (name === "out.wasm") output = contents;
    },
    listFiles: () => [],
  });
  if (error || !output) throw new Error(`kernel ${file} did not compile: ${stderr?.toString() ?? error}`);
  return output;
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  const built = await buildKernels();
  console.log(built.length > 0 ? `built kernels: ${built.join(", ")}` : "kernels are up to date");
}
