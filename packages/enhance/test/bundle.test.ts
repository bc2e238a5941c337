/** Model bundles: what is damaged, incomplete or points outside is refused before it is used. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@alara/core";
import { createNodeRuntime } from "@alara/learn/node";
import { expect, test } from "vitest";
import { createNetworkEnhancer, openBundle } from "../src/index.ts";
import { readBundle, writeBundle } from "../src/node.ts";
import { makeTinyBundle } from "./tiny-bundle.ts";

test("a packed bundle opens, and survives the way over the disk", async () => {
  const files = await makeTinyBundle();
  const bundle = await openBundle(files);
  expect(bundle.card.name).toBe("tiny");
  expect(bundle.digest).toMatch(/^[0-9a-f]{64}$/);
  const folder = mkdtempSync(join(tmpdir(), "alara-bundle-"));
  try {
    await writeBundle(folder, files);
    expect((await readBundle(folder)).digest).toBe(bundle.digest);
    const bytes = readFileSync(join(folder, "model.onnx"));
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(join(folder, "model.onnx"), bytes);
    await expect(readBundle(folder)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("300 single flipped bits of the model are all refused before parsing", async () => {
  const files = new Map(await makeTinyBundle());
  const model = files.get("model.onnx") as Uint8Array;
  const random = createRandom(3);
  for (let k = 0; k < 300; k++) {
    const changed = model.slice();
    changed[random.nextInteger(changed.length)] ^= 1 << random.nextInteger(8);
    files.set("model.onnx", changed);
    await expect(openBundle(files)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  }
});

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

test.each([
  ["no model.json", (files: Map<string, Uint8Array>) => files.delete("model.json")],
  ["no model.onnx", (files: Map<string, Uint8Array>) => files.delete("model.onnx")],
  ["not JSON", (files: Map<string, Uint8Array>) => files.set("model.json", new Uint8Array([123, 10]))],
  [
    "another schema",
    (files: Map<string, Uint8Array>) => files.set("model.json", encode({ schema: "other/1" })),
  ],
  ["a list", (files: Map<string, Uint8Array>) => files.set("model.json", encode([]))],
])("%s is BUNDLE_INVALID", async (_, damage) => {
  const files = new Map(await makeTinyBundle());
  damage(files);
  await expect(openBundle(files)).rejects.toMatchObject({ code: "BUNDLE_INVALID" });
});

test.each([
  ["intendedRange", { modality: "MR" }],
  ["inference", { input: "x" }],
  ["files", {}],
  ["name", 7],
])("a card with a wrong %s is BUNDLE_INVALID", async (field, value) => {
  const files = new Map(await makeTinyBundle());
  const card = JSON.parse(new TextDecoder().decode(files.get("model.json")));
  files.set("model.json", encode({ ...card, [field]: value }));
  await expect(openBundle(files)).rejects.toMatchObject({ code: "BUNDLE_INVALID" });
});

test.each([
  ["dimensions", { dimensions: 4 }],
  ["outputScale", { outputScale: 3 }],
  ["hasStrength", { hasStrength: "yes" }],
  ["hasGlobalReach", { hasGlobalReach: 1 }],
  ["windowHu", { windowHu: [400, -600] }],
  ["needsMask", { hasStrength: true, needsMask: true }],
  ["contextSlices", { dimensions: 3, contextSlices: 1 }],
  ["outputScale", { dimensions: 3, outputScale: 2 }],
])("a card that states an impossible %s is BUNDLE_INVALID", async (field, inference) => {
  const files = await makeTinyBundle((card) => ({
    ...card,
    inference: { ...card.inference, ...inference } as typeof card.inference,
  }));
  await expect(openBundle(files)).rejects.toThrow(
    expect.objectContaining({ code: "BUNDLE_INVALID", message: expect.stringContaining(field) }),
  );
});

test("a card whose names are not in the graph is refused when opened for running", async () => {
  const bundle = await openBundle(
    await makeTinyBundle((card) => ({ ...card, inference: { ...card.inference, input: "elsewhere" } })),
  );
  const runtime = await createNodeRuntime({ threads: 1 });
  await expect(createNetworkEnhancer(bundle, { runtime })).rejects.toMatchObject({ code: "BUNDLE_INVALID" });
});
