/** `encodeBase64` against Node's own encoder. */
import { expect, it } from "vitest";
import { createRandom, encodeBase64 } from "../src/index.ts";

it.each([0, 1, 2, 3, 24_575, 24_576, 24_577, 70_001])("encodes %i bytes as Buffer does", (length) => {
  const random = createRandom(length);
  const bytes = Uint8Array.from({ length }, () => random.nextInteger(256));
  expect(encodeBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
});
