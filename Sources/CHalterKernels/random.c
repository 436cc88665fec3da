// Normally distributed numbers, fast enough for a model of billions of them: four from one 64-bit
// word, each looked up among the quantiles.
#include "halter_encode.h"

#include <math.h>
#include <pthread.h>

enum { HALF = 1 << 15 };

/// The upper half of the quantiles: the sign is a bit of its own.
static float quantiles[HALF];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/// The middles of 2^15 equally likely parts of the positive numbers, by Newton's method on the
/// tail probability erfc(z / sqrt 2) / 2.
static void make_quantiles(void) {
  double z = 0;
  for (int i = 0; i < HALF; i++) {
    const double tail = 0.5 * (1 - (i + 0.5) / HALF);
    for (int round = 0; round < 50; round++) {
      const double error = 0.5 * erfc(z * M_SQRT1_2) - tail;
      const double slope = exp(-0.5 * z * z) * 0.3989422804014327;
      const double step = error / slope;
      z += step;
      if (fabs(step) < 1e-12) break;
    }
    quantiles[i] = (float)z;
  }
}

/// SplitMix64 (Steele, Lea & Flood 2014) at a place of its sequence.
static inline uint64_t word_at(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

void hk_random_normals(uint64_t seed, size_t first, size_t n, float deviation, float *y) {
  pthread_once(&once, make_quantiles);
  for (size_t i = 0; i < n; i += 4) {
    uint64_t word = word_at(seed, (first + i) / 4);
    const size_t count = n - i < 4 ? n - i : 4;
    for (size_t j = 0; j < count; j++, word >>= 16) {
      const float magnitude = quantiles[word & (HALF - 1)] * deviation;
      y[i + j] = word & HALF ? -magnitude : magnitude;
    }
  }
}
