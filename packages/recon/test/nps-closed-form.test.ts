/**
 * The noise of FBP against its closed form (tomography.md §2.3): white sinogram noise gives
 * NPS(f) = (π σp² T / views) · f · (W(f) sinc²(f T'))² at the axis, T the channel and T' the sample width there.
 */
import { createCentredGrid, createRandom } from "@alara/core";
import { createScanGeometry, measureNps, scanners } from "@alara/physics";
import { describe, expect, it } from "vitest";
import { createFanFilter, getDetectorNyquistPerMm, rampWindows, reconstructFbp } from "../src/index.ts";

const isFull = process.env.ALARA_FULL !== undefined;

describe("noise of FBP", () => {
  const geometry = createScanGeometry(scanners.get("ge-lightspeed"), { views: 246, channelBinning: 2 });
  const views = geometry.anglesRad.length;
  const pitchMm = geometry.channelPitchRad * geometry.sourceToIsoMm;
  const nyquist = getDetectorNyquistPerMm(geometry);
  const slices = isFull ? 480 : 160;

  it.each([
    ["ram-lak", 2],
    ["hann", 1],
  ] as const)(
    "has the closed-form spectrum within 2 %: %s window, oversampling %i",
    async (name, oversampling) => {
      const random = createRandom(4);
      const data = new Float32Array(slices * views * geometry.channels);
      // Only rays that pass the region matter.
      for (let k = 0; k < slices * views; k++) {
        for (let c = 140; c < 310; c++) data[k * geometry.channels + c] = random.nextNormal();
      }
      const spacing = 0.4;
      const grid = createCentredGrid([slices, 64, 64], [1, spacing, spacing]);
      const volume = await reconstructFbp(
        { unit: "line integral", geometry, slices, data },
        { grid, window: name, oversampling },
      );
      const regions = Array.from({ length: slices }, (_, slice) => ({ slice, row: 0, column: 0 }));
      const nps = measureNps(volume, { regions, sizePixels: 64, detrend: "none" });
      const window = rampWindows.get(name);
      let measured = 0;
      let expected = 0;
      // Where the spectrum is low, leakage from its peak shows.
      const highest = (name === "hann" ? 0.55 : 0.75) * nyquist;
      nps.frequenciesPerMm.forEach((f, b) => {
        if (f < 0.1 || f > highest) return;
        const x = (Math.PI * f * pitchMm) / oversampling;
        const transfer = window(f, nyquist) * (Math.sin(x) / x) ** 2;
        const closed = ((Math.PI * pitchMm) / views) * f * transfer * transfer;
        measured += nps.radialPower[b] * nps.radialCounts[b];
        expected += closed * nps.radialCounts[b];
        const sampling = 4 / Math.sqrt(slices * nps.radialCounts[b] * 0.5);
        expect(Math.abs(nps.radialPower[b] / closed - 1)).toBeLessThan(0.02 + sampling);
      });
      expect(Math.abs(measured / expected - 1)).toBeLessThan(0.02);
    },
  );

  it("of i.i.d. channels has the closed-form variance: 2/3 − 2/π² of π²σ²/(12 views T²) for Ram-Lak", () => {
    const gain = createFanFilter(geometry, () => 1).computeNoiseGain();
    // κ relates to the parallel formula by the scale of arc taps: σ² = (π/views)² views κ / D².
    const variance = (Math.PI ** 2 / views) * (gain / geometry.sourceToIsoMm ** 2);
    const closed = (Math.PI ** 2 / (12 * views * pitchMm ** 2)) * (2 / 3 - 2 / Math.PI ** 2);
    expect(Math.abs(variance / closed - 1)).toBeLessThan(0.002);
  });
});
