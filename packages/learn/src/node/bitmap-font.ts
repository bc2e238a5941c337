/**
 * Letters of 5 × 7 pixels for captions inside sample images: capitals, digits and the signs of HU windows. Each glyph
 * is seven rows, one base-32 digit per row, whose five bits are pixels from the left. No kerning, no lower case.
 */

/** Pixels from one letter to the next at scale 1. */
export const LETTER_ADVANCE = 6;
/** Height of a letter at scale 1. */
export const LETTER_HEIGHT = 7;

const GLYPHS: Readonly<Record<string, string>> = {
  A: "ehhvhhh",
  B: "uhhuhhu",
  C: "ehggghe",
  D: "uhhhhhu",
  E: "vgguggv",
  F: "vgguggg",
  G: "ehgnhhe",
  H: "hhhvhhh",
  I: "e44444e",
  J: "72222ic",
  K: "hikokih",
  L: "ggggggv",
  M: "hrllhhh",
  N: "hhpljhh",
  O: "ehhhhhe",
  P: "uhhuggg",
  Q: "ehhhlid",
  R: "uhhukih",
  S: "fgge11u",
  T: "v444444",
  U: "hhhhhhe",
  V: "hhhhha4",
  W: "hhhllla",
  X: "hha4ahh",
  Y: "hhha444",
  Z: "v1248gv",
  0: "ehjlphe",
  1: "4c4444e",
  2: "eh1248v",
  3: "v2421he",
  4: "26aiv22",
  5: "vgu11he",
  6: "68guhhe",
  7: "v124888",
  8: "ehhehhe",
  9: "ehhf12c",
  " ": "0000000",
  ".": "00000cc",
  ",": "0000c48",
  "-": "000v000",
  "−": "000v000",
  "+": "044v440",
  "/": "01248g0",
  "|": "4444444",
  "(": "2488842",
  ")": "8422248",
  ":": "0cc0cc0",
  "=": "00v0v00",
  _: "000000v",
  "#": "aavavaa",
  "%": "op248j3",
  "?": "eh12404",
};

/** A greyscale picture that can be drawn on. */
export interface Canvas {
  /** `[row][column]` */
  readonly pixels: Uint8Array;
  readonly rows: number;
  readonly columns: number;
}

/** Letters that fit in a width. */
export function countLetters(width: number, scale: number): number {
  return Math.max(0, Math.floor(width / (LETTER_ADVANCE * scale)));
}

/**
 * Draws text, its upper left corner at a place; what lies outside is cut off. Letters without a glyph become `?`.
 *
 * @param options.grey - 0 to 255
 */
export function drawText(
  canvas: Canvas,
  text: string,
  options: { readonly row: number; readonly column: number; readonly scale: number; readonly grey: number },
): void {
  const { row, column, scale, grey } = options;
  for (const [index, letter] of [...text.toUpperCase()].entries()) {
    const glyph = GLYPHS[letter] ?? GLYPHS["?"];
    for (let y = 0; y < LETTER_HEIGHT * scale; y++) {
      const bits = Number.parseInt(glyph[Math.floor(y / scale)], 32);
      for (let x = 0; x < 5 * scale; x++) {
        const [r, c] = [row + y, column + index * LETTER_ADVANCE * scale + x];
        const isInside = r >= 0 && r < canvas.rows && c >= 0 && c < canvas.columns;
        if (isInside && (bits >> (4 - Math.floor(x / scale))) & 1)
          canvas.pixels[r * canvas.columns + c] = grey;
      }
    }
  }
}
