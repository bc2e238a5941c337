/**
 * Vitest reporter that ends a run by naming what was skipped and why, so that a missing tool is seen and not
 * taken for a pass. It only prints; the outcome of the run is the default reporter's business.
 */
import path from "node:path";
import type { Reporter, TestModule } from "vitest/node";

/** Groups skipped tests by reason; tests skipped without a note count under "no reason given". */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const byReason = new Map<string, string[]>();
    for (const module of modules) {
      const file = path.relative(process.cwd(), module.moduleId);
      for (const test of module.children.allTests("skipped")) {
        const result = test.result();
        const reason = (result.state === "skipped" && result.note) || "no reason given";
        byReason.set(reason, [...(byReason.get(reason) ?? []), `${file}: ${test.fullName}`]);
      }
    }
    for (const [reason, tests] of byReason) {
      process.stdout.write(`\nSkipped (${reason}):\n${tests.map((test) => `  ${test}\n`).join("")}`);
    }
  }
}
