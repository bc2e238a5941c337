/**
 * Clocks that jump. A store compares times that were written earlier with the wall clock of now, so a wall clock that is
 * set forward makes every lease look expired, and one set back makes every lease and retry look far away. Nothing is
 * lost or done twice either way, since the fencing token decides; what is kept here is that a jump costs no attempts and
 * holds nothing up:
 *
 * - forward: a process that sees wall and steady clock part gives every running job one fresh lease before it judges;
 * - back: no lease can end later than now + its length and no retry be due later than now + its delay, so the store
 *   pulls such times in (the adapters' "clamp"). What is due at once is stored as time 0.
 */

/** Notices forward jumps of one wall clock. */
export interface LeapWatch {
  /**
   * Tells the watch both clocks.
   *
   * @returns whether the wall clock has leapt forward since the last call for which this was answered true or nothing
   *   had leapt; stays true until `settle`
   */
  observe(wallMs: number, steadyMs: number): boolean;
  /** The leap was dealt with. */
  settle(): void;
}

/** Least difference between the clocks that counts as a leap; slewing and slow replies stay below. */
const LEAP_MS = 3000;

/** Starts watching; the first observation is the reference. */
export function createLeapWatch(): LeapWatch {
  let lastOffset: number | undefined;
  let isPending = false;
  return {
    observe(wallMs, steadyMs) {
      const offset = wallMs - steadyMs;
      if (lastOffset !== undefined && offset - lastOffset > LEAP_MS) isPending = true;
      lastOffset = offset;
      return isPending;
    },
    settle() {
      isPending = false;
    },
  };
}
