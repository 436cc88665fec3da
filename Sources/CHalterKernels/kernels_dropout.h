// Inverted dropout. Which elements are kept depends on integers alone, so every instruction set
// and every split of the range decides alike.
#pragma once

/// A bijection of 32-bit words that avalanches (shifts and odd multipliers found by search for
/// low bias: Wellons, "Prospecting for hash functions", 2018).
INLINE vuint mix(vuint x) {
  x ^= x >> 16;
  x *= 0x21f0aaadu;
  x ^= x >> 15;
  x *= 0xd35a2d97u;
  return x ^ (x >> 15);
}

/// The output function of SplitMix64 (Steele, Lea & Flood 2014).
INLINE uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static void dropout(size_t n, hk_element type, float p, uint64_t seed, uint64_t offset,
                    const void *x, void *y) {
  const float probability = p > 0 ? (p < 1 ? p : 1) : 0;
  // A word's upper 24 bits below the threshold drop the element.
  const vuint threshold = (vuint)(uint32_t)(probability * 0x1p24f + 0.5f);
  const float factor = 1.0f / (1.0f - probability);
  const uint64_t key = mix64(seed);
  const vuint lanes = lane_numbers();
  FOR_VECTORS(i, k, n, {
    // Counter i is two words. The upper one, mixed with the seed, gives the keys of the lower.
    const uint64_t start = offset + i;
    const vuint counter = (uint32_t)start + lanes;
    const uint64_t keys = mix64(key ^ (start >> 32));
    vuint first = (vuint)(uint32_t)keys;
    vuint second = (vuint)(uint32_t)(keys >> 32);
    if ((uint32_t)start > UINT32_MAX - (LANES - 1)) {
      const uint64_t next = mix64(key ^ (uint32_t)((start >> 32) + 1));
      const vint wrapped = counter < (vuint)(uint32_t)start;
      first = wrapped ? (vuint)(uint32_t)next : first;
      second = wrapped ? (vuint)(uint32_t)(next >> 32) : second;
    }
    const vuint word = mix(mix(counter ^ first) ^ second) >> 8;
    store_as(type, y, i, k, word >= threshold ? factor * load_as(type, x, i, k) : splat(0));
  });
}
