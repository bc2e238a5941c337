/**
 * Scans the low-contrast module of a Catphan with the whole spectrum of a tube, quantum by quantum: line integrals,
 * corrected for the beam hardening of water, in a file that examples 02 and 03 read. Prints what the beam was and how
 * many quanta came through.
 *
 *     node examples/01-simulate-a-scan.ts <scan.sino.npz> [channels merged into one]
 */
import process from "node:process";
import { saveSinogram } from "@alara/dicom/node";
import {
  type Acquisition,
  computeEffectiveEnergyKev,
  computeMeanEnergyKev,
  createCtp515,
  createDetectedSpectrum,
  createMaterialProjector,
  createScanGeometry,
  createTubeSpectrum,
  materials,
  scanners,
  simulateScan,
} from "@alara/physics";
import { correctBeamHardening, fitBeamHardening } from "@alara/recon";

const [output, merged = "1"] = process.argv.slice(2);
const channelBinning = Number(merged);

// The object, the scanner's geometry and the beam.
const phantom = createCtp515();
const geometry = createScanGeometry(scanners.get("ge-lightspeed"), {
  channelBinning,
  views: Math.round(984 / channelBinning),
});
const spectrum = createTubeSpectrum(120, {
  filters: [{ material: materials.get("aluminium"), thicknessMm: 3 }],
});
const acquisition: Acquisition = { spectrum, exposure: { mAs: 20 }, detector: "gos", aperture: {} };

// Expected signals, quanta, electronic noise, logarithm. The seed makes it repeatable.
const scan = await simulateScan(createMaterialProjector(phantom), geometry, acquisition, { seed: 1 });

// What scanners do before reconstruction: the line integrals of water become proportional to its thickness.
const detected = createDetectedSpectrum(acquisition);
const energyKev = computeEffectiveEnergyKev(detected, { weighting: "photons" });
const water = fitBeamHardening(detected, { energyKev, order: 6, weighting: "photons" });
const lineIntegrals = correctBeamHardening(scan.lineIntegrals, water);

const middle = Math.floor(geometry.channels / 2);
const quanta = (signal: Float32Array): number => signal[middle] / scan.signalPerQuantum;
await saveSinogram(output, lineIntegrals, {
  muWaterPerMm: water.muPerMm,
  incidentQuanta: quanta(scan.air.data),
  electronicNoiseQuanta: scan.electronicNoiseQuanta,
  tubeVoltageKv: 120,
});
console.log(`mean energy ${computeMeanEnergyKev(spectrum).toFixed(1)} keV`);
console.log(
  `quanta in the middle: ${quanta(scan.signal.data).toFixed(0)} of ${quanta(scan.air.data).toFixed(0)}`,
);
console.log(`${geometry.anglesRad.length} views × ${geometry.channels} channels in ${output}`);
