/** `alara models import`: a file of torch.onnx.export becomes a bundle that opens; wrong use is named. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBundle } from "@alara/enhance/node";
import { afterAll, expect, test } from "vitest";
import { runAlara } from "./alara.ts";

const scratch = mkdtempSync(join(tmpdir(), "alara-import-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const golden = new URL("../../learn/test/golden/torch-onnx.json", import.meta.url);
const { models } = JSON.parse(readFileSync(golden, "utf8"));
const file = join(scratch, "unet.onnx");
writeFileSync(file, Buffer.from(models["unet, opset 11"].model, "base64"));
const ranges = ["--kvp", "80,140", "--spacing", "0.4,1", "--thickness", "0.5,5", "--noise", "5,60"];

test("makes a bundle of a PyTorch network", async () => {
  const folder = join(scratch, "bundle");
  const size = ["--multiple", "2", "--radius", "12"];
  const run = await runAlara(
    ...["models", "import", file, "-o", folder, "--window=-1000,1000", ...size, ...ranges, "--json"],
  );
  expect(run.code).toBe(0);
  expect(JSON.parse(run.stdout)).toMatchObject({ folder, sizeMultiple: 2, receptiveRadius: 12 });
  const { card } = await readBundle(folder);
  expect(card).toMatchObject({
    name: "unet",
    network: { name: "onnx", config: { scaling: "window", lowHu: -1000, highHu: 1000, range: [0, 1] } },
    intendedRange: { kvp: [80, 140], pixelSpacingMm: [0.4, 1], noiseHu: [5, 60] },
  });
});

test("names wrong use", async () => {
  const out = ["-o", join(scratch, "none")];
  const neither = await runAlara("models", "import", file, ...out, ...ranges);
  expect(neither).toMatchObject({ code: 2, stderr: expect.stringContaining("--window or --linear") });
  const falling = await runAlara("models", "import", file, ...out, ...ranges, "--window=5,1");
  expect(falling).toMatchObject({ code: 2, stderr: expect.stringContaining("lower number first") });
  const missing = await runAlara(
    "models",
    "import",
    join(scratch, "no.onnx"),
    ...out,
    ...ranges,
    "--window=0,1",
  );
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("no.onnx") });
  writeFileSync(join(scratch, "text.onnx"), "no model");
  const broken = await runAlara(
    "models",
    "import",
    join(scratch, "text.onnx"),
    ...out,
    ...ranges,
    "--window=0,1",
  );
  expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining("BROKEN_MODEL") });
});
