/**
 * The Python that peers run in. Debian's packages belong to Debian's own interpreter, which another one earlier on
 * PATH may hide.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";

/**
 * Finds an interpreter that has all modules: `ALARA_PYTHON`, then /usr/bin/python3, then python3 on PATH.
 *
 * @throws Error that names the packages when none has them
 */
export function findPython(modules: readonly string[], packages: string): string {
  const candidates = [process.env.ALARA_PYTHON, "/usr/bin/python3", "python3"].filter(
    (name): name is string => name !== undefined,
  );
  for (const candidate of candidates) {
    const check = spawnSync(candidate, ["-c", `import ${modules.join(", ")}`], { stdio: "ignore" });
    if (check.status === 0) return candidate;
  }
  throw new Error(
    `the peer needs a Python with ${modules.join(", ")} (Debian: ${packages}); tried ${candidates.join(", ")}`,
  );
}
