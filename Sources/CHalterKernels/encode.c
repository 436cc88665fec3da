// Numbers into the formats of files. Blocks of 32 are quantised as ggml's reference does it, so
// that the bytes are the same; decoding is in kernels_decode.h.
#include "halter_encode.h"

#include <math.h>
#include <string.h>

// A fused product and sum would round otherwise than the reference.
#pragma clang fp contract(off)

static uint16_t half_of(float x) {
  uint16_t half;
  hk_kernels_for(HK_ISA_PORTABLE)->f16_from_f32(1, &x, &half);
  return half;
}

static float rounded_to_half(float x) {
  const uint16_t half = half_of(x);
  float y;
  hk_kernels_for(HK_ISA_PORTABLE)->f32_from_f16(1, &half, &y);
  return y;
}

static void put_half(uint8_t *y, float x) {
  const uint16_t half = half_of(x);
  memcpy(y, &half, sizeof half);
}

static inline float inverse(float x) { return x != 0 ? 1.0f / x : 0; }

static inline unsigned at_most(unsigned x, unsigned limit) { return x < limit ? x : limit; }

/// The element of the largest magnitude, with its sign; the first of several.
static float extreme(size_t n, const float *x) {
  float magnitude = 0;
  float value = 0;
  for (size_t i = 0; i < n; i++) {
    const float m = fabsf(x[i]);
    value = m > magnitude ? x[i] : value;
    magnitude = m > magnitude ? m : magnitude;
  }
  return value;
}

typedef struct range {
  float low, high;
} range;

static range range_of(size_t n, const float *x) {
  range r = {x[0], x[0]};
  for (size_t i = 1; i < n; i++) {
    r.low = x[i] < r.low ? x[i] : r.low;
    r.high = x[i] > r.high ? x[i] : r.high;
  }
  return r;
}

static void encode_q8_0(const float *x, uint8_t *y) {
  const float d = fabsf(extreme(32, x)) / 127.0f;
  const float id = inverse(d);
  put_half(y, d);
  for (int i = 0; i < 32; i++) y[2 + i] = (uint8_t)(int8_t)roundf(x[i] * id);
}

static void encode_q4_0(const float *x, uint8_t *y) {
  const float d = extreme(32, x) / -8.0f;
  const float id = inverse(d);
  put_half(y, d);
  for (int i = 0; i < 16; i++) {
    const unsigned low = at_most((unsigned)(x[i] * id + 8.5f), 15);
    const unsigned high = at_most((unsigned)(x[i + 16] * id + 8.5f), 15);
    y[2 + i] = (uint8_t)(low | high << 4);
  }
}

static void encode_q4_1(const float *x, uint8_t *y) {
  const range r = range_of(32, x);
  const float d = (r.high - r.low) / 15.0f;
  const float id = inverse(d);
  put_half(y, d);
  put_half(y + 2, r.low);
  for (int i = 0; i < 16; i++) {
    const unsigned low = at_most((unsigned)((x[i] - r.low) * id + 0.5f), 15);
    const unsigned high = at_most((unsigned)((x[i + 16] - r.low) * id + 0.5f), 15);
    y[4 + i] = (uint8_t)(low | high << 4);
  }
}

/// Codes of five bits: four in a nibble, the fifth in a word of 32.
static void put_five_bits(const unsigned *codes, uint8_t *fifth, uint8_t *nibbles) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; i++) bits |= (uint32_t)(codes[i] >> 4) << i;
  memcpy(fifth, &bits, sizeof bits);
  for (int i = 0; i < 16; i++)
    nibbles[i] = (uint8_t)((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

static void encode_q5_0(const float *x, uint8_t *y) {
  const float d = extreme(32, x) / -16.0f;
  const float id = inverse(d);
  unsigned codes[32];
  put_half(y, d);
  for (int i = 0; i < 32; i++) codes[i] = at_most((unsigned)(x[i] * id + 16.5f), 31);
  put_five_bits(codes, y + 2, y + 6);
}

static void encode_q5_1(const float *x, uint8_t *y) {
  const range r = range_of(32, x);
  const float d = (r.high - r.low) / 31.0f;
  const float id = inverse(d);
  unsigned codes[32];
  put_half(y, d);
  put_half(y + 2, r.low);
  for (int i = 0; i < 32; i++) codes[i] = at_most((unsigned)((x[i] - r.low) * id + 0.5f), 31);
  put_five_bits(codes, y + 4, y + 8);
}

/// Eight runs of 32 with a scale and a minimum of six bits each, which share a factor each.
static void encode_q4_k(const float *x, uint8_t *y) {
  float steps[8];
  float offsets[8];
  float largest_step = 0;
  float largest_offset = 0;
  for (int run = 0; run < 8; run++) {
    const range r = range_of(32, x + 32 * run);
    // The minimum is subtracted and has no sign: a run of positive numbers begins at zero.
    const float low = r.low < 0 ? r.low : 0;
    steps[run] = r.high > low ? (r.high - low) / 15.0f : 0;
    offsets[run] = -low;
    largest_step = steps[run] > largest_step ? steps[run] : largest_step;
    largest_offset = offsets[run] > largest_offset ? offsets[run] : largest_offset;
  }
  const float d = rounded_to_half(largest_step / 63.0f);
  const float dmin = rounded_to_half(largest_offset / 63.0f);
  put_half(y, d);
  put_half(y + 2, dmin);
  unsigned scales[8];
  unsigned minima[8];
  for (int run = 0; run < 8; run++) {
    scales[run] = at_most((unsigned)(steps[run] * inverse(d) + 0.5f), 63);
    minima[run] = at_most((unsigned)(offsets[run] * inverse(dmin) + 0.5f), 63);
  }
  for (int i = 0; i < 4; i++) {
    y[4 + i] = (uint8_t)(scales[i] | (scales[i + 4] >> 4) << 6);
    y[8 + i] = (uint8_t)(minima[i] | (minima[i + 4] >> 4) << 6);
    y[12 + i] = (uint8_t)((scales[i + 4] & 15) | (minima[i + 4] & 15) << 4);
  }
  for (int pair = 0; pair < 4; pair++) {
    uint8_t *codes = y + 16 + 32 * pair;
    for (int half = 0; half < 2; half++) {
      const int run = 2 * pair + half;
      const float id = inverse(d * (float)scales[run]);
      const float offset = dmin * (float)minima[run];
      for (int i = 0; i < 32; i++) {
        const float code = (x[32 * run + i] + offset) * id + 0.5f;
        const unsigned whole = code > 0 ? at_most((unsigned)code, 15) : 0;
        codes[i] = half == 0 ? (uint8_t)whole : (uint8_t)(codes[i] | whole << 4);
      }
    }
  }
}

bool hk_can_encode(hk_format format) {
  switch (format) {
    case HK_FORMAT_F32:
    case HK_FORMAT_BF16:
    case HK_FORMAT_F16:
    case HK_FORMAT_Q4_0:
    case HK_FORMAT_Q4_1:
    case HK_FORMAT_Q5_0:
    case HK_FORMAT_Q5_1:
    case HK_FORMAT_Q8_0:
    case HK_FORMAT_Q4_K: return true;
    default: return false;
  }
}

static void encode_blocks(size_t blocks, size_t size, size_t bytes,
                          void (*encode)(const float *, uint8_t *), const float *x, uint8_t *y) {
  for (size_t i = 0; i < blocks; i++) encode(x + i * size, y + i * bytes);
}

void hk_encode(hk_format format, size_t n, const float *x, void *y) {
  const hk_kernels *kernels = hk_kernels_for(HK_ISA_PORTABLE);
  const size_t size = hk_format_block(format);
  const size_t bytes = hk_format_bytes(format, size);
  const size_t blocks = n / size;
  switch (format) {
    case HK_FORMAT_F32: memcpy(y, x, n * sizeof(float)); return;
    case HK_FORMAT_BF16: kernels->bf16_from_f32(n, x, y); return;
    case HK_FORMAT_F16: kernels->f16_from_f32(n, x, y); return;
    case HK_FORMAT_Q4_0: encode_blocks(blocks, size, bytes, encode_q4_0, x, y); return;
    case HK_FORMAT_Q4_1: encode_blocks(blocks, size, bytes, encode_q4_1, x, y); return;
    case HK_FORMAT_Q5_0: encode_blocks(blocks, size, bytes, encode_q5_0, x, y); return;
    case HK_FORMAT_Q5_1: encode_blocks(blocks, size, bytes, encode_q5_1, x, y); return;
    case HK_FORMAT_Q8_0: encode_blocks(blocks, size, bytes, encode_q8_0, x, y); return;
    case HK_FORMAT_Q4_K: encode_blocks(blocks, size, bytes, encode_q4_k, x, y); return;
    default: return;
  }
}
