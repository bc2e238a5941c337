/**
 * Random cross-sections of a body: fat, muscle, bone, organs or lungs, vessels, low-contrast lesions. Made for
 * noise-free truth (training and judging with different seeds), not for anatomy lessons: ellipses only, HU of
 * ordinary contrast-enhanced CT, uniform inside each shape.
 */
import type { Random } from "@alara/core";
import type { Ellipse, Phantom } from "./phantom.ts";

/** Options of {@link createRandomBodyPhantom}. */
export interface BodyPhantomOptions {
  /** Default: drawn, both equally often. */
  readonly region?: "chest" | "abdomen";
  /** Patient table below the body; default `"drawn"` (three in four). */
  readonly table?: "drawn" | "present" | "absent";
  /** Number of small soft-tissue variations; default 60. */
  readonly textureCount?: number;
  /** Number of low-contrast lesions; default 8. */
  readonly lesionCount?: number;
  /** Scales the body; 1 is an adult of about 320 × 220 mm; default 1. */
  readonly scale?: number;
}

/**
 * Draws a body cross-section.
 *
 * @param random - the only source of variation
 * @returns HU, `"replace"` composition on −1000 HU; within ±215 mm of the axis at scale 1
 * Tested: same stream, same phantom; value ranges; tissue present in every draw.
 */
export function createRandomBodyPhantom(random: Random, options: BodyPhantomOptions = {}): Phantom<"HU"> {
  const { textureCount = 60, lesionCount = 8, scale = 1 } = options;
  const uniform = (low: number, high: number): number => low + (high - low) * random.nextUniform();
  const region = options.region ?? (random.nextUniform() < 0.5 ? "chest" : "abdomen");
  const table = options.table ?? "drawn";
  const hasTable = table === "drawn" ? random.nextUniform() < 0.75 : table === "present";
  const shapes: Ellipse[] = [];
  const add = (
    xMm: number,
    yMm: number,
    semiAxisXMm: number,
    semiAxisYMm: number,
    value: number,
    rotationRad = 0,
  ): Ellipse => {
    const shape = { xMm, yMm, semiAxisXMm, semiAxisYMm, rotationRad, value };
    shapes.push(shape);
    return shape;
  };
  /** A point inside an ellipse, at most `reach` of the way to its rim. */
  const drawInside = (e: Ellipse, reach: number): [number, number] => {
    const angle = uniform(0, 2 * Math.PI);
    const radius = reach * Math.sqrt(random.nextUniform());
    const u = radius * e.semiAxisXMm * Math.cos(angle);
    const v = radius * e.semiAxisYMm * Math.sin(angle);
    const cosine = Math.cos(e.rotationRad);
    const sine = Math.sin(e.rotationRad);
    return [e.xMm + u * cosine - v * sine, e.yMm + u * sine + v * cosine];
  };

  const a = uniform(140, 175);
  const b = a * uniform(0.62, 0.76);
  if (hasTable) {
    const y = b + uniform(8, 25);
    add(0, y + 14, uniform(180, 205), 16, uniform(-350, -100));
    add(0, y + 14, 176, uniform(12.5, 14), uniform(-970, -900));
  }
  add(0, 0, a + 2, b + 2, uniform(0, 60)); // skin
  add(0, 0, a, b, uniform(-115, -90));
  const fat = uniform(6, region === "chest" ? 18 : 30);
  const wall = add(0, 0, a - fat, b - fat, uniform(40, 65));
  const cavity = add(
    0,
    -4,
    wall.semiAxisXMm - uniform(12, 18),
    wall.semiAxisYMm - uniform(14, 22),
    uniform(-110, -80),
  );

  // Places that soft texture and lesions go to.
  const organs: Ellipse[] = [];
  const contrast = random.nextUniform() < 0.6 ? uniform(40, 150) : 0;
  const vessel = uniform(35, 50) + contrast;
  if (region === "chest") {
    organs.push(add(0, -4, cavity.semiAxisXMm * 0.9, cavity.semiAxisYMm * 0.9, uniform(20, 45)));
    const lungValue = uniform(-870, -720);
    for (const side of [-1, 1]) {
      const lung = add(
        side * cavity.semiAxisXMm * uniform(0.5, 0.56),
        uniform(-8, 6),
        cavity.semiAxisXMm * uniform(0.38, 0.44),
        cavity.semiAxisYMm * uniform(0.8, 0.93),
        lungValue + uniform(-30, 30),
        side * uniform(-0.2, 0.1),
      );
      for (let i = 0; i < 45; i++) {
        const [x, y] = drawInside(lung, 0.9);
        const r = 0.7 + 4 * random.nextUniform() ** 3;
        const value = uniform(-100, 60) + (r > 2 ? contrast : 0);
        add(x, y, r, r * uniform(1, 3), value, uniform(0, Math.PI));
      }
      for (let i = 0; i < 3; i++) {
        const [x, y] = drawInside(lung, 0.8);
        const r = uniform(1.5, 5);
        add(x, y, r + 1, r + 1, uniform(-60, 40));
        add(x, y, r, r, uniform(-980, -900));
      }
      if (random.nextUniform() < 0.5) {
        const [x, y] = drawInside(lung, 0.8);
        const r = uniform(2, 12);
        add(x, y, r, r * uniform(0.8, 1.2), uniform(-650, 60), uniform(0, Math.PI));
      }
    }
    const heart = add(
      uniform(8, 25),
      uniform(-35, -15),
      uniform(40, 55),
      uniform(32, 44),
      uniform(35, 60) + contrast / 3,
      uniform(-0.5, 0.5),
    );
    organs.push(heart);
    for (let i = 0; i < 2; i++) {
      const [x, y] = drawInside(heart, 0.5);
      organs.push(add(x, y, uniform(12, 18), uniform(10, 16), vessel, uniform(0, Math.PI)));
    }
  } else {
    const liver = add(
      -cavity.semiAxisXMm * 0.42,
      uniform(-20, -5),
      cavity.semiAxisXMm * 0.52,
      cavity.semiAxisYMm * 0.72,
      uniform(45, 65) + contrast / 3,
      uniform(-0.3, 0.3),
    );
    organs.push(liver);
    for (let i = 0; i < 14; i++) {
      const [x, y] = drawInside(liver, 0.9);
      const r = uniform(1, 4.5);
      add(x, y, r, r * uniform(1, 2.5), liver.value + uniform(-15, 10) + contrast / 3, uniform(0, Math.PI));
    }
    const spleen = add(
      cavity.semiAxisXMm * 0.66,
      uniform(-5, 25),
      24,
      uniform(34, 46),
      uniform(45, 60) + contrast / 2,
      uniform(-0.4, 0.4),
    );
    const stomach = add(
      cavity.semiAxisXMm * 0.3,
      uniform(-50, -35),
      uniform(34, 48),
      uniform(18, 28),
      uniform(-10, 60),
      uniform(-0.4, 0.4),
    );
    organs.push(spleen, stomach);
    if (random.nextUniform() < 0.7) {
      add(
        stomach.xMm,
        stomach.yMm - 5,
        stomach.semiAxisXMm * 0.6,
        stomach.semiAxisYMm * 0.5,
        uniform(-990, -920),
        stomach.rotationRad,
      );
    }
    for (const side of [-1, 1]) {
      const x = side * uniform(52, 64);
      const y = uniform(22, 36);
      const angle = side * uniform(0.2, 0.6);
      organs.push(add(x, y, uniform(24, 29), uniform(27, 34), uniform(35, 50) + contrast, angle));
      organs.push(add(x, y, uniform(11, 14), uniform(13, 17), uniform(10, 40) + contrast / 3, angle));
    }
    for (let i = 0; i < 12; i++) {
      const [x, y] = drawInside(cavity, 0.75);
      if (y > 15) continue;
      const r = uniform(6, 15);
      organs.push(add(x, y, r, r * uniform(0.7, 1.4), uniform(10, 60), uniform(0, Math.PI)));
      if (random.nextUniform() < 0.25) add(x, y - r / 3, r / 2, r / 3, uniform(-990, -900));
    }
  }
  // Soft variation inside organs, then lesions.
  for (let i = 0; i < textureCount; i++) {
    const organ = organs[random.nextInteger(organs.length)];
    const [x, y] = drawInside(organ, 0.8);
    const r = Math.min(organ.semiAxisXMm, organ.semiAxisYMm) * uniform(0.04, 0.25);
    add(x, y, r, r * uniform(0.6, 1.6), organ.value + 9 * random.nextNormal(), uniform(0, Math.PI));
  }
  for (let i = 0; i < lesionCount; i++) {
    const organ = organs[random.nextInteger(organs.length)];
    const [x, y] = drawInside(organ, 0.75);
    const sign = random.nextUniform() < 0.6 ? -1 : 1;
    const r = uniform(1.5, 8);
    add(x, y, r, r * uniform(0.8, 1.25), organ.value + sign * uniform(5, 40), uniform(0, Math.PI));
  }
  // Great vessels, spine, ribs.
  const spineY = b * uniform(0.34, 0.42);
  add(uniform(-22, -12), spineY - 32, uniform(9, 13), uniform(9, 13), vessel);
  add(uniform(8, 16), spineY - 30, uniform(8, 12), uniform(7, 12), vessel - contrast / 4);
  const marrow = uniform(120, 280);
  for (const side of [-1, 1]) {
    add(side * uniform(24, 30), spineY + 26, 22, 5, uniform(400, 700), side * uniform(0.2, 0.5));
    add(side * uniform(40, 48), spineY + 24, uniform(22, 28), uniform(14, 18), uniform(45, 65), side * 0.2);
  }
  add(0, Math.min(spineY + 38, wall.semiAxisYMm - 14), 4, 13, uniform(450, 800));
  add(0, spineY + 20, 14, 12, uniform(500, 800));
  add(0, spineY, 23, uniform(16, 19), uniform(550, 900));
  add(0, spineY, 21.2, 14.5, marrow);
  add(0, spineY + 20, 9, 8, uniform(15, 40));
  const ribs = region === "chest" ? 12 : 6;
  for (let i = 0; i < ribs; i++) {
    const angle = (2 * Math.PI * (i + uniform(0.1, 0.9))) / ribs;
    const reachX = (wall.semiAxisXMm + cavity.semiAxisXMm) / 2;
    const reachY = (wall.semiAxisYMm + cavity.semiAxisYMm) / 2;
    const x = reachX * Math.cos(angle);
    const y = reachY * Math.sin(angle) - 2;
    if (Math.abs(x) < 55 && y > 0) continue;
    const tangent = Math.atan2(reachY * Math.cos(angle), -reachX * Math.sin(angle));
    const length = uniform(7, 18);
    add(x, y, length, 4.2, uniform(500, 1100), tangent);
    add(x, y, length - 1.4, 2.6, uniform(150, 400), tangent);
  }

  // The whole patient lies a little off centre, turned and scaled.
  const turn = uniform(-0.08, 0.08);
  const cosine = Math.cos(turn);
  const sine = Math.sin(turn);
  const shiftX = uniform(-12, 12);
  const shiftY = uniform(-12, 12);
  return {
    unit: "HU",
    composition: "replace",
    background: -1000,
    ellipses: shapes.map((e) => ({
      xMm: scale * (e.xMm * cosine - e.yMm * sine + shiftX),
      yMm: scale * (e.xMm * sine + e.yMm * cosine + shiftY),
      semiAxisXMm: scale * e.semiAxisXMm,
      semiAxisYMm: scale * e.semiAxisYMm,
      rotationRad: e.rotationRad + turn,
      value: e.value,
    })),
  };
}
