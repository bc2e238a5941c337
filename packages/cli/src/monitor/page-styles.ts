/**
 * The style sheet of the training monitor's page, as text: light and dark by the reader's setting, one column on a
 * phone. No external font, image or import; its SHA-256 stands in the page's Content-Security-Policy.
 */

/** CSS source. */
export const MONITOR_STYLES: string = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #14181f; --soft: #5a6472; --line: #dfe3e9; --accent: #0b63ce;
  --good: #0a7a43; --good-back: #e2f4ea; --bad: #b3261e; --bad-back: #fce8e6; --mute-back: #eceff3;
  --c0: #0b63ce; --c1: #c2570a; --c2: #0a7a43; --c3: #8a3fb0; --c4: #a01d4d; --c5: #5d6b00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #161b22; --ink: #e8ecf1; --soft: #98a4b3; --line: #2a323d; --accent: #6db0ff;
    --good: #5fd697; --good-back: #12301f; --bad: #ff8a80; --bad-back: #3a1715; --mute-back: #222a34;
    --c0: #6db0ff; --c1: #f0a24a; --c2: #5fd697; --c3: #cf9bf0; --c4: #ff8fb1; --c5: #cfd86a;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main, header, footer { max-width: 1500px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 24px; }
.top { display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: end; justify-content: space-between; }
h1 { font-size: 25px; line-height: 1.2; letter-spacing: -0.01em; margin: 0; font-weight: 650; overflow-wrap: anywhere; }
.brand { font-size: 12px; letter-spacing: 0.1em; text-transform: uppercase; color: var(--accent); font-weight: 650; margin: 0 0 5px; }
.subtitle { margin: 4px 0 0; color: var(--soft); }
.badges { display: flex; gap: 8px; flex-wrap: wrap; }
.badge { border-radius: 999px; padding: 5px 14px; font-size: 13px; font-weight: 600; margin: 0; color: var(--soft); background: var(--mute-back); }
.badge[data-tone="good"] { color: var(--good); background: var(--good-back); }
.badge[data-tone="bad"] { color: var(--bad); background: var(--bad-back); }
.badge[data-tone="live"] { color: #fff; background: #0b63ce; }
progress { appearance: none; display: block; width: 100%; height: 8px; margin: 16px 0 0; border: 0; border-radius: 999px; background: var(--line); overflow: hidden; }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent); border-radius: 999px; }
progress::-moz-progress-bar { background: var(--accent); border-radius: 999px; }
h2 { font-size: 16px; margin: 0; font-weight: 650; color: var(--ink); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px; margin: 16px 0 14px; }
.card, section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.card { padding: 12px 18px; }
.card p { margin: 0; }
.card .name, .card .more { color: var(--soft); font-size: 13px; }
.card .figure { font-size: 23px; font-weight: 620; letter-spacing: -0.015em; line-height: 1.35; white-space: nowrap; }
section { padding: 16px 20px 18px; margin: 0 0 14px; }
.controls { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: center; margin: 0 0 14px; font-size: 14px; color: var(--soft); }
.controls :is(label, .group) { display: flex; align-items: center; gap: 8px; }
input[type="range"] { accent-color: var(--accent); }
button, select {
  font: inherit; font-size: 13px; color: var(--ink); background: var(--mute-back); border: 1px solid var(--line);
  border-radius: 7px; padding: 4px 10px; cursor: pointer; max-width: 100%;
}
button[aria-pressed="true"] { background: #0b63ce; border-color: #0b63ce; color: #fff; }
:is(button, select, input, summary, a, .plot, .sheet):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); gap: 14px; margin: 0 0 14px; }
.charts > section { margin: 0; min-width: 0; padding: 14px 16px 12px; }
.chart-head { display: flex; gap: 12px; align-items: center; justify-content: space-between; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; list-style: none; margin: 6px 0 4px; padding: 0; font-size: 13px; min-height: 20px; }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend svg { width: 22px; height: 8px; flex: none; }
.legend b { font-weight: 620; }
.legend .name { color: var(--soft); overflow-wrap: anywhere; }
.plot { border-radius: 6px; touch-action: pan-y; cursor: crosshair; }
.plot svg { display: block; width: 100%; height: auto; }
.plot text { font-size: 11.5px; fill: var(--soft); }
.plot .grid { stroke: var(--line); stroke-width: 1; }
.curve { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.curve.raw { stroke-width: 1; opacity: 0.3; }
.k0 { stroke: var(--c0); } .k1 { stroke: var(--c1); } .k2 { stroke: var(--c2); }
.k3 { stroke: var(--c3); } .k4 { stroke: var(--c4); } .k5 { stroke: var(--c5); }
.d1 { stroke-dasharray: 7 3; } .d2 { stroke-dasharray: 2 3; } .d3 { stroke-dasharray: 9 3 2 3; }
.level { stroke: var(--soft); stroke-width: 1.4; stroke-dasharray: 4 4; }
.best-line { stroke: var(--good); stroke-dasharray: 2 3; }
.best-dot { fill: var(--card); stroke: var(--good); stroke-width: 2.2; }
.plot text.best-text { fill: var(--good); font-weight: 620; stroke: var(--card); stroke-width: 4px; paint-order: stroke; }
.cursor { stroke: var(--soft); stroke-width: 1; }
.sheet { overflow-x: auto; background: #000; border-radius: 8px; }
.sheet a { display: block; }
.sheet img { display: block; width: 100%; min-width: 760px; height: auto; }
.foot { color: var(--soft); font-size: 13px; margin: 8px 0 0; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 14px; align-items: start; margin: 0 0 14px; }
.columns > section { margin: 0; min-width: 0; }
.scroll { overflow-x: auto; margin-top: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; font-weight: 500; overflow-wrap: anywhere; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-weight: 550; font-size: 13px; }
dl { display: grid; grid-template-columns: minmax(110px, max-content) 1fr; gap: 5px 20px; margin: 10px 0 0; font-size: 14px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
details { margin-top: 12px; font-size: 14px; }
summary { cursor: pointer; color: var(--soft); border-radius: 4px; }
pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--mute-back); border-radius: 8px; padding: 10px 12px; margin: 10px 0 0; overflow-x: auto; max-height: 420px; }
.note { background: var(--mute-back); border-radius: 10px; padding: 10px 16px; margin: 16px 0 0; font-size: 14px; }
footer { color: var(--soft); font-size: 13px; padding-top: 2px; padding-bottom: 30px; }
@media (max-width: 760px) {
  main, header, footer { padding: 0 12px; }
  header { padding-top: 14px; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; }
  .card { padding: 10px 12px; }
  .card .figure { font-size: 18px; }
  section { padding: 14px; }
  .charts { gap: 10px; }
}
`;
