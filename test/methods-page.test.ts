/** The guide's page of methods, tasks and recipes is what the registries and the recipes give. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createMethodsPage } from "../scripts/docs/methods-page.ts";

test("docs/guide/methods.md is up to date; rewrite it with scripts/docs/list-methods.ts", () => {
  const page = readFileSync(new URL("../docs/guide/methods.md", import.meta.url), "utf8");
  expect(page).toBe(createMethodsPage());
});
