// 8-bit codes with a dynamic exponent (Dettmers 2016; Dettmers et al. 2022, 8-bit optimizers): of the
// scales of double quantisation and of the moments of AdamW.
#include "halter_kernels.h"

#include <math.h>
#include <string.h>

void hk_dynamic_map(bool is_signed, float *map) {
  // Decades down from [0.1, 1], of 2^i equal cells each (twice as many where no bit is the sign),
  // and the middle of each cell, with either sign if there are signs; then 0 and 1. The steps are
  // those of torch.linspace in f32.
#pragma clang fp contract(off)
  size_t count = 0;
  float positive[254];
  for (int i = 0; i < 7; i++) {
    const int cells = is_signed ? 1 << i : 2 << i;
    const float first = 0.1f;
    const float step = (1.0f - first) / (float)cells;
    float lower = first;
    // The power as a quotient or product of exact numbers, rounded once.
    const float power = (float)pow(10.0, i - 6);
    for (int k = 0; k < cells; k++) {
      const int next = k + 1;
      const float upper = next < (cells + 1) / 2 ? fmaf(step, (float)next, first)
                                                     : fmaf(-step, (float)(cells - next), 1.0f);
      positive[count++] = (lower + upper) / 2.0f * power;
      lower = upper;
    }
  }
  const size_t zero = is_signed ? count : 0;
  for (size_t i = 0; i < count; i++) {
    if (is_signed) map[zero - 1 - i] = -positive[i];
    map[zero + 1 + i] = positive[i];
  }
  map[zero] = 0;
  map[255] = 1;
}

/// How many of the bounds are below x.
static unsigned bounds_below(const float *bounds, float x) {
  unsigned below = 0;
  while (below < 255 && bounds[below] < x) below++;
  return below;
}

void hk_dynamic_code_make(bool is_signed, hk_dynamic_code *code) {
  memset(code, 0, sizeof *code);
  hk_dynamic_map(is_signed, code->values);
  for (int i = 0; i < 255; i++) code->bounds[i] = (code->values[i] + code->values[i + 1]) / 2;
  code->bounds[255] = INFINITY;
  for (uint32_t bucket = 0; bucket < HK_DYNAMIC_BUCKETS; bucket++) {
    // A bucket is the numbers whose upper 16 bits are the same; the first goes down to zero. No
    // bucket has more than one bound inside.
    const uint32_t least_bits = bucket == 0 ? 0 : HK_DYNAMIC_LEAST + (bucket << 16);
    const uint32_t largest_bits = HK_DYNAMIC_LEAST + ((bucket + 1) << 16) - 1;
    float least;
    float largest;
    memcpy(&least, &least_bits, sizeof least);
    memcpy(&largest, &largest_bits, sizeof largest);
    code->first[bucket] = (uint8_t)bounds_below(code->bounds, least);
    code->first[HK_DYNAMIC_BUCKETS + bucket] = (uint8_t)bounds_below(code->bounds, -largest);
  }
}
