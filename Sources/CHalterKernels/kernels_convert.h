// Conversions between f32, bf16 and f16. All tables give the same bits.
#pragma once

static void f32_from_bf16(size_t n, const uint16_t *x, float *y) {
  FOR_VECTORS(i, k, n, { store(y + i, k, load_as(HK_ELEMENT_BF16, x, i, k)); });
}

static void bf16_from_f32(size_t n, const float *x, uint16_t *y) {
  FOR_VECTORS(i, k, n, { store_half(y + i, k, bf16_of(load(x + i, k))); });
}

INLINE vfloat float_from_half(vhalf h) {
#if LANES == 16
  return _mm512_cvtph_ps((__m256i)h);
#elif LANES == 8
  return _mm256_cvtph_ps((__m128i)h);
#else
  const vuint u = __builtin_convertvector(h, vuint);
  const vuint magnitude = u & 0x7fff;
  // Moving the exponent from bias 15 to bias 127 by a product also normalises subnormals.
  const vuint finite = bits_of(float_of(magnitude << 13) * 0x1p112f);
  const vuint quiet = magnitude > (vuint)0x7c00u ? (vuint)0x400000u : (vuint)0u;
  const vuint special = (magnitude << 13) | 0x7f800000 | quiet;
  return float_of((magnitude >= (vuint)0x7c00u ? special : finite) | (u & 0x8000) << 16);
#endif
}

INLINE vhalf half_from_float(vfloat x) {
#if LANES == 16
  return (vhalf)_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
#elif LANES == 8
  return (vhalf)_mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
#else
  const vuint u = bits_of(x);
  const vuint magnitude = u & 0x7fffffff;
  const vuint normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Below 2^-14 the result counts units of 2^-24, the last place of 0.5 in f32.
  const vuint small = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000;
  const vuint quiet = (magnitude >> 13 & 0x3ff) | 0x7e00;
  vuint result = magnitude < (vuint)0x38800000u ? small : normal;
  result = magnitude >= (vuint)0x47800000u ? (vuint)0x7c00u : result;
  result = magnitude > (vuint)0x7f800000u ? quiet : result;
  return __builtin_convertvector(result | (u >> 16 & 0x8000), vhalf);
#endif
}

static void f32_from_f16(size_t n, const uint16_t *x, float *y) {
  FOR_VECTORS(i, k, n, { store(y + i, k, float_from_half(load_half(x + i, k))); });
}

static void f16_from_f32(size_t n, const float *x, uint16_t *y) {
  FOR_VECTORS(i, k, n, { store_half(y + i, k, half_from_float(load(x + i, k))); });
}

/// The f16 number in two bytes of a block.
INLINE float scale_at(const uint8_t *bytes) {
  uint16_t half;
  memcpy(&half, bytes, sizeof half);
  return float_from_half((vhalf)half)[0];
}
