/** Foreign validators on files in memory. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createTemporaryFolder } from "@alara/testing";

/** Error and warning lines of dciodvfy. */
export function validate(tool: string, bytes: Uint8Array): string[] {
  using folder = createTemporaryFolder("dciodvfy");
  writeFileSync(folder.resolve("x.dcm"), bytes);
  const { stderr, stdout } = spawnSync(tool, [folder.resolve("x.dcm")], { encoding: "utf8" });
  return `${stdout}\n${stderr}`.split("\n").filter((line) => /^(Error|Warning)/.test(line));
}
