/** The guide to the command line names every command and every option that exists, and no other. */
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { runAlara } from "./alara.ts";

const guide = fs.readFileSync(new URL("../../../docs/guide/cli.md", import.meta.url), "utf8");

async function readHelp(command: readonly string[]): Promise<string> {
  const { code, stdout } = await runAlara(...command, "--help");
  if (code !== 0) throw new Error(`alara ${command.join(" ")} --help ended with ${code}`);
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

/** What every command says of itself, by its name. */
async function readAllHelps(): Promise<ReadonlyMap<string, string>> {
  const helps = new Map<string, string>();
  for (const name of listCommands(await readHelp([]))) {
    const help = await readHelp([name]);
    const inner = listCommands(help);
    if (inner.length === 0) helps.set(name, help);
    for (const second of inner) helps.set(`${name} ${second}`, await readHelp([name, second]));
  }
  return helps;
}

const helps = await readAllHelps();

describe("docs/guide/cli.md", () => {
  it.each([...helps])("describes %s", (name, help) => {
    const section = findSection(name.split(" "));
    expect(section).not.toBe("");
    const options = help
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
      expect([...helps.keys()].some((known) => name.startsWith(known) || known.split(" ")[0] === name)).toBe(
        true,
      );
    }
  });
});
