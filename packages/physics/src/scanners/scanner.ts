/**
 * What a scanner is: the dimensions that decide sampling and noise. Plain data; anyone's own scanner is an object of
 * one of these types. Named ones stand in scanners.ts, the geometries made from them in scan-geometries.ts.
 */

/** What all scanners have. */
interface ScannerBase {
  readonly name: string;
  readonly summary: string;
  /** Source to isocentre, mm. */
  readonly sourceToIsoMm: number;
  /** Source to detector, mm. */
  readonly sourceToDetectorMm: number;
  readonly channels: number;
  /** Shift of the central ray from the detector's middle, channels. */
  readonly channelOffset: number;
  /** Views per rotation. */
  readonly viewsPerRotation: number;
  /** Standard deviation of a channel's readout in detected quanta at the effective energy. */
  readonly electronicNoiseQuanta: number;
  /** Detector rows; without them only fans can be made. */
  readonly rows?: number;
  /** Distance between rows at the detector, mm. */
  readonly rowPitchMm?: number;
  /** The plane of the source is met by row (rows − 1)/2 + rowOffset; default 0. */
  readonly rowOffset?: number;
}

/** Third-generation CT: a detector on an arc around the source, channels at equal angles. */
export interface Scanner extends ScannerBase {
  readonly detectorShape?: "arc";
  /** Arc length of one channel at the detector, mm. */
  readonly channelPitchMm: number;
}

/** Cone-beam CT and micro-CT: a flat panel at right angles to the central ray. */
export interface FlatPanelScanner extends ScannerBase {
  readonly detectorShape: "flat";
  /** Width of one channel at the detector, mm. */
  readonly channelPitchMm: number;
  readonly rows: number;
  readonly rowPitchMm: number;
}
