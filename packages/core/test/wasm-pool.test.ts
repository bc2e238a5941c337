/**
 * The pool of kernel threads: the same bytes from any number of threads and without shared memory, abort, traps,
 * growth, and that idle pools let a process end. The kernel is written as bytes here: core builds none.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import {
  CoreError,
  chooseThreadCount,
  createWasmKernel,
  createWasmPool,
  encodeBase64,
  type WasmPool,
} from "../src/index.ts";
import { decodeWasmKernel } from "../src/wasm.ts";

const I32 = 0x7f;
/** Puts the byte length before a section's or a body's content. */
function withLength(content: readonly number[]): number[] {
  if (content.length > 127) throw new Error("one length byte");
  return [content.length, ...content];
}
/**
 * (import "env" "memory" (memory 1 65536 shared))
 * square(thread, address, value, rounds): adds value² to the number at the address, `rounds` times; 0 rounds trap.
 */
const bytes = [
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, ...withLength([1, 0x60, 4, I32, I32, I32, I32, 0])],
  ...[2, ...withLength([1, 3, 0x65, 0x6e, 0x76, 6, ...Buffer.from("memory"), 2, 3, 1, 0x80, 0x80, 4])],
  ...[3, ...withLength([1, 0])],
  ...[7, ...withLength([1, 6, ...Buffer.from("square"), 0, 0])],
  ...[
    10,
    ...withLength([
      1,
      ...withLength([
        0,
        // if (!rounds) unreachable
        ...[0x20, 3, 0x45, 0x04, 0x40, 0x00, 0x0b],
        // do { *address += value * value } while (rounds -= 1)
        ...[0x03, 0x40],
        ...[0x20, 1, 0x20, 1, 0x28, 2, 0, 0x20, 2, 0x20, 2, 0x6c, 0x6a, 0x36, 2, 0],
        ...[0x20, 3, 0x41, 1, 0x6b, 0x22, 3, 0x0d, 0, 0x0b],
        0x0b,
      ]),
    ]),
  ],
];
const kernel = encodeBase64(Uint8Array.from(bytes));

const JOBS = 50;
async function square(pool: WasmPool, rounds = 1, options = {}): Promise<number[]> {
  return pool.use(async (scratch) => {
    const offset = scratch.allocate(4 * JOBS);
    scratch.viewInt32(offset, JOBS).fill(7);
    const jobs = Array.from({ length: JOBS }, (_, i) => ({
      name: "square",
      values: [offset + 4 * i, i, rounds],
    }));
    await scratch.run(kernel, jobs, options);
    return [...scratch.viewInt32(offset, JOBS)];
  });
}
const expected = Array.from({ length: JOBS }, (_, i) => 7 + i * i);

it.each([1, 2, 3])("runs every job once with %i threads, one use after the other", async (threads) => {
  const pool = createWasmPool({ threads });
  const seen: number[] = [];
  const onJob = (done: number): void => {
    seen.push(done);
  };
  const results = await Promise.all([square(pool, 1, { onJob }), square(pool), square(pool)]);
  expect(results).toEqual([expected, expected, expected]);
  expect(seen).toEqual(Array.from({ length: JOBS }, (_, i) => i + 1));
  pool.dispose();
  await expect(square(pool)).rejects.toThrow(/disposed/);
});

it("grows, aligns, and keeps earlier values", async () => {
  const pool = createWasmPool({ threads: 2 });
  await pool.use(async (scratch) => {
    const first = scratch.allocate(5);
    scratch.viewInt32(first, 1)[0] = 41;
    const second = scratch.allocate(3_000_000);
    expect(second - first).toBe(64);
    scratch.viewFloat32(second, 750_000).fill(1.5);
    await scratch.run(kernel, [{ name: "square", values: [second + 2_999_996, 0, 1] }]);
    expect(scratch.viewInt32(first, 1)[0]).toBe(41);
    expect(scratch.viewFloat32(second, 750_000)[749_999]).toBe(1.5);
    expect(() => scratch.allocate(5e9)).toThrow(expect.objectContaining({ code: "OUT_OF_MEMORY" }));
  });
  pool.dispose();
});

it.each([1, 2])("turns a trap into an error and stays usable: %i threads", async (threads) => {
  const pool = createWasmPool({ threads });
  await expect(square(pool, 0)).rejects.toThrow(expect.objectContaining({ code: "WORKER_FAILED" }));
  await expect(pool.use((scratch) => scratch.run(kernel, [{ name: "cube", values: [] }]))).rejects.toThrow(
    CoreError,
  );
  expect(await square(pool)).toEqual(expected);
  pool.dispose();
});

it.each([1, 2])("aborts between jobs with the signal's reason: %i threads", async (threads) => {
  const pool = createWasmPool({ threads });
  const controller = new AbortController();
  let last = 0;
  const onJob = (done: number): void => {
    last = done;
    if (done === 3) controller.abort(new Error("enough"));
  };
  // Jobs long enough that the threads cannot be through before the third is heard of.
  await expect(square(pool, 3e6, { signal: controller.signal, onJob })).rejects.toThrow("enough");
  expect(last).toBeLessThan(JOBS);
  await expect(square(pool, 1, { signal: controller.signal })).rejects.toThrow("enough");
  const onJobThrows = (): void => {
    throw new Error("listener");
  };
  await expect(square(pool, 1, { onJob: onJobThrows })).rejects.toThrow("listener");
  expect(await square(pool)).toEqual(expected);
  pool.dispose();
});

it("fails runs under way when it is disposed of", async () => {
  for (const threads of [1, 2]) {
    const pool = createWasmPool({ threads });
    const run = square(pool, 3e6, { onJob: () => pool.dispose() });
    await expect(run).rejects.toThrow(expect.objectContaining({ code: "WORKER_FAILED" }));
  }
});

it("refuses impossible thread counts, modules with other imports, and caps threads by work", () => {
  for (const threads of [0, 1.5, Number.NaN, 1000]) {
    expect(() => createWasmPool({ threads })).toThrow(/threads/);
  }
  expect(() => decodeWasmKernel(encodeBase64(Uint8Array.from(bytes.slice(0, 8))), true)).toThrow(/import/);
  expect(chooseThreadCount(1e3, 8)).toBe(1);
  expect(chooseThreadCount(7e7, 8)).toBe(3);
  expect(chooseThreadCount(1e12, 8)).toBe(8);
});

it("runs in the calling thread as a kernel of its own", () => {
  const own = createWasmKernel(kernel);
  own.reserve(200_000);
  const offset = own.heapBase;
  own.functions.square(0, offset, 9, 2);
  expect(own.viewInt32(offset, 1)[0]).toBe(162);
});

it("finishes work that nothing else waits for, and lets the process end without dispose", () => {
  const core = new URL("../src/index.ts", import.meta.url).href;
  const script = `
    import { createWasmPool } from ${JSON.stringify(core)};
    const pool = createWasmPool({ threads: 2 });
    pool.use(async (scratch) => {
      const offset = scratch.allocate(4);
      scratch.viewInt32(offset, 1)[0] = 0;
      await scratch.run(${JSON.stringify(kernel)}, [{ name: "square", values: [offset, 5, 1] }]);
      console.log(scratch.viewInt32(offset, 1)[0]);
    });
  `;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    timeout: 20_000,
    cwd: fileURLToPath(new URL(".", import.meta.url)),
  });
  expect(child.stderr).toBe("");
  expect(child.stdout).toBe("25\n");
  expect(child.status).toBe(0);
});
