/**
 * The training monitor's page: one HTML text with its style and script inside and the state of the run embedded, so
 * that it shows something before the first event. The policy allows this script and style by SHA-256, and requests to
 * the page's own server; nothing else.
 */
import { createHash } from "node:crypto";
import { MONITOR_SCRIPT } from "./page-script.ts";
import { MONITOR_STYLES } from "./page-styles.ts";

function hashForPolicy(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** Value of the Content-Security-Policy header. */
export const MONITOR_POLICY: string = [
  "default-src 'none'",
  `script-src ${hashForPolicy(MONITOR_SCRIPT)}`,
  `style-src ${hashForPolicy(MONITOR_STYLES)}`,
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** JSON for a script block: no `<`, and no line separators that end a script. */
function escapeJson(json: string): string {
  return json
    .replaceAll("<", "\\u003c")
    .replaceAll(">", "\\u003e")
    .replaceAll("&", "\\u0026")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/**
 * Writes the page.
 *
 * @param stateJson - JSON text of `{ folder, facts, view, samples, serverMs }`
 */
export function renderMonitorPage(stateJson: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Training monitor</title>
<style>${MONITOR_STYLES}</style>
</head>
<body>
<header>
<div class="top">
<div><p class="brand">Alara · training monitor</p><h1 id="name"></h1><p class="subtitle" id="summary"></p></div>
<div class="badges"><p class="badge" id="connection" data-tone="bad" hidden></p><p class="badge" id="status" role="status"></p></div>
</div>
<progress id="progress" max="1" value="0" aria-label="steps done"></progress>
</header>
<main>
<div class="cards">
<div class="card"><p class="name">Step</p><p class="figure" id="step">–</p><p class="more" id="share"></p></div>
<div class="card"><p class="name" id="left-name">Time left</p><p class="figure" id="left">–</p><p class="more" id="ends"></p></div>
<div class="card"><p class="name">Speed</p><p class="figure" id="speed">–</p><p class="more" id="elapsed"></p></div>
<div class="card"><p class="name">Learning rate</p><p class="figure" id="rate">–</p><p class="more" id="rate-more"></p></div>
<div class="card" id="validation-card" hidden><p class="name" id="validation-name"></p><p class="figure" id="validation"></p><p class="more" id="validation-more"></p></div>
</div>
<noscript><p class="note">The monitor needs JavaScript. <code>loss.svg</code> in the run folder shows the curves without.</p></noscript>
<p class="note" id="empty">No line has been logged yet. The curves appear with the first one.</p>
<div class="controls" id="chart-controls" hidden>
<label>Smoothing of training curves <input type="range" id="smoothing" min="0" max="98" step="1" value="0"><output id="smoothing-value" for="smoothing">0 %</output></label>
<span>Point at a chart, or focus it and press <b>←</b> <b>→</b>, to read values.</span>
</div>
<div class="charts" id="charts"></div>
<section id="samples" hidden aria-labelledby="samples-title">
<div class="controls">
<h2 id="samples-title">Sample images</h2>
<label>Case <select id="case"></select></label>
<span class="group"><label for="sample-step">Step</label> <button type="button" id="earlier" aria-label="earlier sample">◀</button><input type="range" id="sample-step" min="0" max="0" step="1" value="0"><button type="button" id="later" aria-label="later sample">▶</button><output id="sample-step-value" for="sample-step"></output></span>
<label><input type="checkbox" id="follow" checked> follow the newest</label>
</div>
<div class="sheet" tabindex="0" role="group" aria-label="Sample image; scrolls sideways"><a id="sample-link" target="_blank" rel="noopener"><img id="sample-image" alt=""></a></div>
<p class="foot" id="sample-caption"></p>
</section>
<div class="columns">
<section aria-labelledby="figures-title">
<h2 id="figures-title">Last figures</h2>
<div class="scroll"><table><thead><tr><th scope="col">figure</th><th scope="col">last</th><th scope="col">lowest</th><th scope="col">at step</th></tr></thead><tbody id="figures-body"></tbody></table></div>
<details id="pairs" hidden><summary id="pairs-name"></summary><div class="scroll"><table><thead><tr><th scope="col">case</th><th scope="col">RMSE / HU</th></tr></thead><tbody id="pairs-body"></tbody></table></div></details>
</section>
<section aria-labelledby="facts-title">
<h2 id="facts-title">The run</h2>
<dl id="facts"></dl>
<details id="recipe" hidden><summary>recipe</summary><pre id="recipe-text" tabindex="0"></pre></details>
</section>
</div>
</main>
<footer>For research use; not a medical device. Times are estimates from the recent lines; an early stop ends a run sooner.</footer>
<script type="application/json" id="initial">${escapeJson(stateJson)}</script>
<script>${MONITOR_SCRIPT}</script>
</body>
</html>
`;
}
