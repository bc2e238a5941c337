/** Folders in and out: what is found, what is refused, and that nothing half-written remains. */
import fs from "node:fs";
import {
  createFileSource,
  createOutputFolder,
  findInputFiles,
  formatSliceFileName,
  scanSeriesFiles,
} from "@alara/dicom/node";
import { createTemporaryFolder } from "@alara/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCtSlice } from "./make-dicom.ts";

function coded(code: string): unknown {
  return expect.objectContaining({ code });
}

describe("findInputFiles", () => {
  it("walks folders in name order and skips links and hidden entries unless asked", async () => {
    using folder = createTemporaryFolder("input");
    fs.mkdirSync(folder.resolve("b/c"), { recursive: true });
    fs.mkdirSync(folder.resolve(".git"));
    for (const name of ["b/c/2", "b/1", "a", ".git/x", ".hidden"])
      fs.writeFileSync(folder.resolve(name), "x");
    fs.symlinkSync(folder.resolve("a"), folder.resolve("link"));
    fs.symlinkSync(folder.path, folder.resolve("b/loop"));
    const short = (paths: readonly string[]): string[] =>
      paths.map((path) => path.slice(folder.path.length + 1));
    expect(short((await findInputFiles([folder.path])).paths)).toEqual(["a", "b/1", "b/c/2"]);
    const all = await findInputFiles([folder.path], { hidden: "include", symbolicLinks: "follow" });
    expect(short(all.paths).sort()).toEqual([".git/x", ".hidden", "a", "b/1", "b/c/2", "link"]);
    expect(short((await findInputFiles([folder.resolve("a"), folder.path])).paths)).toEqual([
      "a",
      "b/1",
      "b/c/2",
    ]);
  });

  it("caps sizes and counts, and names what does not exist", async () => {
    using folder = createTemporaryFolder("input");
    fs.writeFileSync(folder.resolve("big"), "0123456789");
    fs.writeFileSync(folder.resolve("small"), "0");
    const { paths, skipped } = await findInputFiles([folder.path], { maxFileBytes: 5 });
    expect(paths.length).toBe(1);
    expect(skipped[0].code).toBe("FILE_TOO_LARGE");
    await expect(findInputFiles([folder.path], { maxFiles: 1 })).rejects.toEqual(coded("LIMIT_EXCEEDED"));
    await expect(findInputFiles([folder.resolve("none")])).rejects.toEqual(coded("INPUT_NOT_FOUND"));
    await expect(createFileSource(folder.resolve("none")).read()).rejects.toEqual(coded("INPUT_UNREADABLE"));
  });

  it("scans a folder of mixed files", async () => {
    using folder = createTemporaryFolder("scan");
    fs.mkdirSync(folder.resolve("ct"));
    for (let i = 0; i < 3; i++) {
      fs.writeFileSync(
        folder.resolve(`ct/${i}`),
        makeCtSlice({ sopUid: `1.2.${i + 1}`, position: [0, 0, 3 * i] }),
      );
    }
    fs.writeFileSync(folder.resolve("notes.txt"), "hello, these are my notes");
    const { series, skipped } = await scanSeriesFiles([folder.path]);
    expect(series.map((item) => item.slices.map((slice) => slice.source.name))).toEqual([
      ["ct/0", "ct/1", "ct/2"],
    ]);
    expect(skipped).toEqual([expect.objectContaining({ name: "notes.txt", code: "NOT_DICOM" })]);
  });
});

describe("createOutputFolder", () => {
  it("shows nothing until it is committed, and then everything", async () => {
    using folder = createTemporaryFolder("output");
    const target = folder.resolve("new/parent/out");
    const output = await createOutputFolder(target);
    await output.writeFile(formatSliceFileName(0), Uint8Array.of(1, 2, 3));
    await output.writeFile("report/index.html", "<p>");
    expect(fs.existsSync(target)).toBe(false);
    await output.commit();
    expect(fs.readdirSync(folder.resolve("new/parent"))).toEqual(["out"]);
    expect(fs.readFileSync(`${target}/slice-0001.dcm`)).toEqual(Buffer.of(1, 2, 3));
    expect(fs.readFileSync(`${target}/report/index.html`, "utf8")).toBe("<p>");
    expect(fs.statSync(target).mode & 0o777).toBe(0o777 & ~process.umask());
    await expect(output.writeFile("late", "x")).rejects.toEqual(coded("OUTPUT_CLOSED"));
    await expect(output.commit()).rejects.toEqual(coded("OUTPUT_CLOSED"));
    await output.dispose();
    expect(fs.existsSync(target)).toBe(true);
  });

  it("leaves nothing behind when disposed", async () => {
    using folder = createTemporaryFolder("output");
    const output = await createOutputFolder(folder.resolve("new/out"));
    await output.writeFile("a", "x");
    await output.dispose();
    await output.dispose();
    expect(fs.readdirSync(folder.path)).toEqual([]);
  });

  it("accepts an empty folder and refuses any other", async () => {
    using folder = createTemporaryFolder("output");
    fs.mkdirSync(folder.resolve("empty"));
    const output = await createOutputFolder(folder.resolve("empty"));
    await output.writeFile("a", "x");
    await output.commit();
    expect(fs.readdirSync(folder.resolve("empty"))).toEqual(["a"]);
    await expect(createOutputFolder(folder.resolve("empty"))).rejects.toEqual(coded("OUTPUT_NOT_EMPTY"));
    fs.writeFileSync(folder.resolve("file"), "x");
    await expect(createOutputFolder(folder.resolve("file"))).rejects.toEqual(coded("OUTPUT_NOT_EMPTY"));
    await expect(createOutputFolder(folder.resolve("file/out"))).rejects.toEqual(coded("OUTPUT_NOT_EMPTY"));
  });

  it("refuses to replace what appeared meanwhile, and keeps it", async () => {
    using folder = createTemporaryFolder("output");
    const output = await createOutputFolder(folder.resolve("out"));
    await output.writeFile("a", "mine");
    fs.mkdirSync(folder.resolve("out"));
    fs.writeFileSync(folder.resolve("out/a"), "theirs");
    await expect(output.commit()).rejects.toEqual(coded("OUTPUT_NOT_EMPTY"));
    await output.dispose();
    expect(fs.readdirSync(folder.path)).toEqual(["out"]);
    expect(fs.readFileSync(folder.resolve("out/a"), "utf8")).toBe("theirs");
  });

  it("refuses unwritable places by code", async (context) => {
    if (!fs.existsSync("/proc/self"))
      context.skip("there is no /proc, the one folder that nobody can write to");
    await expect(createOutputFolder("/proc/alara-out")).rejects.toEqual(coded("OUTPUT_UNWRITABLE"));
  });

  it("lets no name leave the folder", async () => {
    using folder = createTemporaryFolder("output");
    const output = await createOutputFolder(folder.resolve("out"));
    const bad = [
      "",
      ".",
      "..",
      "../x",
      "a/../../x",
      "/etc/x",
      "a\\b",
      "a\0b",
      ".hidden",
      "a//b",
      "x".repeat(200),
      "ü",
    ];
    for (const name of bad) await expect(output.writeFile(name, "x")).rejects.toEqual(coded("INVALID_VALUE"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("..", ".", "/", "\\", "a", "\0", "CON", "é", " "), { maxLength: 8 }),
        async (parts) => {
          const name = parts.join("");
          await output.writeFile(name, "x").catch((error: unknown) => {
            expect(["INVALID_VALUE", "OUTPUT_UNWRITABLE"]).toContain((error as { code: string }).code);
          });
          expect(fs.readdirSync(folder.path).length).toBe(1);
        },
      ),
      { numRuns: 300, seed: 2 },
    );
    await output.dispose();
    expect(fs.readdirSync(folder.path)).toEqual([]);
  });
});
