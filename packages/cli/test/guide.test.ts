/** The guide to the command line names every command and every option that exists, and no other. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const LAUNCHER = fileURLToPath(new URL("../bin/alara.mjs", import.meta.url));
const guide = fs.readFileSync(new URL("../../../docs/guide/cli.md", import.meta.url), "utf8");

function readHelp(command: readonly string[]): string {
  const { status, stdout } = spawnSync(process.execPath, [LAUNCHER, ...command, "--help"], {
    encoding: "utf8",
  });
  expect(status).toBe(0);
  return stdout;
}

function listCommands(help: string): readonly string[] {
  const list = help.split(/^Commands:$/m)[1] ?? "";
  return [...list.matchAll(/^ {2}([a-z][\w-]*)/gm)]
    .map((match) => match[1])
    .filter((name) => name !== "help");
}

function listOptions(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map((match) => match[0]))].sort();
}

/** The guide's section about a command. */
function findSection(command: readonly string[]): string {
  const sections = guide.split(/^## /m).slice(1);
  return sections.find((section) => section.split("\n")[0].includes(`alara ${command.join(" ")}`)) ?? "";
}

describe("docs/guide/cli.md", () => {
  const commands: (readonly string[])[] = listCommands(readHelp([])).flatMap((name) => {
    const inner = listCommands(readHelp([name]));
    return inner.length === 0 ? [[name]] : inner.map((second) => [name, second]);
  });

  it.each(commands.map((command) => [command.join(" "), command] as const))("describes %s", (_, command) => {
    const section = findSection(command);
    expect(section).not.toBe("");
    const options = readHelp(command)
      .split("\n")
      .flatMap((line) => /^ {2}(?:-\w, )?(--[a-z][a-z-]*)/.exec(line)?.[1] ?? [])
      .filter((option) => option !== "--help");
    expect(options.length).toBeGreaterThan(0);
    for (const option of options) expect(section).toContain(option);
    for (const option of listOptions(section)) expect(options).toContain(option);
  });

  it("describes no command that is not there", () => {
    const described = [...guide.matchAll(/`alara ([a-z][a-z -]*[a-z])/g)].map((match) => match[1]);
    for (const name of described) {
      expect(commands.some((command) => name.startsWith(command.join(" ")) || command[0] === name)).toBe(
        true,
      );
    }
  });
});
