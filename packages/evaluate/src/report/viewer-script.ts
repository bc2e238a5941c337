/**
 * The script of the report page, as text: the viewer's panels, windows, slices, zoom and read-out. It runs in a
 * browser without network and without any library; its SHA-256 stands in the page's Content-Security-Policy.
 * Address fragments set the first view: `#slice=5&window=1&difference=50&zoom=2`.
 */

/** JavaScript source; contains no `</script`. */
export const VIEWER_SCRIPT: string = String.raw`"use strict";
(() => {
  const root = document.documentElement;
  const setup = JSON.parse(document.getElementById("viewer-data").textContent);
  const { rows, columns, rowOffset, columnOffset, aspect, slices, panels, windows } = setup;
  const viewer = document.getElementById("viewer");
  viewer.style.setProperty("--aspect", columns + " / " + rows * aspect);
  const byId = (id) => document.getElementById(id);
  const fragment = new URLSearchParams(location.hash.slice(1));
  const number = (name, fallback) => {
    const value = Number(fragment.get(name));
    return fragment.has(name) && Number.isFinite(value) ? value : fallback;
  };
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  const state = {
    slice: clamp(Math.round(number("slice", Math.floor(slices.length / 2) + 1)) - 1, 0, slices.length - 1),
    low: 0, high: 1, preset: -1,
    difference: clamp(number("difference", 100), 5, 2000),
    zoom: clamp(number("zoom", 1), 1, 16), row: rows / 2, column: columns / 2,
    cursor: null, flipped: false,
  };

  // Slices are unpacked when first shown.
  const cache = new Map();
  const decode = (image, slice) => {
    const key = image + "-" + slice;
    let found = cache.get(key);
    if (!found) {
      found = unpack(byId("px-" + key).textContent);
      cache.set(key, found);
    }
    return found;
  };
  async function unpack(text) {
    const binary = atob(text.trim());
    const packed = new Uint8Array(binary.length);
    for (let i = 0; i < packed.length; i++) packed[i] = binary.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const n = rows * columns;
    const values = new Int16Array(n);
    for (let i = 0; i < n; i++) {
      let predicted = 0;
      if (i < columns) predicted = i === 0 ? 0 : values[i - 1];
      else predicted = i % columns === 0 ? values[i - columns] : (values[i - 1] + values[i - columns]) >> 1;
      const zigzag = bytes[i] | (bytes[n + i] << 8);
      values[i] = predicted + ((zigzag >> 1) ^ -(zigzag & 1));
    }
    return values;
  }

  const views = panels.map((panel, index) => {
    const figure = byId("panel-" + index);
    const canvas = figure.querySelector("canvas");
    const source = document.createElement("canvas");
    source.width = columns;
    source.height = rows;
    return {
      panel, figure, canvas, source,
      context: canvas.getContext("2d"),
      sourceContext: source.getContext("2d"),
      pixels: new ImageData(columns, rows),
      label: figure.querySelector(".panel-value"),
      values: null,
    };
  });

  async function valuesOf(panel, slice) {
    if (panel.kind === "image") {
      const image = state.flipped && panel.flip !== null ? panel.flip : panel.image;
      return decode(image, slice);
    }
    const [a, b] = await Promise.all([decode(panel.image, slice), decode(panel.against, slice)]);
    const out = new Int16Array(a.length);
    for (let i = 0; i < out.length; i++) out[i] = a[i] - b[i];
    return out;
  }

  function paint(view) {
    const isDifference = view.panel.kind === "difference";
    const low = isDifference ? -state.difference : state.low;
    const high = isDifference ? state.difference : state.high;
    const gain = 255 / (high - low);
    const target = new Uint32Array(view.pixels.data.buffer);
    const values = view.values;
    for (let i = 0; i < target.length; i++) {
      let grey = (values[i] - low) * gain;
      grey = grey < 0 ? 0 : grey > 255 ? 255 : grey | 0;
      target[i] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
    }
    view.sourceContext.putImageData(view.pixels, 0, 0);
  }

  // Canvas pixels per image pixel, and where the view's centre lies.
  function geometry(view) {
    const { width, height } = view.canvas;
    const scale = Math.min(width / columns, height / (rows * aspect)) * state.zoom;
    return { width, height, scale, scaleY: scale * aspect };
  }

  function blit(view) {
    const box = view.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(box.width * ratio));
    const height = Math.max(1, Math.round(box.height * ratio));
    if (view.canvas.width !== width || view.canvas.height !== height) {
      view.canvas.width = width;
      view.canvas.height = height;
    }
    const { scale, scaleY } = geometry(view);
    const { context } = view;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = scale < 4;
    context.imageSmoothingQuality = "high";
    const left = width / 2 - state.column * scale;
    const top = height / 2 - state.row * scaleY;
    context.drawImage(view.source, left, top, columns * scale, rows * scaleY);
    if (state.cursor) {
      const x = Math.round(left + (state.cursor.column + 0.5) * scale) + 0.5;
      const y = Math.round(top + (state.cursor.row + 0.5) * scaleY) + 0.5;
      const arm = 7 * ratio;
      const gap = 3 * ratio;
      context.strokeStyle = "#ffd24a";
      context.lineWidth = ratio;
      context.beginPath();
      for (const side of [-1, 1]) {
        context.moveTo(x + side * gap, y);
        context.lineTo(x + side * arm, y);
        context.moveTo(x, y + side * gap);
        context.lineTo(x, y + side * arm);
      }
      context.stroke();
    }
  }

  function limitPan() {
    const view = views[0];
    const { width, height, scale, scaleY } = geometry(view);
    const halfColumns = width / scale / 2;
    const halfRows = height / scaleY / 2;
    state.column = halfColumns * 2 >= columns ? columns / 2 : clamp(state.column, halfColumns, columns - halfColumns);
    state.row = halfRows * 2 >= rows ? rows / 2 : clamp(state.row, halfRows, rows - halfRows);
  }

  function blitAll() {
    limitPan();
    for (const view of views) if (view.values) blit(view);
    byId("zoom-value").textContent = "×" + state.zoom.toFixed(1).replace(".0", "");
  }

  function readOut() {
    const cursor = state.cursor;
    for (const view of views) {
      if (!cursor || !view.values) {
        view.label.textContent = "";
        continue;
      }
      const value = view.values[cursor.row * columns + cursor.column];
      const sign = view.panel.kind === "difference" && value > 0 ? "+" : "";
      view.label.textContent = (sign + value).replace("-", "\u2212") + " HU";
    }
    byId("cursor-value").textContent = cursor
      ? "row " + (cursor.row + rowOffset) + ", column " + (cursor.column + columnOffset)
      : "";
  }

  let generation = 0;
  async function show() {
    const mine = ++generation;
    const slice = state.slice;
    const all = await Promise.all(views.map((view) => valuesOf(view.panel, slice)));
    if (mine !== generation) return;
    views.forEach((view, index) => {
      view.values = all[index];
      paint(view);
    });
    blitAll();
    readOut();
    publish();
    for (const next of [slice + 1, slice - 1]) {
      if (next >= 0 && next < slices.length) for (let i = 0; i < setup.images; i++) decode(i, next);
    }
  }

  // What is on screen, for tests and for whoever inspects the page.
  function publish() {
    root.dataset.slice = String(slices[state.slice] + 1);
    root.dataset.window = state.low + ".." + state.high;
    root.dataset.panels = views
      .map((view) => {
        const used = new Set();
        let sum = 0;
        const data = view.pixels.data;
        for (let i = 0; i < data.length; i += 4) {
          used.add(data[i]);
          sum += data[i];
        }
        return used.size + ":" + (sum / (data.length / 4)).toFixed(2);
      })
      .join(" ");
    root.dataset.viewer = "ready";
  }

  function repaint() {
    for (const view of views) if (view.values) paint(view);
    blitAll();
    publish();
  }

  function setSlice(next) {
    const slice = clamp(next, 0, slices.length - 1);
    state.slice = slice;
    const slider = byId("slice");
    slider.value = String(slice);
    byId("slice-value").textContent = slices[slice] + 1 + " / " + setup.totalSlices;
    for (const marker of document.querySelectorAll(".plot")) {
      const line = marker.querySelector(".plot-marker");
      const first = Number(marker.dataset.first);
      const step = Number(marker.dataset.step);
      line.setAttribute("transform", "translate(" + (first + slices[slice] * step) + " 0)");
    }
    show();
  }

  function setWindow(low, high) {
    if (!(high > low)) return;
    state.low = low;
    state.high = high;
    state.preset = windows.findIndex((w) => w.lowHu === low && w.highHu === high);
    byId("level").value = String((low + high) / 2);
    byId("width").value = String(high - low);
    document.querySelectorAll("[data-preset]").forEach((button) => {
      button.setAttribute("aria-pressed", String(Number(button.dataset.preset) === state.preset));
    });
    for (const view of views) {
      if (view.panel.kind !== "difference") continue;
      view.figure.querySelector(".panel-range").textContent = "\u00b1" + state.difference + " HU";
    }
    repaint();
  }

  function setZoom(zoom, anchor) {
    const before = state.zoom;
    state.zoom = clamp(zoom, 1, 16);
    if (anchor) {
      const factor = before / state.zoom;
      state.column = anchor.column - (anchor.column - state.column) * factor;
      state.row = anchor.row - (anchor.row - state.row) * factor;
    }
    blitAll();
  }

  function locate(view, event) {
    const box = view.canvas.getBoundingClientRect();
    const ratio = view.canvas.width / box.width;
    const { width, height, scale, scaleY } = geometry(view);
    return {
      column: state.column + ((event.clientX - box.left) * ratio - width / 2) / scale,
      row: state.row + ((event.clientY - box.top) * ratio - height / 2) / scaleY,
    };
  }

  for (const view of views) {
    let drag = null;
    view.canvas.addEventListener("pointerdown", (event) => {
      view.canvas.setPointerCapture(event.pointerId);
      drag = { x: event.clientX, y: event.clientY, row: state.row, column: state.column };
    });
    view.canvas.addEventListener("pointerup", () => { drag = null; });
    view.canvas.addEventListener("pointercancel", () => { drag = null; });
    view.canvas.addEventListener("pointermove", (event) => {
      if (drag && state.zoom > 1) {
        const ratio = view.canvas.width / view.canvas.getBoundingClientRect().width;
        const { scale, scaleY } = geometry(view);
        state.column = drag.column - ((event.clientX - drag.x) * ratio) / scale;
        state.row = drag.row - ((event.clientY - drag.y) * ratio) / scaleY;
      }
      const point = locate(view, event);
      const row = Math.floor(point.row);
      const column = Math.floor(point.column);
      state.cursor = row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
      blitAll();
      readOut();
    });
    view.canvas.addEventListener("pointerleave", () => {
      state.cursor = null;
      blitAll();
      readOut();
    });
    view.canvas.addEventListener("dblclick", (event) => {
      setZoom(state.zoom > 1 ? 1 : 3, locate(view, event));
    });
    let turned = 0;
    view.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) {
        setZoom(state.zoom * Math.exp(-event.deltaY / 240), locate(view, event));
        return;
      }
      turned += event.deltaMode === 0 ? event.deltaY / 60 : event.deltaY;
      const steps = Math.trunc(turned);
      if (steps !== 0) {
        turned -= steps;
        setSlice(state.slice + Math.sign(steps));
      }
    }, { passive: false });
  }

  byId("slice").addEventListener("input", (event) => setSlice(Number(event.target.value)));
  document.querySelectorAll("[data-preset]").forEach((button) => {
    const preset = windows[Number(button.dataset.preset)];
    button.addEventListener("click", () => setWindow(preset.lowHu, preset.highHu));
  });
  const typed = () => {
    const level = Number(byId("level").value);
    const width = Number(byId("width").value);
    if (Number.isFinite(level) && width >= 1) setWindow(level - width / 2, level + width / 2);
  };
  byId("level").addEventListener("change", typed);
  byId("width").addEventListener("change", typed);
  byId("difference").addEventListener("input", (event) => {
    state.difference = Number(event.target.value);
    byId("difference-value").textContent = "\u00b1" + state.difference + " HU";
    setWindow(state.low, state.high);
  });
  byId("zoom-in").addEventListener("click", () => setZoom(state.zoom * 1.5));
  byId("zoom-out").addEventListener("click", () => setZoom(state.zoom / 1.5));
  byId("zoom-reset").addEventListener("click", () => setZoom(1));
  const layouts = document.querySelectorAll("[data-layout-button]");
  for (const button of layouts) {
    button.addEventListener("click", () => {
      viewer.dataset.layout = button.dataset.layoutButton;
      for (const other of layouts) other.setAttribute("aria-pressed", String(other === button));
      blitAll();
    });
  }
  function flip(on) {
    if (state.flipped === on) return;
    state.flipped = on;
    viewer.classList.toggle("flipped", on);
    show();
  }
  addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "number") return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      ArrowUp: () => setSlice(state.slice - 1),
      ArrowLeft: () => setSlice(state.slice - 1),
      ArrowDown: () => setSlice(state.slice + 1),
      ArrowRight: () => setSlice(state.slice + 1),
      PageUp: () => setSlice(state.slice - 5),
      PageDown: () => setSlice(state.slice + 5),
      Home: () => setSlice(0),
      End: () => setSlice(slices.length - 1),
      "+": () => setZoom(state.zoom * 1.5),
      "-": () => setZoom(state.zoom / 1.5),
      0: () => setZoom(1),
      f: () => flip(true),
    };
    windows.forEach((w, index) => { actions[index + 1] = () => setWindow(w.lowHu, w.highHu); });
    const box = viewer.getBoundingClientRect();
    if (!actions[event.key] || box.bottom < 0 || box.top > innerHeight) return;
    if (event.target instanceof HTMLInputElement && event.target.id === "difference") return;
    event.preventDefault();
    actions[event.key]();
  });
  addEventListener("keyup", (event) => { if (event.key === "f") flip(false); });
  for (const plot of document.querySelectorAll(".plot")) {
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * plot.viewBox.baseVal.width;
      const wanted = (x - Number(plot.dataset.first)) / Number(plot.dataset.step);
      let nearest = 0;
      slices.forEach((slice, index) => {
        if (Math.abs(slice - wanted) < Math.abs(slices[nearest] - wanted)) nearest = index;
      });
      setSlice(nearest);
    });
  }
  new ResizeObserver(blitAll).observe(viewer);

  byId("difference").value = String(state.difference);
  byId("difference-value").textContent = "\u00b1" + state.difference + " HU";
  const first = windows[clamp(Math.round(number("window", 1)) - 1, 0, windows.length - 1)];
  setWindow(first.lowHu, first.highHu);
  setSlice(state.slice);
})();
`;
