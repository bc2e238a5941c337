/** Weights from PyTorch and back: files written by hand in Python, hostile files, and a network that gives the same. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  collectWeights,
  createInput,
  createResidualCnn,
  evaluateGraph,
  LearnError,
  loadWeights,
  readSafetensors,
  splitParameters,
  type WeightTensor,
  writeSafetensors,
} from "@alara/learn";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

interface Golden {
  readonly network: string;
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly types: string;
  readonly half: readonly number[];
  readonly brain: readonly number[];
  readonly double: readonly number[];
}
const golden: Golden = JSON.parse(
  readFileSync(new URL("golden/torch-weights.json", import.meta.url), "utf8"),
);
const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const file = decode(golden.network);
const network = createResidualCnn({ channels: 4, layers: 3, unshuffle: 2, scaleHu: 200 });
const rename = [
  [/^body\.0\./, "conv0."],
  [/^body\.2\./, "conv1."],
  [/^body\.4\./, "conv2."],
] as const;

/** A file from a header and data; for files that no writer writes. */
function assemble(header: unknown, data: Uint8Array, statedLength?: bigint): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, statedLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

describe("readSafetensors", () => {
  it("reads every element type as PyTorch and numpy wrote it", () => {
    const { tensors } = readSafetensors(decode(golden.types));
    const read = (name: string): number[] => [...(tensors.get(name) as WeightTensor).values];
    for (const name of ["half", "brain", "double"] as const) {
      expect(read(name)).toEqual([...golden[name].map(Math.fround), Number.POSITIVE_INFINITY]);
    }
    expect(Object.is(read("half")[1], -0)).toBe(true);
    expect(read("whole")).toEqual([1, -2, 3, 2 ** 20]);
    expect(read("flags")).toEqual([1, 0, 1]);
    expect(tensors.get("scalar")).toEqual({ shape: [], values: Float32Array.of(7.5) });
    expect(tensors.get("empty")).toEqual({ shape: [0, 3], values: new Float32Array() });
  });

  it("reads from the middle of a larger buffer", () => {
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    expect(readSafetensors(shifted.subarray(3))).toEqual(readSafetensors(file));
    expect(readSafetensors(file).metadata).toEqual({ format: "pt" });
  });

  const four = new Uint8Array(4);
  const one = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
  it.each<readonly [string, Uint8Array, RegExp]>([
    ["too short", new Uint8Array(7), /7 bytes/],
    ["a header longer than the file", assemble({}, four, 1000n), /header of 1000/],
    ["a header above 100 MB", assemble({}, four, 100_000_001n), /100000001/],
    ["a header length near 2⁶⁴", assemble({}, four, 2n ** 64n - 1n), /18446744073709551615/],
    ["no JSON", assemble("{nothing", four), /no UTF-8 JSON/],
    ["a list", assemble([], four), /no JSON object/],
    ["an entry that is no object", assemble({ w: 3 }, four), /entry of "w"/],
    ["no dtype", assemble({ w: { ...one, dtype: 3 } }, four), /states no dtype/],
    ["a negative size", assemble({ w: { ...one, shape: [-1] } }, four), /shape of "w"/],
    ["a broken size", assemble({ w: { ...one, shape: [0.5] } }, four), /shape of "w"/],
    ["one offset", assemble({ w: { ...one, data_offsets: [0] } }, four), /no two positions/],
    ["an end before the start", assemble({ w: { ...one, data_offsets: [4, 0] } }, four), /bytes 4 to 0/],
    ["out of range", assemble({ w: { ...one, data_offsets: [4, 8] } }, four), /bytes 4 to 8 but there are 4/],
    ["a wrong size", assemble({ w: { ...one, shape: [2] } }, four), /needs 8 bytes but has 4/],
    ["a huge size", assemble({ w: { ...one, shape: [2 ** 52, 2 ** 52] } }, four), /but has 4/],
    ["an overlap", assemble({ w: one, v: one }, four), /inside another tensor/],
    [
      "a partial overlap",
      assemble(
        { w: { ...one, shape: [2], data_offsets: [0, 8] }, v: { ...one, data_offsets: [4, 8] } },
        new Uint8Array(8),
      ),
      /"v" starts at byte 4/,
    ],
    ["a gap", assemble({ w: { ...one, data_offsets: [4, 8] } }, new Uint8Array(8)), /bytes 0 to 4/],
    ["bytes left over", assemble({ w: one }, new Uint8Array(9)), /last 5 bytes/],
    ["metadata that is no text", assemble({ __metadata__: { a: 1 }, w: one }, four), /"a" is no text/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(
      expect.objectContaining({ code: "BROKEN_WEIGHTS", message: expect.stringMatching(message) }),
    );
  });

  it("refuses element types that it does not know, by name", () => {
    for (const dtype of ["F8_E4M3", "C64", "constructor"]) {
      expect(() => readSafetensors(assemble({ w: { ...one, dtype } }, four))).toThrow(
        expect.objectContaining({ code: "UNSUPPORTED_DTYPE", message: expect.stringContaining(dtype) }),
      );
    }
  });

  it("survives random bytes and changed files: it reads them or refuses them, with a code", () => {
    const attempt = (bytes: Uint8Array): void => {
      try {
        for (const { shape, values } of readSafetensors(bytes).tensors.values()) {
          expect(shape.reduce((product, size) => product * size, 1)).toBe(values.length);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(LearnError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt), { numRuns: 300 });
    const change = fc.tuple(fc.nat(600), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), (changes) => {
        const bytes = file.slice();
        for (const [position, value] of changes) bytes[position] = value;
        attempt(bytes);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.json(), fc.uint8Array({ maxLength: 16 }), (json, data) => attempt(assemble(json, data))),
      { numRuns: 300 },
    );
  });
});

describe("writeSafetensors", () => {
  it("round-trips any names, shapes and values", () => {
    const tensor = fc.array(fc.nat(4), { maxLength: 4 }).chain((shape) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return fc.record({
        shape: fc.constant(shape),
        values: fc.float32Array({ minLength: length, maxLength: length }),
      });
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), tensor), { maxLength: 5 }), (pairs) => {
        const tensors = new Map(pairs);
        expect(readSafetensors(writeSafetensors(tensors, { metadata: { a: "b" } }))).toEqual({
          tensors,
          metadata: { a: "b" },
        });
      }),
      { numRuns: 200 },
    );
  });

  it("writes what a reader made from the format's description reads", (context) => {
    const python = "/usr/bin/python3";
    try {
      execFileSync(python, ["-c", "import numpy"], { stdio: "ignore" });
    } catch {
      context.skip("python3-numpy is absent");
    }
    const code = `
import sys, json, struct, numpy
data = sys.stdin.buffer.read()
n, = struct.unpack("<Q", data[:8])
assert n % 8 == 0
head = json.loads(data[8:8+n])
e = head["w"]
print(numpy.frombuffer(data[8+n:], "<f4")[e["data_offsets"][0]//4:e["data_offsets"][1]//4].reshape(e["shape"]).tolist())`;
    const bytes = writeSafetensors(
      new Map([
        ["first", { shape: [1], values: Float32Array.of(9) }],
        ["w", { shape: [2, 2], values: Float32Array.of(1, 2, 3, -0.5) }],
      ]),
    );
    const text = execFileSync(python, ["-c", code], { input: bytes, encoding: "utf8" });
    expect(JSON.parse(text)).toEqual([
      [1, 2],
      [3, -0.5],
    ]);
  });

  it("refuses values that do not fit", () => {
    const wrong = new Map([["w", { shape: [3], values: new Float32Array(2) }]]);
    expect(() => writeSafetensors(wrong)).toThrow(expect.objectContaining({ code: "SHAPE_MISMATCH" }));
  });
});

describe("loadWeights", () => {
  const { tensors } = readSafetensors(file);

  it("gives a network that computes what PyTorch computes", () => {
    const values = loadWeights(network, tensors, { rename, ignore: [/^seen\./] });
    const input = createInput("input", [1, 1, 8, 6]);
    const [output] = evaluateGraph([network.apply(input)], {
      input: golden.input,
      ...Object.fromEntries(splitParameters(network.parameters, values)),
    });
    output.forEach((value, k) => {
      const expected = golden.output[k];
      // torch computes in float32: rtol 1e-4, atol 1e-5 of the network's scale of 200 HU
      expect(Math.abs(value - expected)).toBeLessThan(1e-4 * Math.abs(expected) + 2e-3);
    });
    const changed = golden.output.filter((value, k) => Math.abs(value - golden.input[k]) > 1);
    expect(changed.length).toBeGreaterThan(30);
    const again = readSafetensors(writeSafetensors(collectWeights(network, values))).tensors;
    expect(loadWeights(network, again)).toEqual(values);
  });

  it("maps by a table, and accepts axes of size 1", () => {
    const table = Object.fromEntries(
      [0, 1, 2].flatMap((k) =>
        ["weight", "bias"].map((part) => [`body.${2 * k}.${part}`, `conv${k}.${part}`]),
      ),
    );
    const wide = new Map(
      [...tensors].map(([name, { shape, values }]) => [name, { shape: [1, ...shape, 1], values }]),
    );
    expect(loadWeights(network, wide, { rename: table, ignore: [/seen/] })).toEqual(
      loadWeights(network, tensors, { rename, ignore: [/seen/] }),
    );
  });

  it("names everything that does not fit in one error", () => {
    const wrong = new Map(tensors);
    wrong.delete("body.0.bias");
    wrong.set("body.2.bias", { shape: [5], values: new Float32Array(5) });
    wrong.set("conv2.bias", { shape: [4], values: new Float32Array(4) });
    wrong.delete("seen.weight");
    expect(() => loadWeights(network, wrong, { rename, ignore: [/^seen\.(bias|run)/] })).toThrow(
      expect.objectContaining({
        code: "WEIGHTS_MISMATCH",
        message: expect.stringMatching(
          /"body\.2\.bias" \(as "conv1\.bias"\) is \[5\], expected \[4\].*unexpected "seen\.num_batches_tracked".*both "body\.4\.bias" and "conv2\.bias".*missing "conv0\.bias" \[4\]/,
        ),
      }),
    );
  });
});
