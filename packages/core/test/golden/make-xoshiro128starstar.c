/*
 * Prints golden numbers for packages/core/test/random.test.ts as JSON.
 * Written from the published description of xoshiro128** 1.1 (Blackman & Vigna, "Scrambled linear pseudorandom
 * number generators", ACM TOMS 47(4), 2021, doi 10.1145/3460772) with native 32-bit arithmetic, independently
 * of the TypeScript.
 *
 *   gcc -std=c11 -O1 make-xoshiro128starstar.c -o make && ./make > xoshiro128starstar.json   (gcc 12.2.0)
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

static uint32_t rotate(uint32_t value, unsigned bits) { return value << bits | value >> (32 - bits); }

static uint32_t next(uint32_t state[4]) {
  const uint32_t output = rotate(state[1] * 5u, 7) * 9u;
  const uint32_t shifted = state[1] << 9;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotate(state[3], 11);
  return output;
}

static void print_case(uint32_t a, uint32_t b, uint32_t c, uint32_t d, const char *separator) {
  uint32_t state[4] = {a, b, c, d};
  printf("    {\"words\": [%" PRIu32 ", %" PRIu32 ", %" PRIu32 ", %" PRIu32 "], \"outputs\": [", a, b, c, d);
  for (int i = 0; i < 16; i++) printf("%s%" PRIu32, i ? ", " : "", next(state));
  for (int i = 16; i < 1000000; i++) next(state);
  printf("], \"after1000000\": %" PRIu32 "}%s\n", next(state), separator);
}

int main(void) {
  printf("{\n  \"tool\": \"make-xoshiro128starstar.c, gcc 12.2.0\",\n  \"cases\": [\n");
  print_case(1, 2, 3, 4, ",");
  print_case(0xdeadbeef, 0x01234567, 0x89abcdef, 0xffffffff, ",");
  print_case(0x80000000, 0, 0, 1, "");
  printf("  ]\n}\n");
  return 0;
}
