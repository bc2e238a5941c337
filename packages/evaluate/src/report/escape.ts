/**
 * Text into HTML without a way out of it. Every string of a report that is not a literal of this package passes
 * through here.
 */

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for element content and quoted attributes; control characters other than tab and newline are dropped. */
export function escapeHtml(text: string): string {
  let out = "";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if ((code < 32 && code !== 9 && code !== 10) || code === 127) continue;
    out += ENTITIES[character] ?? character;
  }
  return out;
}

/** JSON for a `<script type="application/json">` block: no `<`, and no line separators that end a script. */
export function stringifyForScript(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll("<", "\\u003c")
    .replaceAll(">", "\\u003e")
    .replaceAll("&", "\\u0026")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}
