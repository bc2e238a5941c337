/** The page of the reconstruction test: fetches inputs, reconstructs, posts what came out. */
import { checkReconstruction, type ReconstructionInputs } from "./reconstruction.ts";

/** What of the browser's globals this page asks about. */
interface PageGlobals {
  readonly crossOriginIsolated: boolean;
  Worker: new (url: string) => object;
}
const page = globalThis as unknown as PageGlobals;

/** Counts the workers that the page starts. */
let workers = 0;
page.Worker = class extends page.Worker {
  constructor(url: string) {
    super(url);
    workers++;
  }
};

async function run(): Promise<unknown> {
  try {
    const inputs = (await (await fetch("/inputs.json")).json()) as ReconstructionInputs;
    const results = await checkReconstruction(inputs);
    return { isIsolated: page.crossOriginIsolated, workers, results };
  } catch (error) {
    return { error: String(error) };
  }
}

await fetch("/result", { method: "POST", body: JSON.stringify(await run()) });
