/** `joinBytes` against Node's own. */
import { expect, it } from "vitest";
import { joinBytes } from "../src/index.ts";

it("puts parts together in order, empty ones and none among them, and copies", () => {
  const a = Uint8Array.of(1, 2);
  const view = Uint8Array.of(9, 3, 4, 9).subarray(1, 3);
  const joined = joinBytes([a, new Uint8Array(0), view]);
  expect([...joined]).toEqual([...Buffer.concat([a, view])]);
  a[0] = 7;
  expect(joined[0]).toBe(1);
  expect(joined.buffer.byteLength).toBe(4);
  expect(joinBytes([]).length).toBe(0);
  expect(joinBytes([a]).buffer).not.toBe(a.buffer);
});

it("takes more parts than a call takes arguments", () => {
  expect(joinBytes(Array.from({ length: 300_000 }, () => a)).length).toBe(300_000);
});

const a = Uint8Array.of(5);
