/**
 * Weights that make every line count once: Parker's for short scans (Parker 1982, doi 10.1118/1.595078) with the
 * over-scan generalisation, trapezoids over the ends of scans of more than a turn, and cos² ramps for displaced
 * detectors (Wang 2002, doi 10.1118/1.1489043); tomography.md §2.3. The conjugate of the line (β, γ) is
 * (β + π − 2γ, −γ) in the convention of core's scan-geometry.ts, which fixes every sign here.
 */

/**
 * Parker's weight, with half the over-scan in the place of the fan's half-angle.
 *
 * @param positionRad - β from the start of the scan, along its direction of travel, 0..range
 * @param fanAngleRad - γ, negated when β falls
 * @param rangeRad - π + 2Γ or more, at most 2π
 * @returns 0..1; w(β, γ) + w(β + π − 2γ, −γ) = 1, where a conjugate outside the range counts 0
 */
export function computeParkerWeight(positionRad: number, fanAngleRad: number, rangeRad: number): number {
  if (positionRad < 0 || positionRad > rangeRad) return 0;
  const overscan = (rangeRad - Math.PI) / 2;
  const rising = 2 * (overscan + fanAngleRad);
  if (positionRad < rising) return Math.sin(((Math.PI / 2) * positionRad) / rising) ** 2;
  if (positionRad <= Math.PI + 2 * fanAngleRad) return 1;
  const falling = 2 * (overscan - fanAngleRad);
  return Math.sin(((Math.PI / 2) * (rangeRad - positionRad)) / falling) ** 2;
}

/**
 * The weight of a view in a scan of one period or more: ramps over the overlapping ends.
 *
 * @returns sums to 1 over all views that lie whole periods apart
 */
export function computeOverlapWeight(positionRad: number, rangeRad: number, periodRad: number): number {
  const periods = Math.floor(rangeRad / periodRad + 1e-9);
  const ramp = rangeRad - periods * periodRad;
  const fromEnd = Math.min(positionRad, rangeRad - positionRad);
  return (fromEnd < ramp ? fromEnd / ramp : 1) / periods;
}

/**
 * The weight of a displaced detector: one half of the fan is seen twice in a turn only where the detector overlaps
 * its own mirror image.
 *
 * @param across - place on the detector from the central ray, positive towards the longer side
 * @param overlap - how far the shorter side reaches, > 0
 * @returns 0..2; the weights of `across` and `−across` sum to 2
 */
export function computeOffsetWeight(across: number, overlap: number): number {
  if (across >= overlap) return 2;
  if (across <= -overlap) return 0;
  return 2 * Math.cos(((Math.PI / 4) * (across - overlap)) / overlap) ** 2;
}
