/** SHA-256 against the vectors of FIPS 180-4 and NIST's examples; canonical JSON. */
import { computeSha256, stringifyCanonical } from "@alara/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("computeSha256", () => {
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  ])("equals the published vector (%#)", async (text, digest) => {
    expect(await computeSha256(new TextEncoder().encode(text))).toBe(digest);
  });

  it("digests the view, not the buffer under it", async () => {
    const bytes = new TextEncoder().encode("xxabcxx");
    expect(await computeSha256(bytes.subarray(2, 5))).toBe(
      await computeSha256(new TextEncoder().encode("abc")),
    );
  });
});

describe("stringifyCanonical", () => {
  it("sorts keys by code unit at every depth and writes no spaces", () => {
    expect(
      stringifyCanonical({ b: [{ z: 1, a: 2 }], a: { d: null, c: "é" }, B: true, "10": 1, "9": 2 }),
    ).toBe('{"10":1,"9":2,"B":true,"a":{"c":"é","d":null},"b":[{"a":2,"z":1}]}');
  });

  it("leaves undefined members out and keeps the place of undefined items", () => {
    expect(stringifyCanonical({ a: undefined, b: [1, undefined] })).toBe('{"b":[1,null]}');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("refuses %f", (value) => {
    expect(() => stringifyCanonical({ a: [value] })).toThrow(
      expect.objectContaining({ code: "OUT_OF_RANGE" }),
    );
  });

  it("is valid JSON of the same value and does not depend on insertion order", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = stringifyCanonical(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(stringifyCanonical(reverseKeys(value))).toBe(text);
      }),
    );
  });
});

function reverseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseKeys);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reverseKeys(item)]),
  );
}
