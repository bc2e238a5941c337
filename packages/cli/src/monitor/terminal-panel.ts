/**
 * Draws a training run on a terminal, in place: each frame goes up over the last one, overwrites it line by line and
 * clears what is left, in one write inside a synchronised update, so that nothing flickers. A terminal that became
 * narrower has wrapped the old frame; the way up is counted at the present width. Output that is no terminal gets one
 * plain line per log entry instead. Only the error output is written to; results keep standard output to themselves.
 */
import { stripVTControlCharacters } from "node:util";
import { type RunRecord, type RunView, renderLogLine, renderRunPanel } from "@alara/learn";

/** What a panel draws on; tests pass their own. */
export interface PanelTarget {
  /** Whether lines can be overwritten. */
  readonly isTerminal: boolean;
  readonly hasColour: boolean;
  /** Present size in characters. */
  getSize(): { readonly columns: number; readonly rows: number };
  write(text: string): void;
  /** Calls back when the size changes; returns what ends that. */
  onResize(callback: () => void): () => void;
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
}

/** Reads the terminal's abilities from its stream and environment: `NO_COLOR` (no-color.org) and `TERM=dumb`. */
export function describeTerminal(
  stream: NodeJS.WriteStream,
  environment: Readonly<Record<string, string | undefined>>,
): PanelTarget {
  const isTerminal = stream.isTTY === true && environment.TERM !== "dumb";
  return {
    isTerminal,
    hasColour: isTerminal && (environment.NO_COLOR ?? "") === "",
    getSize() {
      // Asked of the system: `stream.columns` lags behind until the signal of the change is handled.
      const [columns, rows] = stream.isTTY ? stream.getWindowSize() : [80, 24];
      return { columns: columns || 80, rows: rows || 24 };
    },
    write: (text) => void stream.write(text),
    onResize(callback) {
      stream.on("resize", callback);
      return () => stream.off("resize", callback);
    },
    nowMs: () => performance.now(),
  };
}

/** What is drawn besides the view. */
export interface PanelState {
  readonly view: RunView;
  readonly title: string;
  readonly url?: string;
  readonly sample?: string;
  /** Steps done by now. */
  readonly liveStep?: number;
  readonly liveSecondsPerStep?: number;
}

/** A panel on a terminal, or its plain replacement. */
export interface TerminalPanel {
  /** Shows a state; frames that come too fast are left out unless the log has grown. */
  draw(state: PanelState): void;
  /** Reports a new log entry: a plain line where there is no terminal. */
  report(record: RunRecord, state: PanelState): void;
  /** Writes a remark above the panel. */
  note(text: string): void;
  /** Draws the last frame and leaves it standing. */
  close(): void;
}

/** Time between two frames. */
const FRAME_MS = 200;
const BEGIN_UPDATE = "\x1b[?2026h";
const END_UPDATE = "\x1b[?2026l";

/** Characters of a line that take place. */
function measureWidth(line: string): number {
  return [...stripVTControlCharacters(line)].length;
}

/** Makes a panel. */
export function createTerminalPanel(target: PanelTarget): TerminalPanel {
  let shown: readonly string[] = [];
  let latest: PanelState | null = null;
  let drawnMs = Number.NEGATIVE_INFINITY;

  /** Control codes that put the cursor at the start of the last frame. */
  const goUp = (): string => {
    const { columns } = target.getSize();
    const lines = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(measureWidth(line) / columns)), 0);
    return lines > 0 ? `\x1b[${lines}A\r` : "\r";
  };
  const drawNow = (): void => {
    if (latest === null || !target.isTerminal) return;
    const { columns, rows } = target.getSize();
    const { view, title, ...extra } = latest;
    const lines = renderRunPanel(view, {
      columns: Math.max(20, columns),
      // The cursor stands below the frame: a frame as high as the screen would scroll it.
      rows: Math.max(1, rows - 1),
      hasColour: target.hasColour,
      title,
      ...extra,
    });
    target.write(
      `${BEGIN_UPDATE}${goUp()}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J${END_UPDATE}`,
    );
    shown = lines;
    drawnMs = target.nowMs();
  };
  const stopResizing = target.onResize(drawNow);
  return {
    draw(state) {
      latest = state;
      if (target.nowMs() - drawnMs >= FRAME_MS) drawNow();
    },
    report(record, state) {
      latest = state;
      if (target.isTerminal) drawNow();
      else target.write(`${renderLogLine(record, state.view)}\n`);
    },
    note(text) {
      if (target.isTerminal && shown.length > 0) {
        target.write(`${BEGIN_UPDATE}${goUp()}\x1b[J`);
        shown = [];
        target.write(`${text}\n`);
        drawNow();
        target.write(END_UPDATE);
      } else target.write(`${text}\n`);
    },
    close() {
      drawNow();
      stopResizing();
      latest = null;
      shown = [];
    },
  };
}
