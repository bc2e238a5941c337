/**
 * Energy absorption of air, for kerma: µ_en/ρ of dry air from NIST XAAMDI Table 4 (Hubbell & Seltzer, NISTIR 5632),
 * log–log between its rows. Kerma is taken as collision kerma. All rows were compared with a public copy of the table;
 * tested against Klein–Nishina (300–1500 keV, ≤ 0.3 %) and the photoelectric effect's power law (4–100 keV).
 */
import { PhysicsError } from "../errors.ts";

/** keV and cm²/g in turn; the argon edge at 3.2029 keV stands twice. */
const ROWS: readonly number[] = [
  1, 3599, 1.5, 1188, 2, 526.2, 3, 161.4, 3.2029, 133, 3.2029, 146, 4, 76.36, 5, 39.31, 6, 22.7, 8, 9.446, 10,
  4.742, 15, 1.334, 20, 0.5389, 30, 0.1537, 40, 0.06833, 50, 0.04098, 60, 0.03041, 80, 0.02407, 100, 0.02325,
  150, 0.02496, 200, 0.02672, 300, 0.02872, 400, 0.02949, 500, 0.02966, 600, 0.02953, 800, 0.02882, 1000,
  0.02789, 1250, 0.02666, 1500, 0.02547, 2000, 0.02345, 3000, 0.02057, 4000, 0.0187, 5000, 0.0174, 6000,
  0.01647, 8000, 0.01525, 10000, 0.0145, 15000, 0.01353, 20000, 0.01311,
];

/**
 * µ_en/ρ of dry air, cm²/g; at the argon edge the upper side.
 *
 * @param energyKev - 1..20000
 * @throws PhysicsError `ENERGY_OUT_OF_TABLE`
 */
export function computeAirEnergyAbsorption(energyKev: number): number {
  const last = ROWS.length - 2;
  if (!(energyKev >= ROWS[0] && energyKev <= ROWS[last])) {
    throw new PhysicsError(
      "ENERGY_OUT_OF_TABLE",
      `${energyKev} keV lies outside the energy absorption table of air, ${ROWS[0]}..${ROWS[last]} keV`,
    );
  }
  let low = 0;
  while (low + 2 < last && ROWS[low + 2] <= energyKev) low += 2;
  const t = Math.log(energyKev / ROWS[low]) / Math.log(ROWS[low + 2] / ROWS[low]);
  return ROWS[low + 1] * (ROWS[low + 3] / ROWS[low + 1]) ** t;
}
