/** The page of the browser test: fetches inputs, runs the checks, posts what came out and what had been loaded. */
import { type CheckInputs, checkCodecs, checkSeries } from "./checks.ts";

async function run(): Promise<unknown> {
  try {
    const inputs = (await (await fetch("/inputs.json")).json()) as CheckInputs;
    const series = await checkSeries(inputs);
    await fetch("/series-done", { method: "POST" });
    return { results: { ...series, ...(await checkCodecs(inputs)) } };
  } catch (error) {
    return { error: String(error) };
  }
}

await fetch("/result", { method: "POST", body: JSON.stringify(await run()) });
