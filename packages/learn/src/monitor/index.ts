/** The live monitor's platform-neutral part: log lines → records → view → text. */
export { formatCount, formatFigure, formatSpan, formatSpeed } from "./format-figures.ts";
export { cleanText, type PanelOptions, renderLogLine, renderRunPanel } from "./render-panel.ts";
export {
  parseRunFacts,
  RUN_FACTS_SCHEMA,
  type RunFacts,
  type RunSession,
  type StoredRunFacts,
} from "./run-facts.ts";
export { type PhaseRecord, parseLogLine, type RunRecord, readLogEntry } from "./run-log.ts";
export { estimateRemainingSeconds, measureElapsedSeconds, measurePace, type RunPace } from "./run-pace.ts";
export {
  buildRunView,
  type PhaseView,
  type RunCurve,
  type RunPoint,
  type RunStatus,
  type RunView,
  type RunViewOptions,
  type ValidationView,
} from "./run-view.ts";
export {
  isSampleFileName,
  parseSampleIndex,
  SAMPLE_INDEX_SCHEMA,
  type SampleEntry,
} from "./sample-index.ts";
export { drawSparkline, type Sparkline, type SparklineOptions } from "./sparkline.ts";
