/**
 * Prints the content tree of a structured report: concepts and numbers. Free text is left out, it may name a patient.
 *
 *     node examples/09-structured-report.ts <report.dcm>
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { type ContentItem, readContentTree, readDicomFile } from "@alara/dicom";

function show({ value }: ContentItem): string {
  if (value.type === "NUM") return `= ${value.value ?? "none"} ${value.units?.value ?? ""}`;
  if (value.type === "CODE") return `= ${value.code.meaning}`;
  return "";
}

function print(item: ContentItem, depth: number): void {
  const name = item.concept?.meaning ?? item.value.type;
  console.log(`${"  ".repeat(depth)}${name} ${show(item)}`.trimEnd());
  for (const child of item.children) print(child, depth + 1);
}

const [path] = process.argv.slice(2);
print(readContentTree(readDicomFile(readFileSync(path)).dataset), 0);
