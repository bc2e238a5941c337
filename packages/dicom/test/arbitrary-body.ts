/** Random legal datasets as bytes, for property tests. */
import fc from "fast-check";
import { concat, explicit, item, openItem, SEQUENCE_END, UNDEFINED } from "./make-dicom.ts";

/** Explicit little endian datasets: many VRs, nested sequences of both length forms. */
export function arbitraryBody(depth: number): fc.Arbitrary<Uint8Array> {
  const value = fc.uint8Array({ maxLength: 40 }).map((bytes) => (bytes.length % 2 ? bytes.slice(1) : bytes));
  const plain = fc.tuple(
    fc.constantFrom(
      "AE",
      "CS",
      "DS",
      "FD",
      "LO",
      "OB",
      "OW",
      "PN",
      "SS",
      "UC",
      "UI",
      "UN",
      "US",
      "UT",
      "UV",
      "SV",
    ),
    value,
  );
  const sequence =
    depth === 0
      ? fc.constant<[string, Uint8Array]>(["LT", new Uint8Array(0)])
      : fc
          .tuple(fc.boolean(), fc.array(fc.tuple(fc.boolean(), arbitraryBody(depth - 1)), { maxLength: 3 }))
          .map(([isOpen, items]): [string, Uint8Array] => {
            const content = concat(...items.map(([open, body]) => (open ? openItem(body) : item(body))));
            return [isOpen ? "SQ*" : "SQ", isOpen ? concat(content, SEQUENCE_END) : content];
          });
  return fc
    .array(
      fc.tuple(
        fc.integer({ min: 0x0008, max: 0x7fdf }),
        fc.integer({ min: 1, max: 0xffff }),
        fc.oneof({ weight: 4, arbitrary: plain }, { weight: 1, arbitrary: sequence }),
      ),
      { maxLength: 8 },
    )
    .map((entries) => {
      const byTag = new Map(entries.map(([group, element, content]) => [group * 65536 + element, content]));
      return concat(
        ...[...byTag]
          .sort((a, b) => a[0] - b[0])
          .map(([tag, [vr, bytes]]) =>
            vr === "SQ*" ? explicit(tag, "SQ", bytes, UNDEFINED) : explicit(tag, vr, bytes),
          ),
      );
    });
}
