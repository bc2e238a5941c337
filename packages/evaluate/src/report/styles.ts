/**
 * The style sheet of the report page, as text: light and dark by the reader's setting, dark image area in both,
 * print. No external font, image or import; its SHA-256 stands in the page's Content-Security-Policy.
 */

/** CSS source. */
export const REPORT_STYLES: string = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #14181f; --soft: #5a6472; --line: #dfe3e9; --accent: #0b63ce;
  --good: #0a7a43; --good-back: #e2f4ea; --bad: #b3261e; --bad-back: #fce8e6; --mute-back: #eceff3;
  --note: #fff7e0; --note-line: #e6c865; --c-input: #8a94a3; --c-candidate: #0b63ce; --c-reference: #c2690a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #161b22; --ink: #e8ecf1; --soft: #98a4b3; --line: #2a323d; --accent: #6db0ff;
    --good: #5fd697; --good-back: #12301f; --bad: #ff8a80; --bad-back: #3a1715; --mute-back: #222a34;
    --note: #2a2412; --note-line: #6b5a1f; --c-input: #8793a3; --c-candidate: #6db0ff; --c-reference: #f0a24a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main, header, footer { max-width: 1640px; margin: 0 auto; padding: 0 28px; }
header { display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: end; justify-content: space-between; padding-top: 26px; }
h1 { font-size: 25px; line-height: 1.2; letter-spacing: -0.01em; margin: 0; font-weight: 650; }
.brand { font-size: 12px; letter-spacing: 0.1em; text-transform: uppercase; color: var(--accent); font-weight: 650; margin: 0 0 5px; }
.subtitle { margin: 4px 0 0; color: var(--soft); }
.badge { border: 1px solid var(--line); border-radius: 999px; padding: 5px 14px; color: var(--soft); font-size: 13px; background: var(--card); margin: 0; }
h2 { font-size: 16px; margin: 0 0 12px; font-weight: 650; }
h2.next { margin-top: 26px; }
h3 { font-size: 13px; margin: 0 0 6px; font-weight: 600; color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 14px; margin: 20px 0 14px; }
.card, section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.card { padding: 14px 18px 13px; }
.card p { margin: 0; }
.card .name { color: var(--soft); font-size: 13px; }
.card .figure { font-size: 25px; font-weight: 620; letter-spacing: -0.015em; line-height: 1.35; white-space: nowrap; }
.card .figure .from { color: var(--soft); font-weight: 450; }
.card .figure small { font-size: 14px; font-weight: 500; color: var(--soft); letter-spacing: 0; }
.card .more { font-size: 13px; color: var(--soft); }
section { padding: 18px 20px 20px; margin: 0 0 14px; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 540px), 1fr)); gap: 14px; align-items: start; }
.columns > section { margin: 0; height: 100%; }
.columns { margin-bottom: 14px; }

#viewer { background: #0a0c0f; border-color: #1d232b; color: #d5dbe3; padding: 12px; color-scheme: dark; }
.controls { display: flex; flex-wrap: wrap; gap: 10px 18px; align-items: center; padding: 2px 4px 12px; font-size: 13px; }
.controls .group { display: flex; align-items: center; gap: 7px; color: #94a0ae; }
.controls output { color: #eef2f6; min-width: 62px; }
.controls .grow { flex: 1 1 200px; }
.controls input[type="range"] { flex: 1; accent-color: #5aa2ff; min-width: 90px; }
.controls #difference { max-width: 90px; }
.controls button {
  font: inherit; color: #d5dbe3; background: #1a2028; border: 1px solid #2d3642; border-radius: 7px; padding: 4px 10px; cursor: pointer; white-space: nowrap;
}
.controls button:hover { background: #242c37; }
.controls button[aria-pressed="true"] { background: #1d4f8f; border-color: #3b7fd0; color: #fff; }
.controls button:focus-visible, .controls input:focus-visible { outline: 2px solid #6db0ff; outline-offset: 2px; }
.controls input[type="number"] {
  font: inherit; width: 66px; color: #eef2f6; background: #12161c; border: 1px solid #2d3642; border-radius: 7px; padding: 3px 6px;
}
.panels { display: grid; gap: 8px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
[data-columns="3"] .panels { grid-template-columns: repeat(3, minmax(0, 1fr)); }
[data-layout="row"] .panels { grid-auto-flow: column; grid-template-columns: none; grid-auto-columns: minmax(0, 1fr); }
.panels figure { margin: 0; background: #000; border: 1px solid #1d232b; border-radius: 8px; overflow: hidden; position: relative; }
.panels canvas {
  display: block; width: 100%; aspect-ratio: var(--aspect, 4 / 3); max-height: max(44vh, 260px);
  cursor: crosshair; touch-action: none;
}
[data-layout="row"] .panels canvas { max-height: max(80vh, 260px); }
.panels figcaption {
  position: absolute; inset: 0 0 auto 0; display: flex; gap: 10px; align-items: baseline; padding: 7px 11px 14px;
  background: linear-gradient(rgb(0 0 0 / 0.62), transparent);
  font-size: 13px; font-weight: 600; color: #f3f6f9; text-shadow: 0 0 4px #000, 0 1px 2px #000; pointer-events: none;
}
.panel-range { font-weight: 450; }
.panel-value { margin-left: auto; color: #ffd24a; }
.panel-flip { display: none; color: #ffd24a; }
.flipped .panel-flip { display: inline; }
.hint { font-size: 12px; color: #7f8b99; padding: 10px 4px 0; margin: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; }
.hint output { margin-left: auto; color: #d5dbe3; }
kbd { font: inherit; border: 1px solid #2d3642; border-radius: 4px; padding: 0 5px; color: #b8c2ce; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: right; padding: 7px 10px; border-bottom: 1px solid var(--line); vertical-align: baseline; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr:last-child > * { border-bottom: 0; }
thead small { white-space: normal; }
thead th { color: var(--soft); font-weight: 550; font-size: 13px; border-bottom-color: var(--soft); }
tbody th { font-weight: 550; }
td small, th small { color: var(--soft); font-weight: 400; font-size: 12px; display: block; }
.bias td, thead th, .bias tbody small { white-space: nowrap; }
@media (max-width: 1420px) { .bias th small { white-space: normal; } .bias :is(th, td):not(:first-child, :last-child) { padding-inline: 7px; } }
td.best { font-weight: 650; }
.delta-good { color: var(--good); }
.delta-bad { color: var(--bad); }
.verdict { display: inline-block; border-radius: 999px; padding: 1px 10px; font-size: 12.5px; font-weight: 600; white-space: nowrap; }
.verdict-pass { color: var(--good); background: var(--good-back); }
.verdict-fail { color: var(--bad); background: var(--bad-back); }
.verdict-none { color: var(--soft); background: var(--mute-back); }
.note { background: var(--note); border: 1px solid var(--note-line); border-radius: 10px; padding: 10px 16px; margin: 0 0 14px; font-size: 14px; }
.note p { margin: 3px 0; }
.mark { border-width: 2px; font-weight: 600; }
.foot { color: var(--soft); font-size: 13px; margin: 12px 0 0; }
dl { display: grid; grid-template-columns: minmax(120px, max-content) 1fr; gap: 5px 20px; margin: 0; font-size: 14px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
code, .command { font: 12.5px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.command { background: var(--mute-back); border-radius: 8px; padding: 8px 12px; margin: 12px 0 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 460px), 1fr)); gap: 8px 28px; }
.plot { width: 100%; height: auto; display: block; cursor: pointer; }
table + table, .scroll + .scroll { margin-top: 18px; }
.plot text { font-size: 11.5px; fill: var(--soft); }
.plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.plot-marker line { stroke: var(--soft); stroke-dasharray: 3 3; }
.s-input { stroke: var(--c-input); } .s-candidate { stroke: var(--c-candidate); } .s-reference { stroke: var(--c-reference); }
.f-input { fill: var(--c-input); } .f-candidate { fill: var(--c-candidate); } .f-reference { fill: var(--c-reference); }
.dash-1 { stroke-dasharray: 6 3; } .dash-2 { stroke-dasharray: 2 3; }
ul { margin: 0; padding-left: 18px; font-size: 14px; color: var(--soft); }
li { margin: 3px 0; }
footer { color: var(--soft); font-size: 13px; padding-top: 6px; padding-bottom: 34px; }
noscript p { color: #ffd24a; padding: 20px; }
@media (max-width: 760px) {
  main, header, footer { padding: 0 12px; }
  header { padding-top: 16px; }
}
@media print {
  @page { size: A4 landscape; margin: 10mm; }
  :root { --page: #fff; }
  body { font-size: 11.5px; }
  .controls, .hint { display: none; }
  #viewer, .panels figure { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section, .card, .note { break-inside: avoid; }
  .panels canvas, [data-layout="row"] .panels canvas { max-height: 70mm; }
}
`;
