/** The signed-rank test against the fixture of the literature and against R. */
import { testSignedRanks } from "@alara/evaluate";
import { describe, expect, it } from "vitest";

const DARWIN = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75];

describe("testSignedRanks", () => {
  it("gives Darwin's W = 24 and p = 0.0412598", () => {
    const result = testSignedRanks(
      DARWIN,
      DARWIN.map(() => 0),
    );
    expect(result).toMatchObject({ pairs: 15, statistic: 24, positiveRankSum: 96, isExact: true });
    expect(result.pValue).toBeCloseTo(0.0412598, 7);
    expect(result.rankBiserial).toBeCloseTo((96 - 24) / 120, 12);
    // R: wilcox.test(d, conf.int = TRUE)$estimate
    expect(result.shift).toBeCloseTo(25, 12);
  });

  it("corrects for ties and continuity as R's wilcox.test(exact = FALSE) does", () => {
    // R: wilcox.test(c(1.5, 2, 2, -1, 3, 3, -2, 4, 0), exact = FALSE)
    const result = testSignedRanks([1.5, 2, 2, -1, 3, 3, -2, 4, 0], new Array(9).fill(0));
    expect(result).toMatchObject({ pairs: 8, isExact: false });
    expect(result.pValue).toBeCloseTo(0.078208807623, 11);
    expect(result.positiveRankSum).toBe(31);
  });

  it("says 1 where nothing differs, and is symmetric", () => {
    expect(testSignedRanks([1, 2], [1, 2]).pValue).toBe(1);
    const b = DARWIN.map(() => 0);
    expect(testSignedRanks(b, DARWIN).pValue).toBe(testSignedRanks(DARWIN, b).pValue);
    expect(testSignedRanks(b, DARWIN).rankBiserial).toBe(-testSignedRanks(DARWIN, b).rankBiserial);
  });

  it("refuses lists that are no pairs", () => {
    expect(() => testSignedRanks([1], [1, 2])).toThrow(/1 and 2/);
    expect(() => testSignedRanks([], [])).toThrow(/0 and 0/);
    expect(() => testSignedRanks([Number.NaN], [0])).toThrow(/finite/);
  });
});
