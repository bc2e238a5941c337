/**
 * Binary morphology of one slice: square erosion and dilation by running counts, 4-connected components, holes.
 * Serra 1982. Pixels beyond the edge count as outside for erosion and as empty for dilation.
 */

/** Per line: 1 where the run of `2·radius + 1` pixels holds at least `needed` set ones. */
function scan(
  source: Uint8Array,
  target: Uint8Array,
  lines: number,
  length: number,
  lineStep: number,
  step: number,
  radius: number,
  needed: number,
): void {
  for (let line = 0; line < lines; line++) {
    const base = line * lineStep;
    let count = 0;
    for (let k = 0; k < Math.min(radius, length); k++) count += source[base + k * step];
    for (let i = 0; i < length; i++) {
      if (i + radius < length) count += source[base + (i + radius) * step];
      if (i - radius - 1 >= 0) count -= source[base + (i - radius - 1) * step];
      target[base + i * step] = count >= needed ? 1 : 0;
    }
  }
}

/** Keeps pixels whose whole `(2r+1)²` neighbourhood is set. `mask` holds 0 and 1; a new mask is returned. */
export function erode(mask: Uint8Array, rows: number, columns: number, radius: number): Uint8Array {
  const half = new Uint8Array(mask.length);
  const out = new Uint8Array(mask.length);
  scan(mask, half, rows, columns, columns, 1, radius, 2 * radius + 1);
  scan(half, out, columns, rows, 1, columns, radius, 2 * radius + 1);
  return out;
}

/** Sets every pixel within `radius` (chessboard distance) of a set one; a new mask is returned. */
export function dilate(mask: Uint8Array, rows: number, columns: number, radius: number): Uint8Array {
  const half = new Uint8Array(mask.length);
  const out = new Uint8Array(mask.length);
  scan(mask, half, rows, columns, columns, 1, radius, 1);
  scan(half, out, columns, rows, 1, columns, radius, 1);
  return out;
}

/**
 * Erodes every label of a slice at once: keeps a label where its whole `(2r+1)²` neighbourhood carries it, else 0.
 * The same as `erode` label by label.
 */
export function erodeLabels(labels: Uint8Array, rows: number, columns: number, radius: number): Uint8Array {
  const half = new Uint8Array(labels.length);
  const out = new Uint8Array(labels.length);
  const needed = 2 * radius + 1;
  for (let r = 0; r < rows; r++) {
    let run = 0;
    for (let c = 0, i = r * columns; c < columns; c++, i++) {
      run = c > 0 && labels[i] === labels[i - 1] ? run + 1 : 1;
      if (run >= needed) half[i - radius] = labels[i];
    }
  }
  const runs = new Int32Array(columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0, i = r * columns; c < columns; c++, i++) {
      runs[c] = r > 0 && half[i] === half[i - columns] ? runs[c] + 1 : 1;
      if (runs[c] >= needed) out[i - radius * columns] = half[i];
    }
  }
  return out;
}

/** 4-connected components of the set pixels: labels from 1, and the area of each (index 0 unused). */
export function labelComponents(
  mask: Uint8Array,
  rows: number,
  columns: number,
): { readonly labels: Int32Array; readonly areas: readonly number[] } {
  const labels = new Int32Array(mask.length);
  const areas = [0];
  const stack = new Int32Array(mask.length);
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || labels[start] !== 0) continue;
    const label = areas.length;
    let area = 0;
    let top = 0;
    stack[top++] = start;
    labels[start] = label;
    while (top > 0) {
      const i = stack[--top];
      area++;
      const c = i % columns;
      if (c > 0 && mask[i - 1] !== 0 && labels[i - 1] === 0) {
        labels[i - 1] = label;
        stack[top++] = i - 1;
      }
      if (c < columns - 1 && mask[i + 1] !== 0 && labels[i + 1] === 0) {
        labels[i + 1] = label;
        stack[top++] = i + 1;
      }
      if (i >= columns && mask[i - columns] !== 0 && labels[i - columns] === 0) {
        labels[i - columns] = label;
        stack[top++] = i - columns;
      }
      if (i < (rows - 1) * columns && mask[i + columns] !== 0 && labels[i + columns] === 0) {
        labels[i + columns] = label;
        stack[top++] = i + columns;
      }
    }
    areas.push(area);
  }
  return { labels, areas };
}

/** Sets every empty component that does not touch the edge of the slice; a new mask is returned. */
export function fillHoles(mask: Uint8Array, rows: number, columns: number): Uint8Array {
  const empty = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) empty[i] = mask[i] === 0 ? 1 : 0;
  const { labels, areas } = labelComponents(empty, rows, columns);
  const open = new Uint8Array(areas.length);
  for (let c = 0; c < columns; c++) {
    open[labels[c]] = 1;
    open[labels[(rows - 1) * columns + c]] = 1;
  }
  for (let r = 0; r < rows; r++) {
    open[labels[r * columns]] = 1;
    open[labels[r * columns + columns - 1]] = 1;
  }
  open[0] = 0;
  for (let i = 0; i < mask.length; i++) empty[i] = empty[i] === 0 || open[labels[i]] === 0 ? 1 : 0;
  return empty;
}
