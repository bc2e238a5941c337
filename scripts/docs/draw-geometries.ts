/**
 * Draws every scan geometry of docs/theory/tomography.md §2.9 as SVG, from the rays that `createRayCaster` casts: what
 * the figure shows is what the code does. Run: node scripts/docs/draw-geometries.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ConeFlatGeometry, ScanGeometry } from "@alara/core";
import { createRayCaster, type RayCaster } from "@alara/physics";

const FOLDER = fileURLToPath(new URL("../../docs/images/geometry/", import.meta.url));
const WIDTH = 640;
const HEIGHT = 560;

type Point = readonly [number, number];

/** A drawing in scanner coordinates: x to the right, y down, as an axial image is shown. */
class Drawing {
  readonly parts: string[] = [];
  readonly centre: Point;
  readonly scale: number;

  constructor(centre: Point, scale: number) {
    this.centre = centre;
    this.scale = scale;
  }

  place([x, y]: Point): Point {
    return [this.centre[0] + x * this.scale, this.centre[1] + y * this.scale];
  }

  line(a: Point, b: Point, style: string): void {
    const [x1, y1] = this.place(a);
    const [x2, y2] = this.place(b);
    this.parts.push(
      `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${style}/>`,
    );
  }

  circle(at: Point, radiusMm: number, style: string): void {
    const [x, y] = this.place(at);
    this.parts.push(
      `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${(radiusMm * this.scale).toFixed(1)}" ${style}/>`,
    );
  }

  dot(at: Point, colour: string, size = 4): void {
    const [x, y] = this.place(at);
    this.parts.push(`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${size}" fill="${colour}"/>`);
  }

  path(points: readonly Point[], style: string): void {
    const d = points.map((point, i) => {
      const [x, y] = this.place(point);
      return `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    this.parts.push(`<path d="${d.join(" ")}" fill="none" ${style}/>`);
  }

  text(
    at: Point,
    text: string,
    options: { dx?: number; dy?: number; colour?: string; anchor?: string } = {},
  ): void {
    const [x, y] = this.place(at);
    this.parts.push(
      `<text x="${(x + (options.dx ?? 0)).toFixed(1)}" y="${(y + (options.dy ?? 0)).toFixed(1)}" fill="${options.colour ?? "#333"}" text-anchor="${options.anchor ?? "start"}">${text}</text>`,
    );
  }

  note(lines: readonly string[]): void {
    lines.forEach((line, i) => {
      this.parts.push(
        `<text x="14" y="${HEIGHT - 12 - 19 * (lines.length - 1 - i)}" fill="#333">${line}</text>`,
      );
    });
  }

  render(title: string): string {
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="15">`,
      `<title>${title}</title>`,
      '<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="context-stroke"/></marker></defs>',
      `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
      `<text x="14" y="24" font-size="17" font-weight="bold" fill="#111">${title}</text>`,
      ...this.parts,
      "</svg>",
      "",
    ].join("\n");
  }
}

const AXIS = 'stroke="#999" stroke-width="1" marker-end="url(#a)"';
const RAY = 'stroke="#e08a00" stroke-width="1"';
const CENTRAL = 'stroke="#c03030" stroke-width="2"';
const DETECTOR = 'stroke="#2a5db0" stroke-width="5" stroke-linecap="round"';
const ANGLE = 'stroke="#2e8b57" stroke-width="1.6"';
const THIN = 'stroke="#777" stroke-width="1" stroke-dasharray="5 4"';

function castRay(caster: RayCaster, view: number, row: number, channel: number): Float64Array {
  const out = new Float64Array(6);
  caster.cast(view, row, channel, out);
  return out;
}

/** The detector point of a ray: where it is `distance` from the source, or on the flat detector's plane. */
function meetDetector(
  geometry: ScanGeometry,
  ray: Float64Array,
  central: Float64Array,
): [number, number, number] {
  let t = 1;
  if (geometry.kind === "fan-arc") t = geometry.sourceToDetectorMm;
  else if (geometry.kind === "cone-curved") t = geometry.sourceToDetectorMm / Math.hypot(ray[3], ray[4]);
  else if (geometry.kind !== "parallel" && geometry.kind !== "posed") {
    t = geometry.sourceToDetectorMm / (ray[3] * central[3] + ray[4] * central[4] + ray[5] * central[5]);
  }
  return [ray[0] + t * ray[3], ray[1] + t * ray[4], ray[2] + t * ray[5]];
}

function drawAxes(drawing: Drawing, reach: number): void {
  drawing.line([-reach, 0], [reach, 0], AXIS);
  drawing.line([0, -reach], [0, reach], AXIS);
  drawing.text([reach, 0], "x", { dx: -4, dy: -7 });
  drawing.text([0, reach], "y", { dx: 8, dy: -2 });
}

function drawArc(drawing: Drawing, centre: Point, radius: number, from: number, to: number): void {
  const steps = 40;
  drawing.path(
    Array.from({ length: steps + 1 }, (_, i): Point => {
      const angle = from + ((to - from) * i) / steps;
      return [centre[0] + radius * Math.cos(angle), centre[1] + radius * Math.sin(angle)];
    }),
    `${ANGLE} marker-end="url(#a)"`,
  );
}

const BETA = (-125 * Math.PI) / 180;

function drawParallel(): string {
  const geometry: ScanGeometry = {
    kind: "parallel",
    channels: 11,
    channelPitchMm: 30,
    channelOffset: 0,
    anglesRad: Float64Array.of((35 * Math.PI) / 180),
  };
  const caster = createRayCaster(geometry);
  const drawing = new Drawing([320, 265], 0.82);
  drawAxes(drawing, 235);
  drawing.circle([0, 0], 130, 'fill="#eef2f7" stroke="#9ab"');
  drawAxes(drawing, 235);
  const points: Point[] = [];
  for (let c = 0; c < geometry.channels; c++) {
    const ray = castRay(caster, 0, 0, c);
    const start: Point = [ray[0] - 210 * ray[3], ray[1] - 210 * ray[4]];
    const end: Point = [ray[0] + 210 * ray[3], ray[1] + 210 * ray[4]];
    points.push(end);
    drawing.line(start, end, c === 8 ? `${CENTRAL} marker-end="url(#a)"` : RAY);
  }
  drawing.path(points, DETECTOR);
  const theta = geometry.anglesRad[0];
  drawing.line([0, 0], [230 * Math.cos(theta), 230 * Math.sin(theta)], THIN);
  drawArc(drawing, [0, 0], 60, 0, theta);
  drawing.text([70, 20], "θ", { colour: "#2e8b57" });
  const chosen = castRay(caster, 0, 0, 8);
  drawing.line([0, 0], [chosen[0], chosen[1]], 'stroke="#333" stroke-width="2"');
  drawing.text([chosen[0] / 2, chosen[1] / 2], "s", { dx: -2, dy: 20 });
  drawing.text(points[10], "channel N − 1", { dx: 8, dy: 6, colour: "#2a5db0" });
  drawing.text(points[0], "channel 0", { dx: -34, dy: 20, colour: "#2a5db0" });
  drawing.note([
    "s = x cos θ + y sin θ; rays run along (−sin θ, cos θ)",
    "channel i lies at s = (i − (N − 1)/2 − offset) · pitch",
  ]);
  return drawing.render("parallel");
}

function drawFan(kind: "fan-arc" | "fan-flat"): string {
  const common = {
    sourceToIsoMm: 541,
    sourceToDetectorMm: 949,
    channels: 13,
    channelOffset: 0,
    anglesRad: Float64Array.of(BETA),
  };
  const geometry: ScanGeometry =
    kind === "fan-arc" ? { kind, ...common, channelPitchRad: 0.07 } : { kind, ...common, channelPitchMm: 72 };
  const caster = createRayCaster(geometry);
  const drawing = new Drawing([300, 265], 0.34);
  drawing.circle([0, 0], 541, 'fill="none" stroke="#bbb" stroke-dasharray="3 5"');
  drawing.circle([0, 0], 190, 'fill="#eef2f7" stroke="#9ab"');
  drawAxes(drawing, 560);
  const central = castRay(caster, 0, 0, 6);
  const source: Point = [central[0], central[1]];
  const points: Point[] = [];
  for (let c = 0; c < geometry.channels; c++) {
    const ray = castRay(caster, 0, 0, c);
    const [x, y] = meetDetector(geometry, ray, central);
    points.push([x, y]);
    drawing.line(source, [x, y], c === 6 ? CENTRAL : RAY);
  }
  drawing.path(points, DETECTOR);
  drawing.dot(source, "#c03030", 6);
  drawing.text(source, "source D (cos β, sin β)", { dx: 12, dy: 0, colour: "#c03030" });
  drawArc(drawing, [0, 0], 120, 0, BETA);
  drawing.text([95, -110], "β", { colour: "#2e8b57" });
  const direction = Math.atan2(central[4], central[3]);
  const outer = castRay(caster, 0, 0, 10);
  drawArc(drawing, source, 330, direction, Math.atan2(outer[4], outer[3]));
  drawing.text(
    [source[0] + 360 * Math.cos(direction - 0.14), source[1] + 360 * Math.sin(direction - 0.14)],
    "γ",
    { colour: "#2e8b57" },
  );
  drawing.text(points[12], "channel N − 1", { dx: 8, dy: -4, colour: "#2a5db0" });
  drawing.text(points[0], "channel 0", { dx: -74, dy: 18, colour: "#2a5db0" });
  drawing.note(
    kind === "fan-arc"
      ? [
          "γ of channel i = (i − (N − 1)/2 − offset) · Δγ, positive towards (−sin β, cos β)",
          "θ = β + π/2 − γ, s = D sin γ",
        ]
      : [
          "u of channel i = (i − (N − 1)/2 − offset) · pitch, tan γ = u / SDD",
          "virtual detector through the axis: s′ = u · D / SDD",
        ],
  );
  return drawing.render(kind === "fan-arc" ? "fan-arc: equiangular detector" : "fan-flat: flat detector");
}

/** A plain oblique projection for the pictures of cones. */
const oblique = ([x, y, z]: readonly [number, number, number]): Point => [x + 0.42 * y, -0.85 * z + 0.26 * y];

function drawCone(kind: "cone-flat" | "cone-curved"): string {
  const common = {
    sourceToIsoMm: 541,
    sourceToDetectorMm: 949,
    channels: 9,
    channelOffset: 0,
    rows: 5,
    rowPitchMm: 100,
    rowOffset: 0,
    anglesRad: Float64Array.of((150 * Math.PI) / 180),
  };
  const geometry: ScanGeometry =
    kind === "cone-flat"
      ? { kind, ...common, channelPitchMm: 80 }
      : { kind, ...common, channelPitchRad: 0.085 };
  const caster = createRayCaster(geometry);
  const drawing = new Drawing([345, 265], 0.46);
  const circle = Array.from({ length: 73 }, (_, i): Point => {
    const angle = (i * Math.PI) / 36;
    return oblique([541 * Math.cos(angle), 541 * Math.sin(angle), 0]);
  });
  drawing.path(circle, 'stroke="#bbb" stroke-dasharray="3 5"');
  drawing.line(oblique([0, 0, -260]), oblique([0, 0, 330]), AXIS);
  drawing.text(oblique([0, 0, 330]), "z (rotation axis)", { dx: 8, dy: 8 });
  drawing.line(oblique([-300, 0, 0]), oblique([330, 0, 0]), AXIS);
  drawing.text(oblique([330, 0, 0]), "x", { dx: 2, dy: -6 });
  drawing.line(oblique([0, -300, 0]), oblique([0, 380, 0]), AXIS);
  drawing.text(oblique([0, 380, 0]), "y", { dx: 8, dy: 4 });
  const central = castRay(caster, 0, 2, 4);
  const source: [number, number, number] = [central[0], central[1], central[2]];
  const grid: Point[][] = [];
  for (let r = 0; r < 5; r++) {
    const row: Point[] = [];
    for (let c = 0; c < 9; c++) {
      const ray = castRay(caster, 0, r, c);
      const point = meetDetector(geometry, ray, central);
      row.push(oblique(point));
      const isCorner = (r === 0 || r === 4) && (c === 0 || c === 8);
      if (isCorner) drawing.line(oblique(source), oblique(point), RAY);
      if (r === 2 && c === 4) drawing.line(oblique(source), oblique(point), CENTRAL);
    }
    grid.push(row);
  }
  for (const row of grid) drawing.path(row, 'stroke="#2a5db0" stroke-width="2"');
  for (let c = 0; c < 9; c++)
    drawing.path(
      grid.map((row) => row[c]),
      'stroke="#2a5db0" stroke-width="1"',
    );
  drawing.dot(oblique(source), "#c03030", 6);
  drawing.text(oblique(source), "source", { dx: -12, dy: -12, colour: "#c03030" });
  drawing.text(grid[4][4], "row M − 1", { dx: 6, dy: -12, colour: "#2a5db0" });
  drawing.text(grid[0][4], "row 0", { dx: 6, dy: 24, colour: "#2a5db0" });
  drawing.note(
    kind === "cone-flat"
      ? [
          "flat detector at SDD; v of row j = (j − (M − 1)/2 − offset) · pitch, towards +z",
          "virtual detector: s′ = u · D / SDD, v′ = v · D / SDD",
        ]
      : [
          "cylinder of radius SDD around the line through the source parallel to z",
          "channels lie at γ as in fan-arc, rows at v on the cylinder",
        ],
  );
  return drawing.render(
    kind === "cone-flat" ? "cone-flat: flat-panel detector" : "cone-curved: multi-row CT",
  );
}

function drawPosed(): string {
  const drawing = new Drawing([320, 275], 0.42);
  const turn = 26;
  const helix = Array.from({ length: 2 * 72 + 1 }, (_, i): Point => {
    const angle = (i * Math.PI) / 36;
    return oblique([541 * Math.cos(angle), 541 * Math.sin(angle), -240 + (i * 440) / 144]);
  });
  drawing.path(helix, 'stroke="#bbb" stroke-dasharray="3 5"');
  drawing.line(oblique([0, 0, -330]), oblique([0, 0, 380]), AXIS);
  drawing.text(oblique([0, 0, 380]), "z", { dx: 8, dy: 8 });
  for (const index of [turn, turn + 44, turn + 88]) {
    const angle = (index * Math.PI) / 36;
    const z = -240 + (index * 440) / 144;
    const centre = [-408 * Math.cos(angle), -408 * Math.sin(angle), z];
    const geometry: ScanGeometry = {
      kind: "posed",
      channels: 9,
      rows: 3,
      poses: Float64Array.of(
        541 * Math.cos(angle),
        541 * Math.sin(angle),
        z,
        centre[0],
        centre[1],
        centre[2],
        -60 * Math.sin(angle),
        60 * Math.cos(angle),
        0,
        0,
        0,
        60,
      ),
    };
    const caster = createRayCaster(geometry);
    const corners: Point[] = [];
    for (const [row, channel] of [
      [0, 0],
      [0, 8],
      [2, 8],
      [2, 0],
      [0, 0],
    ]) {
      const ray = castRay(caster, 0, row, channel);
      const p = geometry.poses;
      const c = channel - 4;
      const r = row - 1;
      const distance = Math.hypot(
        p[3] + c * p[6] + r * p[9] - ray[0],
        p[4] + c * p[7] + r * p[10] - ray[1],
        p[5] + c * p[8] + r * p[11] - ray[2],
      );
      const point = oblique([
        ray[0] + distance * ray[3],
        ray[1] + distance * ray[4],
        ray[2] + distance * ray[5],
      ]);
      corners.push(point);
      drawing.line(oblique([ray[0], ray[1], ray[2]]), point, RAY);
    }
    drawing.path(corners, DETECTOR.replace("5", "3"));
    drawing.dot(oblique([541 * Math.cos(angle), 541 * Math.sin(angle), z]), "#c03030", 6);
  }
  drawing.note([
    "every view has its own source, detector centre, channel step and row step:",
    "helices, tilted scans, robots, moving patients",
  ]);
  return drawing.render("posed: a pose for every view");
}

function drawShortScanAndOffset(): string {
  const drawing = new Drawing([170, 250], 0.22);
  const fan = 0.35;
  drawing.circle([0, 0], 541, 'fill="none" stroke="#ddd"');
  drawing.circle([0, 0], 185, 'fill="#eef2f7" stroke="#9ab"');
  const arc = (from: number, to: number, style: string): void =>
    drawing.path(
      Array.from({ length: 61 }, (_, i): Point => {
        const angle = from + ((to - from) * i) / 60;
        return [541 * Math.cos(angle), 541 * Math.sin(angle)];
      }),
      style,
    );
  arc(0, Math.PI + 2 * fan, `${ANGLE} marker-end="url(#a)"`);
  for (const beta of [0, Math.PI + 2 * fan]) {
    const source: Point = [541 * Math.cos(beta), 541 * Math.sin(beta)];
    drawing.dot(source, "#c03030", 5);
    for (const gamma of [-fan, fan]) {
      const angle = beta + Math.PI - gamma;
      drawing.line(source, [source[0] + 900 * Math.cos(angle), source[1] + 900 * Math.sin(angle)], RAY);
    }
  }
  drawing.text([-560, -700], "short scan: β from 0 to π + 2Γ (Parker)");
  const right = new Drawing([485, 250], 0.2);
  right.circle([0, 0], 230, 'fill="#eef2f7" stroke="#9ab"');
  const geometry: ConeFlatGeometry = {
    kind: "cone-flat",
    sourceToIsoMm: 600,
    sourceToDetectorMm: 950,
    channels: 9,
    channelPitchMm: 55,
    channelOffset: -2.6,
    rows: 1,
    rowPitchMm: 1,
    rowOffset: 0,
    anglesRad: Float64Array.of(-Math.PI / 2),
  };
  const caster = createRayCaster(geometry);
  const central = castRay(caster, 0, 0, 4 - 2.6);
  const points: Point[] = [];
  for (let c = 0; c < 9; c++) {
    const [x, y] = meetDetector(geometry, castRay(caster, 0, 0, c), central);
    points.push([x, y]);
    right.line([central[0], central[1]], [x, y], RAY);
  }
  const [x, y] = meetDetector(geometry, central, central);
  right.line([central[0], central[1]], [x, y], CENTRAL);
  right.path(points, DETECTOR);
  right.dot([central[0], central[1]], "#c03030", 5);
  right.text([-740, -770], "offset detector (half-fan): the central ray");
  right.text([-740, -770], "is near one edge; a full turn sees all", { dy: 20 });
  drawing.parts.push(...right.parts);
  return drawing.render("short scan and offset detector");
}

mkdirSync(FOLDER, { recursive: true });
const figures: Readonly<Record<string, string>> = {
  parallel: drawParallel(),
  "fan-arc": drawFan("fan-arc"),
  "fan-flat": drawFan("fan-flat"),
  "cone-flat": drawCone("cone-flat"),
  "cone-curved": drawCone("cone-curved"),
  posed: drawPosed(),
  "short-scan": drawShortScanAndOffset(),
};
for (const [name, svg] of Object.entries(figures)) writeFileSync(`${FOLDER}${name}.svg`, svg);
