/** `writeFileAtomically`: whole or absent, nothing left behind. */
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { syncFolder, writeFileAtomically } from "../src/node.ts";

const folders: string[] = [];
async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "alara-core-"));
  folders.push(folder);
  return folder;
}
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

it("replaces the content and leaves no temporary file", async () => {
  const folder = await createFolder();
  const path = join(folder, "result.json");
  await writeFileAtomically(path, "old");
  await writeFileAtomically(path, new Uint8Array([110, 101, 119]));
  expect(await readFile(path, "utf8")).toBe("new");
  expect(await readdir(folder)).toEqual(["result.json"]);
});

it("keeps the old state and removes the temporary file when the place cannot be taken", async () => {
  const folder = await createFolder();
  await mkdir(join(folder, "taken", "by-a-folder"), { recursive: true });
  await expect(writeFileAtomically(join(folder, "taken"), "text")).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(await readdir(folder)).toEqual(["taken"]);
  await expect(writeFileAtomically(join(folder, "absent", "file"), "text")).rejects.toThrow("ENOENT");
});

it("does not mind a folder that cannot be opened", async () => {
  await expect(syncFolder(join(await createFolder(), "absent"))).resolves.toBeUndefined();
});
