/**
 * The charts of the training monitor's page, as the text of a script: line charts in SVG with a linear or logarithmic
 * axis, a cursor by pointer and by arrow keys, and the best step marked. Part of the page's one script; no library.
 */

/** JavaScript source: defines `createChart(host, options)`; uses `formatFigure` and `formatCount`. */
export const CHART_SCRIPT: string = `
const SVG = "http://www.w3.org/2000/svg";
const draw = (name, attributes, text) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

/** Ticks at 1, 2 or 5 times powers of ten. */
function linearTicks(low, high, wanted) {
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const share = raw / power;
  const step = power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) ticks.push(k * step);
  return ticks.map((tick) => Number(tick.toPrecision(12)));
}
function logTicks(low, high) {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const decades = to - from;
  const factors = decades <= 1 ? [1, 1.5, 2, 3, 5, 7] : decades <= 3 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / 8));
  const ticks = [];
  for (let e = from; e <= to; e += every)
    for (const factor of factors) {
      const tick = Number((factor * 10 ** e).toPrecision(3));
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  return ticks.length >= 2 ? ticks : linearTicks(low, high, 4);
}
function smooth(points, amount) {
  if (amount === 0) return points;
  let [mean, weight] = [0, 0];
  return points.map(([step, value]) => {
    mean = amount * mean + (1 - amount) * value;
    weight = amount * weight + (1 - amount);
    return [step, mean / weight];
  });
}
/** Index of the point next to a step. */
function findNearest(points, step) {
  let [low, high] = [0, points.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= step) low = middle;
    else high = middle;
  }
  return high >= 0 && Math.abs(points[high][0] - step) < Math.abs(points[low][0] - step) ? high : low;
}

/**
 * A chart in a section of its own.
 * update({ lines: [{ name, points }], levels: [{ name, value }], best: { step, value } | null, smoothing, lastStep })
 */
function createChart(host, { title, unit, isLogarithmic, fromZero }) {
  const section = make("section", "chart");
  section.dataset.title = title;
  const head = make("div", "chart-head");
  const toggle = make("button", "", "log");
  toggle.type = "button";
  toggle.setAttribute("aria-label", "logarithmic axis: " + title);
  head.append(make("h2", "", unit ? title + " / " + unit : title), toggle);
  const legend = make("ul", "legend");
  const plot = make("div", "plot");
  plot.tabIndex = 0;
  plot.setAttribute("role", "slider");
  plot.setAttribute("aria-label", title + ": values by step");
  section.append(head, legend, plot);
  host.append(section);

  let data = { lines: [], levels: [], best: null, smoothing: 0, lastStep: 1 };
  let isLog = isLogarithmic;
  let cursorStep = null;
  let width = 0;
  let geometry = null;

  const shown = () => data.lines.filter(({ points }) => points.length > 0);
  const canBeLog = () => shown().every(({ points }) => points.every(([, value]) => value > 0));

  function readValues(step) {
    return shown().map(({ name, points }) => {
      const point = step === null ? points[points.length - 1] : points[findNearest(points, step)];
      return { name, step: point[0], value: point[1] };
    });
  }
  function writeLegend() {
    const entries = readValues(cursorStep).map(({ name, value }, index) => {
      const item = make("li");
      const swatch = draw("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" });
      swatch.append(draw("path", { d: "M0 4H22", class: curveClass(index) }));
      item.append(swatch, make("span", "name", name), make("b", "", formatFigure(value)));
      return item;
    });
    for (const { name, value } of data.levels) {
      const item = make("li");
      const swatch = draw("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" });
      swatch.append(draw("path", { d: "M0 4H22", class: "level" }));
      item.append(swatch, make("span", "name", name), make("b", "", formatFigure(value)));
      entries.push(item);
    }
    if (cursorStep !== null) entries.push(make("li", "", "at step " + formatCount(cursorStep)));
    legend.replaceChildren(...entries);
    const step = cursorStep === null ? data.lastStep : cursorStep;
    plot.setAttribute("aria-valuemin", "0");
    plot.setAttribute("aria-valuemax", String(data.lastStep));
    plot.setAttribute("aria-valuenow", String(step));
    plot.setAttribute(
      "aria-valuetext",
      "step " + step + ": " + readValues(cursorStep).map(({ name, value }) => name + " " + formatFigure(value)).join(", ") +
        (data.best ? "; best at step " + data.best.step : ""),
    );
  }
  const curveClass = (index) => "curve k" + (index % 6) + (index >= 1 ? " d" + (index % 4) : "");

  function findRange() {
    let [low, high] = [Infinity, -Infinity];
    const take = (value) => {
      if (isLog && !(value > 0)) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    };
    for (const { points } of shown()) for (const [, value] of points) take(value);
    for (const { value } of data.levels) take(value);
    if (!(low <= high)) return [isLog ? 0.1 : 0, 1];
    if (fromZero && !isLog) low = Math.min(low, 0);
    if (low === high) return isLog ? [low / 2, high * 2] : [low - (Math.abs(low) || 1) * 0.5, high + (Math.abs(high) || 1) * 0.5];
    if (isLog) return [low / (high / low) ** 0.04, high * (high / low) ** 0.04];
    const margin = 0.05 * (high - low);
    return [fromZero && low === 0 ? 0 : low - margin, high + margin];
  }

  function render() {
    if (width === 0) return;
    const logPossible = canBeLog();
    toggle.disabled = !logPossible;
    if (!logPossible) isLog = false;
    toggle.setAttribute("aria-pressed", String(isLog));
    const height = width < 420 ? 190 : 230;
    const [left, right, top, bottom] = [52, 12, 12, 26];
    const [low, high] = findRange();
    const last = Math.max(1, data.lastStep);
    const x = (step) => left + ((width - left - right) * step) / last;
    const scale = isLog ? Math.log : (value) => value;
    const y = (value) => height - bottom - ((height - top - bottom) * (scale(value) - scale(low))) / (scale(high) - scale(low));
    geometry = { left, right, last };
    const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, "aria-hidden": "true" });
    for (const tick of isLog ? logTicks(low, high) : linearTicks(low, high, 4)) {
      svg.append(
        draw("line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
        draw("text", { x: left - 7, y: y(tick) + 4, "text-anchor": "end" }, formatFigure(tick)),
      );
    }
    for (const tick of linearTicks(0, last, width < 420 ? 3 : 6)) {
      const anchor = tick === 0 ? "start" : x(tick) > width - 40 ? "end" : "middle";
      svg.append(draw("text", { x: x(tick), y: height - 8, "text-anchor": anchor }, formatCount(tick)));
    }
    const path = (points) =>
      points
        .filter(([, value]) => !isLog || value > 0)
        .map(([step, value], index) => (index ? "L" : "M") + x(step).toFixed(1) + " " + y(value).toFixed(1))
        .join("");
    for (const { value } of data.levels)
      svg.append(draw("line", { class: "level", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    shown().forEach(({ points }, index) => {
      if (data.smoothing > 0) svg.append(draw("path", { class: curveClass(index) + " raw", d: path(points) }));
      svg.append(draw("path", { class: curveClass(index), d: path(smooth(points, data.smoothing)) }));
      if (points.length <= 3)
        for (const [step, value] of points) svg.append(draw("circle", { class: curveClass(index), cx: x(step), cy: y(value), r: 2.5 }));
    });
    if (data.best) {
      const { step, value } = data.best;
      const isRight = x(step) > width * 0.6;
      const isLow = y(value) > (top + height - bottom) / 2;
      svg.append(
        draw("line", { class: "best-line", x1: x(step), x2: x(step), y1: top, y2: height - bottom }),
        draw("circle", { class: "best-dot", cx: x(step), cy: y(value), r: 4.5 }),
        draw("text", { class: "best-text", x: x(step) + (isRight ? -9 : 9), y: y(value) + (isLow ? -12 : 20), "text-anchor": isRight ? "end" : "start" },
          "best " + formatFigure(value) + " at step " + formatCount(step)),
      );
    }
    if (cursorStep !== null) {
      svg.append(draw("line", { class: "cursor", x1: x(cursorStep), x2: x(cursorStep), y1: top, y2: height - bottom }));
    }
    plot.replaceChildren(svg);
    writeLegend();
  }

  /** Moves the cursor to the logged step next to a place. */
  function setCursor(step) {
    const lines = shown();
    if (step === null || lines.length === 0) cursorStep = null;
    else {
      const longest = lines.reduce((a, b) => (b.points.length > a.points.length ? b : a)).points;
      cursorStep = longest[findNearest(longest, step)][0];
    }
    render();
  }
  plot.addEventListener("pointermove", (event) => {
    if (!geometry) return;
    const box = plot.getBoundingClientRect();
    const place = ((event.clientX - box.left) * width) / box.width;
    setCursor(((place - geometry.left) * geometry.last) / (width - geometry.left - geometry.right));
  });
  plot.addEventListener("pointerleave", () => setCursor(null));
  plot.addEventListener("keydown", (event) => {
    const lines = shown();
    if (lines.length === 0) return;
    const points = lines.reduce((a, b) => (b.points.length > a.points.length ? b : a)).points;
    const at = cursorStep === null ? points.length - 1 : findNearest(points, cursorStep);
    const jump = Math.max(1, Math.round(points.length / 10));
    const moves = {
      ArrowLeft: at - 1, ArrowRight: at + 1, PageDown: at - jump, PageUp: at + jump, Home: 0, End: points.length - 1,
    };
    if (event.key === "Escape") setCursor(null);
    else if (event.key in moves) {
      setCursor(points[Math.min(points.length - 1, Math.max(0, moves[event.key]))][0]);
      event.preventDefault();
    }
  });
  toggle.addEventListener("click", () => {
    isLog = !isLog;
    render();
  });
  new ResizeObserver(() => {
    const now = Math.round(plot.clientWidth);
    if (now > 0 && now !== width) {
      width = now;
      render();
    }
  }).observe(plot);
  return {
    section,
    update(next) {
      data = next;
      if (width === 0) width = Math.round(plot.clientWidth);
      render();
    },
  };
}
`;
