// Quantisation of weights to the formats of bitsandbytes: 4-bit codes with a scale for each block
// (Dettmers et al. 2023, QLoRA), their scales once more to 8 bits, and int8 by rows (Dettmers et
// al. 2022, LLM.int8). The bytes are those of bitsandbytes 0.50 on a CPU.
#include "engine.h"

#include <math.h>

/// What bitsandbytes takes for the magnitude of a block that has none.
#define LEAST_MAGNITUDE 1e-38f

/// Halfway between neighbours of the sorted values; a number takes the code after as many of them
/// as are below it.
static const float nf4_bounds[15] = {
    -0.8480963706970215f,   -0.6106328964233398f, -0.4599952697753906f, -0.33967941999435425f,
    -0.23460739850997925f,  -0.13791173696517944f, -0.045525018125772476f, 0.03979014977812767f,
    0.120255246758461f,     0.2035212516784668f,  0.2920137643814087f,  0.3893125355243683f,
    0.5016634464263916f,    0.6427869200706482f,  0.8614784479141235f,
};

static const float fp4_bounds[15] = {
    -0.8333333730697632f, -0.5833333730697632f,    -0.4166666865348816f, -0.2916666865348816f,
    -0.2083333432674408f, -0.0859375f,             -0.0026041667442768812f, 0.0f,
    0.0026041667442768812f, 0.0859375f,            0.2083333432674408f, 0.2916666865348816f,
    0.4166666865348816f,  0.5833333730697632f,     0.8333333730697632f,
};

/// The codes of FP4 in the order of their values.
static const uint8_t fp4_order[16] = {11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3};

static float largest_magnitude(size_t n, const float *x) {
  float largest = 0;
  for (size_t i = 0; i < n; i++) {
    const float magnitude = fabsf(x[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

/// How many of the 15 bounds are below a number, by halving.
static unsigned bounds_below(const float *bounds, float x) {
  unsigned below = 0;
  for (unsigned step = 8; step > 0; step /= 2)
    if (bounds[below + step - 1] < x) below += step;
  return below;
}

void hk_quantize_codes(hk_format format, size_t n, const float *x, size_t block, uint8_t *codes,
                       float *scales) {
  const bool is_fp4 = format == HK_FORMAT_FP4;
  const float *bounds = is_fp4 ? fp4_bounds : nf4_bounds;
  for (size_t start = 0; start < n; start += block) {
    const bool is_whole = n - start >= block;
    const size_t count = is_whole ? block : n - start;
    const float largest = largest_magnitude(count, x + start);
    const float divisor = largest > LEAST_MAGNITUDE ? largest : LEAST_MAGNITUDE;
    const float factor = 1.0f / divisor;
    // The last block, if it is not whole, is divided by its scale and keeps no smaller one.
    scales[start / block] = is_whole ? largest : divisor;
    for (size_t i = 0; i < count; i += 2) {
      unsigned pair[2];
      for (size_t j = 0; j < 2; j++) {
        // An odd count is filled up with zero.
        const float value = i + j < count ? x[start + i + j] : 0;
        const float scaled = is_whole ? value * factor : value / divisor;
        const unsigned index = bounds_below(bounds, scaled);
        pair[j] = is_fp4 ? fp4_order[index] : index;
      }
      codes[(start + i) / 2] = (uint8_t)(pair[0] << 4 | pair[1]);
    }
  }
}

/// The index of the value of a rising map that is nearest to a number; the lower one of two.
static uint8_t nearest(const float *map, float x) {
  unsigned below = 0;
  for (unsigned step = 128; step > 0; step /= 2)
    if (map[below + step - 1] < x) below += step;
  // map[below] is the first value that is not below x.
  if (below > 0 && x - map[below - 1] <= map[below] - x) below--;
  return (uint8_t)below;
}

float hk_quantize_scales(size_t n, const float *scales, const float *map, size_t block,
                         uint8_t *codes, float *nested) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)scales[i];
  const float offset = n > 0 ? (float)(sum / (double)n) : 0;
  for (size_t start = 0; start < n; start += block) {
    const size_t count = n - start < block ? n - start : block;
    float largest = 0;
    for (size_t i = start; i < start + count; i++) {
      const float magnitude = fabsf(scales[i] - offset);
      largest = magnitude > largest ? magnitude : largest;
    }
    nested[start / block] = largest;
    const float factor = largest > LEAST_MAGNITUDE ? 1.0f / largest : 0;
    for (size_t i = start; i < start + count; i++) {
      const float scaled = (scales[i] - offset) * factor;
      codes[i] = nearest(map, scaled > 1 ? 1 : scaled < -1 ? -1 : scaled);
    }
  }
  return offset;
}

float hk_quantize_int8(size_t n, const float *x, int8_t *y) {
  const float largest = largest_magnitude(n, x);
  for (size_t i = 0; i < n; i++) y[i] = largest > 0 ? (int8_t)rintf(x[i] * (127.0f / largest)) : 0;
  return largest;
}
