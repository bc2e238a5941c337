/** The training monitor's platform-neutral part: log lines → records → view, pace, time left, text. */
import { stripVTControlCharacters } from "node:util";
import {
  buildRunView,
  drawLossCurve,
  drawSparkline,
  estimateRemainingSeconds,
  formatCount,
  formatFigure,
  formatSpan,
  formatSpeed,
  isSampleFileName,
  measureElapsedSeconds,
  measurePace,
  parseLogLine,
  parseRunFacts,
  parseSampleIndex,
  type RunRecord,
  readLogEntry,
  renderLogLine,
  renderRunPanel,
  type StoredRunFacts,
  type TrainLogEntry,
} from "@alara/learn";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const START = Date.parse("2026-01-01T00:00:00Z");
const stamp = (seconds: number): string => new Date(START + 1000 * seconds).toISOString();

function read(entry: object): RunRecord {
  const record = readLogEntry(entry);
  if (record === null) throw new Error("no record");
  return record;
}

/** Two seconds a step, 30 s a validation every 100 steps, a line every 50. */
function makeLog(steps: number): { records: RunRecord[]; seconds: number } {
  const records: RunRecord[] = [];
  let seconds = 0;
  for (let step = 0; step <= steps; step += 50) {
    if (step > 0) {
      seconds += 100;
      const means = { "main.loss.l1": 1 / step, "main.gradientNorm": 2 };
      records.push(
        read({ kind: "train", step, learningRates: { main: 0.001 }, means, time: stamp(seconds) }),
      );
    }
    if (step % 100 !== 0) continue;
    seconds += 30;
    const rmseHu = 20 - step / 100 + (step > 300 ? 5 : 0);
    records.push(
      read({
        kind: "validation",
        step,
        rmseHu,
        inputRmseHu: 40,
        figures: { rmseHu, inputRmseHu: 40, ssim: 0.9 },
        score: rmseHu,
        perPair: [{ id: "a", rmseHu }],
        isBest: step <= 300,
        time: stamp(seconds),
      }),
    );
  }
  return { records, seconds };
}

const facts: StoredRunFacts = { schema: "alara-run/1", name: "r", steps: 1000, sessions: [] };

describe("log lines", () => {
  it("reads the form of one phase and of several", () => {
    const old = { kind: "train", step: 5, learningRate: 0.1, means: { "loss.l1": 2, gradientNorm: 3 } };
    expect(readLogEntry(old)).toEqual({
      kind: "train",
      step: 5,
      timeMs: null,
      phases: { "": { losses: { l1: 2 }, gradientNorm: 3, learningRate: 0.1, other: {} } },
    });
    const means = {
      "generator.loss.l1": 1,
      "generator.loss.cycle.back": 2,
      "generator.gradientNorm": 3,
      "critic.loss.gap": 4,
      "critic.accuracy": 0.5,
    };
    const several = { kind: "train", step: 5, learningRates: { generator: 0.1, critic: 0.2 }, means };
    expect(readLogEntry({ ...several, time: "2026-01-01T00:00:00Z" })).toEqual({
      kind: "train",
      step: 5,
      timeMs: START,
      phases: {
        generator: { losses: { l1: 1, "cycle.back": 2 }, gradientNorm: 3, learningRate: 0.1, other: {} },
        critic: { losses: { gap: 4 }, gradientNorm: null, learningRate: 0.2, other: { accuracy: 0.5 } },
      },
    });
  });

  it("shows the score where a validation has no truth, and no figure twice", () => {
    const unpaired = {
      kind: "validation",
      step: 1,
      figures: { noise: 3 },
      score: 2,
      perPair: [],
      isBest: true,
    };
    expect(readLogEntry(unpaired)).toMatchObject({ rmseHu: null, figures: { score: 2, noise: 3 } });
    const figures = { rmseHu: 1, inputRmseHu: 2, ssim: 0.5 };
    const paired = {
      kind: "validation",
      step: 1,
      rmseHu: 1,
      inputRmseHu: 2,
      figures,
      score: 1,
      isBest: false,
    };
    expect(readLogEntry(paired)).toMatchObject({ rmseHu: 1, figures: { ssim: 0.5 }, perPair: [] });
  });

  it("leaves out what is no line and what is no number, whatever the text", () => {
    expect(parseLogLine('{"kind":"train","step":1,"means":{"loss.l1":null,"loss.l2":1}}')).toMatchObject({
      phases: { "": { losses: { l2: 1 } } },
    });
    for (const line of ["", "{", "null", "[]", '{"kind":"train"}', '{"kind":"other","step":1}'])
      expect(parseLogLine(line)).toBeNull();
    fc.assert(
      fc.property(fc.json(), (json) => {
        const record = parseLogLine(json);
        const view = buildRunView(record === null ? [] : [record], { facts: parseRunFacts(json) });
        renderRunPanel(view, { columns: 60, hasColour: false, title: json });
        return parseSampleIndex(json).length === 0;
      }),
    );
    fc.assert(
      fc.property(
        fc.record({
          kind: fc.constantFrom("train", "validation", "end"),
          step: fc.nat(),
          means: fc.anything(),
        }),
        (entry) => buildRunView([readLogEntry(entry) ?? []].flat()).step >= 0,
      ),
    );
  });
});

describe("pace and time left", () => {
  it("times steps and validations apart", () => {
    const { records } = makeLog(400);
    const pace = measurePace(records);
    expect(pace).toMatchObject({
      secondsPerStep: 2,
      secondsPerValidation: 30,
      validateEvery: 100,
      lastValidationStep: 400,
    });
    expect(estimateRemainingSeconds(pace, { step: 400, total: 1000 })).toBe(600 * 2 + 6 * 30);
    expect(estimateRemainingSeconds(pace, { step: 450, total: 1010 })).toBe(560 * 2 + 7 * 30);
    expect(estimateRemainingSeconds(measurePace([]), { step: 0, total: 10 })).toBeNull();
  });

  it("is not moved by a pause, a slow validation or a clock set back", () => {
    const { records } = makeLog(1000);
    const shift = (from: number, seconds: number): RunRecord[] =>
      records.map((record, index) =>
        index < from ? record : { ...record, timeMs: (record.timeMs ?? 0) + 1000 * seconds },
      );
    for (const changed of [shift(8, 86_400), shift(9, 5000), shift(8, -3600)])
      expect(measurePace(changed)).toMatchObject({ secondsPerStep: 2, secondsPerValidation: 30 });
  });

  it("follows a pace that has changed", () => {
    const { records, seconds } = makeLog(200);
    for (let k = 1; k <= 30; k++)
      records.push(read({ kind: "train", step: 200 + 50 * k, means: {}, time: stamp(seconds + 25 * k) }));
    expect(measurePace(records).secondsPerStep).toBe(0.5);
  });

  it("leaves the gap before a session out, of the pace and of the time worked", () => {
    const line = (step: number, seconds: number): RunRecord =>
      read({ kind: "train", step, means: {}, time: stamp(seconds) });
    const records = [line(10, 10), line(20, 20), line(30, 5030), line(40, 5040)];
    const sessions = [
      { startedAt: stamp(0), fromStep: 0 },
      { startedAt: stamp(5015), fromStep: 20 },
    ];
    expect(measurePace(records, sessions).secondsPerStep).toBe(1);
    expect(measureElapsedSeconds(records, sessions)).toBe(20 + 25);
    expect(measureElapsedSeconds(records)).toBe(5030);
    expect(measureElapsedSeconds([])).toBeNull();
  });
});

describe("buildRunView", () => {
  it("holds curves, best, time left and status", () => {
    const { records } = makeLog(500);
    const view = buildRunView(records, { facts });
    expect(view).toMatchObject({ status: "running", step: 500, total: 1000 });
    expect(view.remainingSeconds).toBe(500 * 2 + 5 * 30);
    expect(view.phases).toHaveLength(1);
    expect(view.phases[0].losses[0]).toMatchObject({ name: "l1", last: { step: 500, value: 1 / 500 } });
    expect(view.phases[0].learningRate?.last.value).toBe(0.001);
    expect(view.validation.rmse?.points.map(({ step }) => step)).toEqual([0, 100, 200, 300, 400, 500]);
    expect(view.validation.best).toEqual({ step: 300, rmseHu: 17 });
    expect(view.validation.inputRmseHu).toBe(40);
    expect(view.validation.figures.map(({ name }) => name)).toEqual(["ssim"]);
    expect(view.validation.perPair).toEqual([{ id: "a", rmseHu: 20 }]);
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
  });

  it("says how a run has ended, and that one has not begun", () => {
    const { records, seconds } = makeLog(100);
    for (const [reason, status] of [
      ["finished", "finished"],
      ["early stop", "early stop"],
      ["aborted", "aborted"],
      ["anything", "aborted"],
    ]) {
      const end = read({ kind: "end", step: 100, reason, time: stamp(seconds) });
      expect(buildRunView([...records, end], { facts })).toMatchObject({ status, remainingSeconds: 0 });
    }
    const none = { status: "waiting", step: 0, total: null, remainingSeconds: null, updatedMs: null };
    expect(buildRunView([])).toMatchObject(none);
  });

  it("thins long curves and keeps their extremes and ends", () => {
    const records = Array.from({ length: 5000 }, (_, k) =>
      read({
        kind: "train",
        step: k,
        means: { "loss.l1": k === 2500 ? 99 : k === 2501 ? -99 : Math.sin(k) },
      }),
    );
    const curve = buildRunView(records, { maximumPoints: 300 }).phases[0].losses[0];
    expect(curve.points.length).toBeLessThanOrEqual(300);
    expect(curve.points.length).toBeGreaterThan(250);
    const steps = curve.points.map(({ step }) => step);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps).toEqual(expect.arrayContaining([0, 2500, 2501, 4999]));
    expect(curve.lowest).toEqual({ step: 2501, value: -99 });
    expect(buildRunView(records).phases[0].losses[0].points).toHaveLength(5000);
  });

  it("bounds the number of curves", () => {
    const means = Object.fromEntries(Array.from({ length: 500 }, (_, k) => [`loss.l${k}`, k]));
    expect(buildRunView([read({ kind: "train", step: 1, means })]).phases[0].losses.length).toBeLessThan(100);
  });
});

describe("run.json and the sample index", () => {
  it("keeps what it understands", () => {
    expect(
      parseRunFacts(
        JSON.stringify({
          ...facts,
          provider: 7,
          threads: 2,
          sessions: [
            { startedAt: "no time", fromStep: 0 },
            { startedAt: stamp(0), fromStep: 0 },
          ],
          more: { slices: 5, bad: {} },
        }),
      ),
    ).toEqual({
      ...facts,
      threads: 2,
      sessions: [{ startedAt: stamp(0), fromStep: 0 }],
      more: { slices: 5 },
    });
    for (const text of ["", "{}", "[]", '{"schema":"alara-run/1"}', '{"schema":"alara-run/2","steps":1}'])
      expect(parseRunFacts(text)).toBeNull();
  });

  it("names no file outside the folder", () => {
    const sample = { step: 1, id: "a", rows: 2, columns: 2, width: 4, height: 4, panels: ["x"] };
    const entry = { ...sample, windowHu: [0, 1], differenceHu: null };
    const index = (file: string): string =>
      JSON.stringify({ schema: "alara-samples/1", samples: [{ ...entry, file }] });
    expect(parseSampleIndex(index("step-000001-a.png"))).toHaveLength(1);
    for (const file of [
      "../run.json",
      "step-000001-a.png/../../x",
      "step-000001-..png",
      "/etc/passwd",
      "step-000001-a.png\n",
    ]) {
      expect(isSampleFileName(file)).toBe(false);
      expect(parseSampleIndex(index(file))).toEqual([]);
    }
  });
});

describe("text", () => {
  it("writes numbers and times for people", () => {
    expect([0, 0.043119, 12.3456, 1234.5, 7e-6, 0.00069, -3, Number.NaN].map(formatFigure)).toEqual([
      "0",
      "0.04312",
      "12.35",
      "1235",
      "7e-6",
      "6.9e-4",
      "-3",
      "–",
    ]);
    expect([0, 59.6, 725, 3600 + 299, 86_400 * 2 + 3600 * 3].map(formatSpan)).toEqual([
      "0 s",
      "1 min 00 s",
      "12 min 05 s",
      "1 h 05 min",
      "2 d 03 h",
    ]);
    expect([formatSpeed(0.3125), formatSpeed(4.1), formatSpeed(0)]).toEqual([
      "3.2 steps/s",
      "4.1 s/step",
      "–",
    ]);
    expect([999, 16_000, 1_234_567].map(formatCount)).toEqual(["999", "16 000", "1 234 567"]);
  });

  it("draws curves in eight heights, by the logarithm when they span more than a decade", () => {
    const points = (values: number[]): { step: number; value: number }[] =>
      values.map((value, step) => ({ step, value }));
    expect(drawSparkline(points([0, 1, 2, 3, 4, 5, 6, 7]), { width: 20 }).text).toBe("▁▂▃▄▅▆▇█");
    expect(drawSparkline(points([1, 10, 100]), { width: 3 }).text).toBe("▁▅█");
    expect(drawSparkline(points([1, 1, 9, 9]), { width: 2, markStep: 3 })).toEqual({
      text: "▁█",
      markIndex: 1,
    });
    expect(drawSparkline(points([5, 5]), { width: 2 }).text).toBe("▄▄");
    expect(drawSparkline([], { width: 5 })).toEqual({ text: "", markIndex: -1 });
  });

  it("fills a panel that fits the terminal", () => {
    const view = buildRunView(makeLog(500).records, { facts });
    const options = { hasColour: false, title: "run · cpu", url: "http://127.0.0.1:1/" };
    const text = renderRunPanel(view, { ...options, columns: 100 }).join("\n");
    expect(text).toContain("run · cpu  running  http://127.0.0.1:1/");
    expect(text).toMatch(/step 500 of 1 000 {2}█+░+ {2}50.0 % {2}2 s\/step {2}19 min 10 s left/);
    expect(text).toMatch(/^loss l1 +0.002 {2}█/m);
    expect(text).toMatch(/^learning rate +0.001/m);
    expect(text).toMatch(/^validation RMSE +20 HU/m);
    expect(text).toContain("▲ best 17 HU at step 300 · input 40 HU");
    for (const columns of [20, 41, 80, 200]) {
      for (const line of renderRunPanel(view, { ...options, columns }))
        expect(line.length).toBeLessThanOrEqual(columns);
    }
    const short = renderRunPanel(view, { ...options, columns: 100, rows: 3 });
    expect(short).toHaveLength(3);
    expect(short[2]).toMatch(/^validation RMSE/);
    const coloured = renderRunPanel(view, { ...options, columns: 100, hasColour: true }).join("\n");
    expect(stripVTControlCharacters(coloured)).toBe(text);
    expect(coloured).not.toBe(text);
    const live = renderRunPanel(view, { ...options, columns: 100, liveStep: 600 }).join("\n");
    expect(live).toContain("step 600 of 1 000");
    expect(live).toContain(`${formatSpan(400 * 2 + 5 * 30)} left`);
  });

  it("lets no name send commands to the terminal", () => {
    const evil = "\x1b[2J\u009b2J\u202e\r\n";
    const means = { [`${evil}.loss.${evil}`]: 1, [`b.loss.${evil}`]: 1 };
    const record = read({ kind: "train", step: 1, means });
    const view = buildRunView([record]);
    const panel = renderRunPanel(view, {
      columns: 200,
      hasColour: false,
      title: evil,
      sample: evil,
      url: evil,
    });
    for (const line of [...panel, renderLogLine(record, view)]) expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it("writes one plain line per entry", () => {
    const { records } = makeLog(100);
    const view = buildRunView(records, { facts });
    expect(records.map((record) => renderLogLine(record, view))).toEqual([
      "step 0/1000  validation RMSE 20 HU (best so far)  input 40 HU  ssim 0.9",
      "step 50/1000  loss l1 0.02  gradient norm 2  learning rate 0.001  2 s/step  34 min 30 s left",
      "step 100/1000  loss l1 0.01  gradient norm 2  learning rate 0.001  2 s/step  34 min 30 s left",
      "step 100/1000  validation RMSE 19 HU (best so far)  input 40 HU  ssim 0.9",
    ]);
  });
});

describe("drawLossCurve", () => {
  it("draws each phase and the best validation, and an empty frame without lines", () => {
    const entries = [
      { kind: "train", step: 1, learningRates: {}, means: { "a<b.loss.l1": 100, "d.loss.gap": 1 } },
      { kind: "train", step: 2, learningRates: {}, means: { "a<b.loss.l1": 1, "d.loss.gap": 2 } },
      { kind: "validation", step: 2, rmseHu: 5, figures: {}, score: 5, perPair: [], isBest: true },
    ] as unknown as TrainLogEntry[];
    const svg = drawLossCurve(entries);
    expect(svg.match(/<polyline/g)).toHaveLength(3);
    expect(svg).toContain("a&lt;b loss");
    expect(svg).toContain("logarithmic");
    expect(svg).toContain("<title>best: 5 HU at step 2</title>");
    expect(drawLossCurve([])).not.toContain("polyline");
  });
});
