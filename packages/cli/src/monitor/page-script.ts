/**
 * The script of the training monitor's page, as text: fills the page from the state embedded in it, then from the
 * server's events; reconnects when the connection is lost. It runs without network but the page's own server, writes
 * text by `textContent` only, and its SHA-256 stands in the page's Content-Security-Policy.
 */
import { formatCount, formatFigure, formatSpan, formatSpeed } from "@alara/learn";
import { CHART_SCRIPT } from "./chart-script.ts";

/** The formatting of the terminal, as source: one definition for both. */
const FORMATTING = [formatFigure, formatCount, formatSpan, formatSpeed].map(String).join("\n");

/** JavaScript source; contains no `</script`. */
export const MONITOR_SCRIPT: string = String.raw`"use strict";
(() => {
${FORMATTING}
${CHART_SCRIPT}
const byId = (id) => document.getElementById(id);
const root = document.documentElement;
const initial = JSON.parse(byId("initial").textContent);
const state = { view: null, facts: null, samples: [], offsetMs: 0, isConnected: true, hasServerEnded: false };
const charts = new Map();
let smoothing = 0;

function write(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}
const serverNow = () => Date.now() + state.offsetMs;
const isOver = (view) => view.status !== "running" && view.status !== "waiting";
/** Phases are named only when there are several. */
const prefix = (view, phase) => (view.phases.length > 1 && phase.name ? phase.name + " " : "");

// ---- status, cards, badge: once a second -------------------------------------------------------------------------
function writeStatus() {
  const { view, facts } = state;
  if (!view) return;
  const ageSeconds = view.updatedMs === null ? null : Math.max(0, (serverNow() - view.updatedMs) / 1000);
  const patience = Math.max(60, 10 * (view.pace.secondsPerLine || 0));
  const isQuiet = view.status === "running" && ageSeconds !== null && ageSeconds > patience;
  const badge = byId("status");
  const tone = isQuiet || view.status === "aborted" ? "bad" : view.status === "running" ? "live" : isOver(view) ? "good" : "";
  const quietMinutes = Math.floor((ageSeconds || 0) / 60);
  const text = isQuiet ? "no news for " + (quietMinutes < 60 ? quietMinutes + " min" : formatSpan(60 * quietMinutes)) : view.status;
  if (badge.textContent !== text) badge.textContent = text;
  badge.dataset.tone = tone;
  const link = byId("connection");
  link.hidden = state.isConnected;
  if (!state.isConnected) {
    write("connection", state.hasServerEnded ? "monitor has ended; this is its last state" : "not connected; trying again");
  }

  const bar = byId("progress");
  const share = view.total ? Math.min(1, view.step / view.total) : null;
  bar.hidden = share === null;
  if (share !== null) bar.value = share;
  write("step", formatCount(view.step));
  write("share", share === null ? "" : "of " + formatCount(view.total) + ", " + (100 * share).toFixed(1) + " %");

  const left = view.remainingSeconds === null ? null : Math.max(0, view.remainingSeconds - (ageSeconds || 0));
  if (isOver(view)) {
    write("left-name", "Took");
    write("left", view.elapsedSeconds === null ? "–" : formatSpan(view.elapsedSeconds));
    write("ends", view.updatedMs === null ? "" : "ended " + new Date(view.updatedMs).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
  } else {
    write("left-name", "Time left");
    write("left", left === null || isQuiet ? "–" : formatSpan(left));
    const unknown = isQuiet ? "stopped or held up" : view.total ? "known after a few lines" : "length of the run is not known";
    write("ends", left === null || isQuiet ? unknown : "ends about " + formatMoment(serverNow() + 1000 * left));
  }
  const pace = view.pace.secondsPerStep;
  write("speed", pace ? formatSpeed(pace) : "–");
  write("elapsed", isOver(view) || view.elapsedSeconds === null ? "" : "worked " + formatSpan(view.elapsedSeconds));
  const name = (facts && facts.name) || initial.folder;
  document.title = (share === null || isOver(view) ? view.status : (100 * share).toFixed(0) + " %" + (left === null ? "" : ", " + formatSpan(left) + " left")) + " · " + name;
}
function formatMoment(ms) {
  const [when, today] = [new Date(ms), new Date(serverNow())];
  const isToday = when.toDateString() === today.toDateString();
  return when.toLocaleString([], isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

function writeCards() {
  const { view } = state;
  const { rmse, best, inputRmseHu, figures } = view.validation;
  const rates = view.phases.filter((phase) => phase.learningRate);
  const [first, ...others] = rates.map((phase) => ({ name: phase.name, text: formatFigure(phase.learningRate.last.value) }));
  write("rate", first ? first.text : "–");
  write("rate-more", others.length ? [first.name, ...others.map(({ name, text }) => name + " " + text)].join(", ") : "");
  const judged = rmse || figures[0] || null;
  byId("validation-card").hidden = judged === null;
  if (judged) {
    write("validation-name", rmse ? "Validation RMSE" : "Validation " + judged.name);
    write("validation", formatFigure(judged.last.value) + (rmse ? " HU" : ""));
    write("validation-more", (best ? "best " + (best.rmseHu === null ? "" : formatFigure(best.rmseHu) + " HU ") + "at step " + formatCount(best.step) : "") +
      (inputRmseHu === null ? "" : (best ? ", " : "") + "input " + formatFigure(inputRmseHu) + " HU"));
  }
}

// ---- charts ------------------------------------------------------------------------------------------------------
function listCharts(view) {
  const wanted = [];
  for (const phase of view.phases) {
    if (phase.losses.length === 0) continue;
    wanted.push({ title: prefix(view, phase) ? "Loss, " + phase.name : "Training loss", isLogarithmic: true, isSmoothed: true, lines: phase.losses });
  }
  const { rmse, best, inputRmseHu, figures } = view.validation;
  if (rmse) {
    wanted.push({
      title: "Validation RMSE", unit: "HU", lines: [{ ...rmse, name: "validation" }],
      levels: inputRmseHu === null ? [] : [{ name: "unprocessed input", value: inputRmseHu }],
      best: best && best.rmseHu !== null ? { step: best.step, value: best.rmseHu } : null,
    });
  }
  for (const figure of figures) {
    const at = best && figure.points.find(([step]) => step === best.step);
    wanted.push({ title: "Validation " + figure.name, lines: [figure], best: at ? { step: at[0], value: at[1] } : null });
  }
  for (const phase of view.phases)
    for (const curve of phase.other) wanted.push({ title: prefix(view, phase) + curve.name, isSmoothed: true, lines: [curve] });
  const rates = view.phases.filter((phase) => phase.learningRate).map((phase) => ({ ...phase.learningRate, name: prefix(view, phase).trim() || "learning rate" }));
  if (rates.length) wanted.push({ title: "Learning rate", lines: rates, fromZero: true });
  const norms = view.phases.filter((phase) => phase.gradientNorm).map((phase) => ({ ...phase.gradientNorm, name: prefix(view, phase).trim() || "gradient norm" }));
  if (norms.length) wanted.push({ title: "Gradient norm", isLogarithmic: true, isSmoothed: true, lines: norms });
  return wanted;
}
function updateCharts() {
  const { view } = state;
  const wanted = listCharts(view);
  const host = byId("charts");
  for (const [title, chart] of charts) {
    if (wanted.some((item) => item.title === title)) continue;
    chart.section.remove();
    charts.delete(title);
  }
  wanted.forEach((item, index) => {
    let chart = charts.get(item.title);
    if (!chart) {
      chart = createChart(host, { title: item.title, unit: item.unit, isLogarithmic: item.isLogarithmic === true, fromZero: item.fromZero === true });
      charts.set(item.title, chart);
    }
    if (host.children[index] !== chart.section) host.insertBefore(chart.section, host.children[index] || null);
    chart.update({
      lines: item.lines, levels: item.levels || [], best: item.best || null,
      smoothing: item.isSmoothed ? smoothing : 0, lastStep: Math.max(1, view.step),
    });
  });
  byId("chart-controls").hidden = wanted.length === 0;
  byId("empty").hidden = wanted.length > 0;
}

// ---- tables ------------------------------------------------------------------------------------------------------
function row(...cells) {
  const line = make("tr");
  line.append(...cells.map((text, index) => {
    const cell = make(index === 0 ? "th" : "td", "", text);
    if (index === 0) cell.scope = "row";
    return cell;
  }));
  return line;
}
function writeTables() {
  const { view } = state;
  const lines = [];
  const add = (name, curve) => lines.push(row(name, formatFigure(curve.last.value), formatFigure(curve.lowest.value), formatCount(curve.lowest.step)));
  for (const phase of view.phases) {
    for (const curve of phase.losses) add(prefix(view, phase) + "loss " + curve.name, curve);
    for (const curve of phase.other) add(prefix(view, phase) + curve.name, curve);
    if (phase.gradientNorm) add(prefix(view, phase) + "gradient norm", phase.gradientNorm);
    if (phase.learningRate) add(prefix(view, phase) + "learning rate", phase.learningRate);
  }
  if (view.validation.rmse) add("validation RMSE / HU", view.validation.rmse);
  for (const curve of view.validation.figures) add("validation " + curve.name, curve);
  byId("figures-body").replaceChildren(...lines);
  const pairs = view.validation.perPair;
  byId("pairs").hidden = pairs.length === 0;
  write("pairs-name", pairs.length + (pairs.length === 1 ? " held-out case" : " held-out cases") + " of the last validation");
  byId("pairs-body").replaceChildren(...[...pairs].sort((a, b) => b.rmseHu - a.rmseHu).slice(0, 200).map(({ id, rmseHu }) => row(id, formatFigure(rmseHu))));
}
function writeFacts() {
  const facts = state.facts || {};
  write("name", facts.name || initial.folder);
  write("summary", facts.summary || "");
  const entries = [["folder", initial.folder]];
  if (facts.network) entries.push(["network", facts.network.name + (facts.network.parameters ? ", " + formatCount(facts.network.parameters) + " parameters" : "")]);
  if (facts.provider) entries.push(["provider", facts.provider + (facts.threads ? ", " + facts.threads + " threads" : "")]);
  if (facts.steps) entries.push(["steps", formatCount(facts.steps)]);
  const sessions = facts.sessions || [];
  if (sessions.length) entries.push(["started", new Date(sessions[0].startedAt).toLocaleString()]);
  if (sessions.length > 1) {
    const last = sessions[sessions.length - 1];
    entries.push(["continued", (sessions.length - 1) + " times, last at step " + formatCount(last.fromStep) + ", " + new Date(last.startedAt).toLocaleString()]);
  }
  for (const [label, value] of Object.entries(facts.more || {})) entries.push([label, typeof value === "number" ? formatFigure(value) : value]);
  byId("facts").replaceChildren(...entries.flatMap(([label, value]) => [make("dt", "", label), make("dd", "", String(value))]));
  byId("recipe").hidden = facts.recipe === undefined;
  write("recipe-text", facts.recipe === undefined ? "" : JSON.stringify(facts.recipe, null, 2));
}

// ---- samples -----------------------------------------------------------------------------------------------------
const chosen = { id: null, index: 0 };
const samplesOf = (id) => state.samples.filter((sample) => sample.id === id).sort((a, b) => a.step - b.step);
function writeSamples() {
  const ids = [...new Set(state.samples.map(({ id }) => id))];
  byId("samples").hidden = ids.length === 0;
  if (ids.length === 0) return;
  const select = byId("case");
  if ([...select.options].map(({ value }) => value).join("\n") !== ids.join("\n")) {
    select.replaceChildren(...ids.map((id) => {
      const option = make("option", "", id);
      option.value = id;
      return option;
    }));
  }
  if (!ids.includes(chosen.id)) chosen.id = ids[0];
  select.value = chosen.id;
  const list = samplesOf(chosen.id);
  if (byId("follow").checked) chosen.index = list.length - 1;
  showSample();
}
function showSample() {
  const list = samplesOf(chosen.id);
  chosen.index = Math.max(0, Math.min(list.length - 1, chosen.index));
  const sample = list[chosen.index];
  const slider = byId("sample-step");
  slider.max = String(list.length - 1);
  slider.value = String(chosen.index);
  slider.setAttribute("aria-valuetext", "step " + sample.step);
  write("sample-step-value", formatCount(sample.step));
  const window = sample.windowHu.map((value) => String(value).replace("-", "−")).join(" to ");
  const [low, high] = sample.windowHu;
  const difference = sample.differenceHu === null ? "" : "; difference " + sample.differenceHu.map((value) => String(value).replace("-", "−")).join(" to ") + " HU";
  const best = state.view && state.view.validation.best && state.view.validation.best.step === sample.step ? " · best validation so far" : "";
  write("sample-caption", sample.panels.join(" | ") + " · " + sample.rows + " × " + sample.columns + " pixels · window " + window + " HU (level " + (low + high) / 2 + ", width " + (high - low) + ")" + difference + best);
  const address = "samples/" + encodeURIComponent(sample.file);
  const image = byId("sample-image");
  if (image.getAttribute("src") !== address) {
    image.src = address;
    image.width = sample.width;
    image.height = sample.height;
    byId("sample-link").href = address;
  }
  image.alt = sample.panels.join(", ") + " of " + sample.id + " at step " + sample.step;
}
function moveSample(to) {
  byId("follow").checked = false;
  chosen.index = to;
  showSample();
}
byId("sample-step").addEventListener("input", (event) => moveSample(Number(event.target.value)));
byId("earlier").addEventListener("click", () => moveSample(chosen.index - 1));
byId("later").addEventListener("click", () => moveSample(chosen.index + 1));
byId("case").addEventListener("change", (event) => {
  chosen.id = event.target.value;
  writeSamples();
});
byId("follow").addEventListener("change", writeSamples);
byId("smoothing").addEventListener("input", (event) => {
  smoothing = Number(event.target.value) / 100;
  write("smoothing-value", event.target.value + " %");
  updateCharts();
});

// ---- events ------------------------------------------------------------------------------------------------------
let updates = 0;
function takeView({ view, serverMs }) {
  state.view = view;
  state.offsetMs = serverMs - Date.now();
  writeStatus();
  writeCards();
  updateCharts();
  writeTables();
  root.dataset.step = String(view.step);
  root.dataset.status = view.status;
  root.dataset.charts = String(charts.size);
  root.dataset.updates = String(++updates);
}
function takeFacts(facts) {
  state.facts = facts;
  writeFacts();
}
function takeSamples(samples) {
  state.samples = samples;
  writeSamples();
  root.dataset.samples = String(samples.length);
}
function connect() {
  const source = new EventSource("events");
  source.addEventListener("open", () => {
    state.isConnected = true;
    writeStatus();
  });
  source.addEventListener("facts", (event) => takeFacts(JSON.parse(event.data)));
  source.addEventListener("samples", (event) => takeSamples(JSON.parse(event.data)));
  source.addEventListener("view", (event) => takeView(JSON.parse(event.data)));
  source.addEventListener("bye", () => {
    state.hasServerEnded = true;
  });
  source.addEventListener("error", () => {
    state.isConnected = false;
    writeStatus();
    // The browser tries again by itself unless the server refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  });
}
takeFacts(initial.facts);
takeView(initial);
takeSamples(initial.samples);
connect();
setInterval(writeStatus, 1000);
root.dataset.monitor = "ready";
})();
`;
