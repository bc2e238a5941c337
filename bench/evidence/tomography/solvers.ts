/** The optimum of TV reconstruction by independent methods: FISTA and PDHG with both step rules on one fan-beam scan. */
import { createCentredGrid, createRandom } from "@alara/core";
import { createJosephProjector, createScanGeometry, createVolumeGrid, scanners } from "@alara/physics";
import { type IterativeProblem, solveFistaTv, solvePdhg } from "@alara/recon";
import { checkAtMost, type EvidencePart, findLargest, formatSmall } from "./tables.ts";

const SIZE = 32;
const TV_WEIGHT = 2;
const SEED = 4;

/** A noisy scan of a disc with two inserts; about twice as many rays as pixels. */
function createProblem(): IterativeProblem<Float64Array> {
  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 40, channelBinning: 16 });
  const operator = createJosephProjector(
    geometry,
    createVolumeGrid(createCentredGrid([1, SIZE, SIZE], [1, 8, 8])),
  );
  const truth = Float64Array.from({ length: SIZE * SIZE }, (_, i) => {
    const x = (i % SIZE) - (SIZE - 1) / 2;
    const y = Math.floor(i / SIZE) - (SIZE - 1) / 2;
    if (Math.hypot(x - 4, y + 3) < 3) return 0.03;
    if (Math.hypot(x + 5, y - 2) < 3.5) return 0.01;
    return Math.hypot(x, y) < 13 ? 0.02 : 0;
  });
  const random = createRandom(SEED);
  const data = operator.apply(truth).map((value) => value + 0.05 * random.nextNormal());
  return { operator, data, size: [1, SIZE, SIZE] };
}

/** Runs the part. */
export async function studySolvers(): Promise<EvidencePart> {
  const plain = createProblem();
  const weights = plain.data.map((value) => Math.exp(-0.2 * value));
  const rows: string[][] = [];
  const gaps: number[] = [];
  const distances: number[] = [];
  for (const [name, problem] of [
    ["without weights", plain],
    ["with statistical weights", { ...plain, weights }],
  ] as const) {
    const found = [
      ["FISTA, 150 iterations", await solveFistaTv(problem, { tvWeight: TV_WEIGHT, iterations: 150 })],
      [
        "PDHG with scalar steps, 1000 iterations",
        await solvePdhg(problem, { tvWeight: TV_WEIGHT, iterations: 1000, steps: "scalar" }),
      ],
      [
        "PDHG with diagonal steps, 1000 iterations",
        await solvePdhg(problem, { tvWeight: TV_WEIGHT, iterations: 1000, steps: "diagonal" }),
      ],
    ] as const;
    const values = found.map(([, { objectives }]) => objectives[objectives.length - 1]);
    const least = Math.min(...values);
    const fista = found[0][1].image;
    found.forEach(([method, { image }], k) => {
      const distance = findLargest(Array.from(image, (value, i) => value - fista[i]));
      gaps.push(values[k] / least - 1);
      distances.push(distance);
      rows.push([
        `${method}, ${name}`,
        values[k].toFixed(6),
        formatSmall(values[k] / least - 1),
        formatSmall(distance),
      ]);
    });
  }
  return {
    tables: [
      {
        title:
          "TV reconstruction of a fan-beam scan on 32²: objectives, above the least, largest difference from FISTA's image (1/mm)",
        columns: ["method", "objective", "above", "image"],
        rows,
      },
    ],
    checks: [
      checkAtMost("objectives of FISTA and PDHG above the least, relative, worst", findLargest(gaps), 1e-4),
      checkAtMost("images of PDHG against FISTA's, 1/mm, worst", findLargest(distances), 1e-3),
    ],
  };
}
