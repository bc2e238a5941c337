/**
 * The import law of the workspace as a table, and a checker that reads imports with TypeScript's own scanner.
 * Biome reports undeclared dependencies and cycles while editing; this adds what it cannot know: which package
 * may depend on which, that packages meet by name and never by path, and that code for browsers stays free of
 * Node. It checks text and manifests only; it does not resolve or run anything.
 */
import fs from "node:fs";
import path from "node:path";
import ts from "typescript";

/** A package's row in the law. */
export interface LawRow {
  /** `"anywhere"`: only `src/node.ts` and `src/node/` may use Node. */
  readonly runsIn: "anywhere" | "node" | "browser";
  readonly mayImport: readonly string[];
}

const LIBRARIES = ["core", "physics", "recon", "learn", "enhance", "evaluate", "dicom"] as const;

/** Who may import whom. A package that is not in this table must not exist. */
export const IMPORT_LAW: Readonly<Record<string, LawRow>> = {
  core: { runsIn: "anywhere", mayImport: [] },
  physics: { runsIn: "anywhere", mayImport: ["core"] },
  recon: { runsIn: "anywhere", mayImport: ["core", "physics"] },
  learn: { runsIn: "anywhere", mayImport: ["core"] },
  enhance: { runsIn: "anywhere", mayImport: ["core", "physics", "recon", "learn", "evaluate"] },
  evaluate: { runsIn: "anywhere", mayImport: ["core", "physics", "recon"] },
  jobs: { runsIn: "node", mayImport: ["core"] },
  studies: {
    runsIn: "node",
    mayImport: ["core", "physics", "recon", "learn", "enhance", "evaluate", "jobs"],
  },
  dicom: { runsIn: "anywhere", mayImport: ["core"] },
  serve: { runsIn: "node", mayImport: ["core", "dicom", "enhance", "evaluate", "jobs"] },
  viewer: { runsIn: "browser", mayImport: LIBRARIES },
  cli: { runsIn: "node", mayImport: [...LIBRARIES, "jobs", "studies", "serve"] },
  testing: { runsIn: "node", mayImport: [...LIBRARIES, "jobs", "studies", "serve"] },
};

/** What the checker needs of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly dependencies: readonly string[];
  /** Keys of `exports`: ".", "./node", … */
  readonly exports: readonly string[];
}

/** One source file: path from the package's root with forward slashes, and its text. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
}

const TEST_ONLY = ["vitest", "fast-check", "@alara/testing"];

function getPackageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function isNodeFile(file: string): boolean {
  return /^src\/(node\.ts$|node\/)/.test(file);
}

function listImports(text: string): readonly string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map((entry) => entry.fileName);
}

/** Checks a manifest's workspace dependencies against the law; returns one sentence per violation. */
export function checkManifest(shortName: string, manifest: Manifest): readonly string[] {
  const row = IMPORT_LAW[shortName];
  if (row === undefined) return [`package "${shortName}" has no row in the import law`];
  return manifest.dependencies
    .filter((name) => name.startsWith("@alara/") && !row.mayImport.includes(name.slice("@alara/".length)))
    .map((name) => `${manifest.name} must not depend on ${name}`);
}

/** Checks one file's imports; returns one sentence per violation. */
export function checkImports(
  shortName: string,
  manifest: Manifest,
  manifests: Readonly<Record<string, Manifest>>,
  source: SourceText,
): readonly string[] {
  const isTest = !source.file.startsWith("src/") && !source.file.startsWith("bin/");
  const mustBePortable =
    IMPORT_LAW[shortName]?.runsIn !== "node" &&
    !isTest &&
    source.file.startsWith("src/") &&
    !isNodeFile(source.file);
  const allowed = new Set([...manifest.dependencies, ...(isTest ? [...TEST_ONLY, manifest.name] : [])]);

  const explain = (specifier: string): string | undefined => {
    if (specifier.startsWith(".")) {
      const target = path.posix.normalize(path.posix.join(path.posix.dirname(source.file), specifier));
      if (target.startsWith("..")) return "reaches another package by path; import it by name";
      if (!isTest && source.file.startsWith("src/") && !/^(src|generated)\//.test(target))
        return "leaves src/";
      return mustBePortable && isNodeFile(target) ? "brings Node into code that runs anywhere" : undefined;
    }
    if (specifier.startsWith("node:")) {
      return mustBePortable ? "brings Node into code that runs anywhere" : undefined;
    }
    const name = getPackageName(specifier);
    if (!allowed.has(name)) return `is not declared in ${manifest.name}'s package.json`;
    if (name.startsWith("@alara/")) {
      const subpath = `.${specifier.slice(name.length)}`;
      if (manifests[name]?.exports.includes(subpath) !== true) return "is not exported by that package";
      if (mustBePortable && subpath.startsWith("./node")) return "brings Node into code that runs anywhere";
    }
    if (mustBePortable && name === "onnxruntime-node") return "brings Node into code that runs anywhere";
    return undefined;
  };
  return listImports(source.text).flatMap((specifier) => {
    const reason = explain(specifier);
    return reason === undefined
      ? []
      : [`packages/${shortName}/${source.file}: import "${specifier}" ${reason}`];
  });
}

/** Reads a package.json into what the checker needs. */
export function readManifest(file: string): Manifest {
  const json = JSON.parse(fs.readFileSync(file, "utf8")) as {
    name: string;
    dependencies?: Record<string, string>;
    peerDependencies?: Record<string, string>;
    exports?: Record<string, unknown>;
  };
  return {
    name: json.name,
    dependencies: Object.keys({ ...json.dependencies, ...json.peerDependencies }),
    exports: Object.keys(json.exports ?? {}),
  };
}

/** Every TypeScript and JavaScript source of a package folder, generated and AssemblyScript files left out. */
export function readSources(folder: string): readonly SourceText[] {
  const found: SourceText[] = [];
  const visit = (relative: string): void => {
    for (const entry of fs.readdirSync(path.join(folder, relative), { withFileTypes: true })) {
      const file = path.posix.join(relative, entry.name);
      if (entry.isDirectory()) {
        if (!["node_modules", "generated", "golden"].includes(entry.name)) visit(file);
      } else if (/\.(ts|mjs)$/.test(entry.name) && !/\.(as|d)\.ts$/.test(entry.name)) {
        found.push({ file, text: fs.readFileSync(path.join(folder, file), "utf8") });
      }
    }
  };
  visit("");
  return found;
}
