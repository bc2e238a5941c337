/** Writes docs/guide/methods.md. Run: node scripts/docs/list-methods.ts */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createMethodsPage } from "./methods-page.ts";

const PAGE = fileURLToPath(new URL("../../docs/guide/methods.md", import.meta.url));
writeFileSync(PAGE, createMethodsPage());
process.stdout.write(`${PAGE}\n`);
