// Rows of stored matrices to f32. Each decoder handles a run of a row that begins at a multiple of
// 64 elements and is a whole number of blocks. All tables give the same bits: every product below
// is exact in f32, or rounded once.
#pragma once

typedef uint8_t vbyte __attribute__((ext_vector_type(LANES)));
typedef int8_t vsigned __attribute__((ext_vector_type(LANES)));

INLINE vuint load_bytes(const uint8_t *p) {
  vbyte bytes;
  memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, vuint);
}

INLINE vfloat load_signed(const uint8_t *p) {
  vsigned bytes;
  memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(__builtin_convertvector(bytes, vint), vfloat);
}

INLINE vfloat float_of_int(vuint x) { return __builtin_convertvector((vint)x, vfloat); }

/// The bytes of a row from an element on, of a format with blocks of `size` elements in `bytes`.
INLINE const uint8_t *block_at(const hk_matrix *w, size_t row, size_t k, size_t size,
                               size_t bytes) {
  return (const uint8_t *)w->values + row * w->stride + k / size * bytes;
}

static void decode_f32(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  memcpy(y, block_at(w, row, k, 1, 4), count * sizeof(float));
}

static void decode_bf16(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  f32_from_bf16(count, (const uint16_t *)(const void *)block_at(w, row, k, 1, 2), y);
}

static void decode_f16(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  f32_from_f16(count, (const uint16_t *)(const void *)block_at(w, row, k, 1, 2), y);
}

static void decode_int8(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  const uint8_t *x = block_at(w, row, k, 1, 1);
  const float scale = w->scales[row] * (1.0f / 127.0f);
  size_t i = 0;
  for (; count - i >= LANES; i += LANES) store(y + i, LANES, load_signed(x + i) * scale);
  for (; i < count; i++) y[i] = (float)(int8_t)x[i] * scale;
}

// ---------------------------------------------------------------------------- 4-bit codes

/// values[index] lane by lane, from 16 values; of an index only the low four bits count.
INLINE vfloat lookup(const float *values, vuint index) {
#if LANES == 16
  return _mm512_permutexvar_ps((__m512i)index, _mm512_loadu_ps(values));
#elif LANES == 8
  const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(values), (__m256i)index);
  const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(values + 8), (__m256i)index);
  return _mm256_blendv_ps(low, high, (__m256)(index << 28));
#else
  vfloat result;
  for (int lane = 0; lane < LANES; lane++) result[lane] = values[index[lane] & 15];
  return result;
#endif
}

#if LANES == 16
#define INTERLEAVE_LOW(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define INTERLEAVE_HIGH(a, b) \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif LANES == 8
#define INTERLEAVE_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define INTERLEAVE_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define INTERLEAVE_LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define INTERLEAVE_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

/// Codes of two in a byte, the first in the high half; a scale for each block of a power of two.
INLINE void decode_codes(const hk_matrix *w, const float *values, size_t row, size_t k,
                         size_t count, float *y) {
  const uint8_t *codes = w->values;
  const int shift = __builtin_ctzll(w->block);
  size_t at = row * w->columns + k;
  const size_t end = at + count;
  while (at < end) {
    const float scale = w->scales[at >> shift];
    const size_t block_end = ((at >> shift) + 1) << shift;
    const size_t stop = block_end < end ? block_end : end;
    if (at % 2 == 0) {
      for (; stop - at >= 2 * LANES; at += 2 * LANES, y += 2 * LANES) {
        const vuint pair = load_bytes(codes + at / 2);
        const vfloat first = lookup(values, pair >> 4) * scale;
        const vfloat second = lookup(values, pair) * scale;
        store(y, LANES, INTERLEAVE_LOW(first, second));
        store(y + LANES, LANES, INTERLEAVE_HIGH(first, second));
      }
    }
    for (; at < stop; at++, y++) {
      const uint8_t pair = codes[at / 2];
      *y = values[at % 2 == 0 ? pair >> 4 : pair & 15] * scale;
    }
  }
}

static void decode_nf4(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  decode_codes(w, hk_nf4_values, row, k, count, y);
}

static void decode_fp4(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  decode_codes(w, hk_fp4_values, row, k, count, y);
}

// ---------------------------------------------------------------------------- GGUF, blocks of 32

static void decode_q8_0(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  const uint8_t *x = block_at(w, row, k, 32, 34);
  for (size_t i = 0; i < count; i += 32, x += 34) {
    const float d = scale_at(x);
    for (size_t j = 0; j < 32; j += LANES) store(y + i + j, LANES, load_signed(x + 2 + j) * d);
  }
}

static void decode_q4_0(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  const uint8_t *x = block_at(w, row, k, 32, 18);
  for (size_t i = 0; i < count; i += 32, x += 18) {
    const float d = scale_at(x);
    for (size_t j = 0; j < 16; j += LANES) {
      const vuint pair = load_bytes(x + 2 + j);
      store(y + i + j, LANES, float_of_int((pair & 15) - 8) * d);
      store(y + i + j + 16, LANES, float_of_int((pair >> 4) - 8) * d);
    }
  }
}

static void decode_q4_1(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  const uint8_t *x = block_at(w, row, k, 32, 20);
  for (size_t i = 0; i < count; i += 32, x += 20) {
    const float d = scale_at(x);
    const float m = scale_at(x + 2);
    for (size_t j = 0; j < 16; j += LANES) {
      const vuint pair = load_bytes(x + 4 + j);
      store(y + i + j, LANES, multiply_add(float_of_int(pair & 15), splat(d), splat(m)));
      store(y + i + j + 16, LANES, multiply_add(float_of_int(pair >> 4), splat(d), splat(m)));
    }
  }
}

/// Bit `first + lane` of a word, at place 16.
INLINE vuint fifth_bits(uint32_t word, size_t first) {
  return ((vuint)word >> (lane_numbers() + (uint32_t)first) & 1) << 4;
}

static void decode_q5_0(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  const uint8_t *x = block_at(w, row, k, 32, 22);
  for (size_t i = 0; i < count; i += 32, x += 22) {
    const float d = scale_at(x);
    uint32_t bits;
    memcpy(&bits, x + 2, sizeof bits);
    for (size_t j = 0; j < 16; j += LANES) {
      const vuint pair = load_bytes(x + 6 + j);
      const vuint low = (pair & 15) | fifth_bits(bits, j);
      const vuint high = pair >> 4 | fifth_bits(bits, j + 16);
      store(y + i + j, LANES, float_of_int(low - 16) * d);
      store(y + i + j + 16, LANES, float_of_int(high - 16) * d);
    }
  }
}

static void decode_q5_1(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  const uint8_t *x = block_at(w, row, k, 32, 24);
  for (size_t i = 0; i < count; i += 32, x += 24) {
    const float d = scale_at(x);
    const float m = scale_at(x + 2);
    uint32_t bits;
    memcpy(&bits, x + 4, sizeof bits);
    for (size_t j = 0; j < 16; j += LANES) {
      const vuint pair = load_bytes(x + 8 + j);
      const vuint low = (pair & 15) | fifth_bits(bits, j);
      const vuint high = pair >> 4 | fifth_bits(bits, j + 16);
      store(y + i + j, LANES, multiply_add(float_of_int(low), splat(d), splat(m)));
      store(y + i + j + 16, LANES, multiply_add(float_of_int(high), splat(d), splat(m)));
    }
  }
}

// ---------------------------------------------------------------------------- GGUF, blocks of 256

/// The factor and the offset of 32 elements of a Q4_K or Q5_K block: y = factor * q - offset.
typedef struct k_scale {
  float factor, offset;
} k_scale;

/// Twelve bytes hold eight 6-bit scales and eight 6-bit minima; the upper two bits of the last
/// four of each lie above those of the first four.
INLINE k_scale k_scale_at(const uint8_t *block, size_t index) {
  const uint8_t *s = block + 4;
  unsigned scale;
  unsigned minimum;
  if (index < 4) {
    scale = s[index] & 63u;
    minimum = s[index + 4] & 63u;
  } else {
    scale = (s[index + 4] & 15u) | (unsigned)(s[index - 4] >> 6) << 4;
    minimum = (unsigned)(s[index + 4] >> 4) | (unsigned)(s[index] >> 6) << 4;
  }
  return (k_scale){scale_at(block) * (float)scale, scale_at(block + 2) * (float)minimum};
}

static void decode_q4_k(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  for (size_t i = 0; i < count; i += 64) {
    const uint8_t *x = block_at(w, row, k + i, 256, 144);
    const size_t pair = (k + i) / 64 % 4;
    const k_scale low = k_scale_at(x, 2 * pair);
    const k_scale high = k_scale_at(x, 2 * pair + 1);
    for (size_t j = 0; j < 32; j += LANES) {
      const vuint q = load_bytes(x + 16 + 32 * pair + j);
      store(y + i + j, LANES, float_of_int(q & 15) * low.factor - low.offset);
      store(y + i + j + 32, LANES, float_of_int(q >> 4) * high.factor - high.offset);
    }
  }
}

static void decode_q5_k(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  for (size_t i = 0; i < count; i += 64) {
    const uint8_t *x = block_at(w, row, k + i, 256, 176);
    const uint32_t pair = (uint32_t)((k + i) / 64 % 4);
    const k_scale low = k_scale_at(x, 2 * pair);
    const k_scale high = k_scale_at(x, 2 * pair + 1);
    for (size_t j = 0; j < 32; j += LANES) {
      const vuint fifth = load_bytes(x + 16 + j) >> (2 * pair);
      const vuint q = load_bytes(x + 48 + 32 * pair + j);
      const vuint first = (q & 15) | (fifth & 1) << 4;
      const vuint second = q >> 4 | (fifth & 2) << 3;
      store(y + i + j, LANES, float_of_int(first) * low.factor - low.offset);
      store(y + i + j + 32, LANES, float_of_int(second) * high.factor - high.offset);
    }
  }
}

static void decode_q6_k(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  for (size_t i = 0; i < count; i += 64) {
    const uint8_t *x = block_at(w, row, k + i, 256, 210);
    // Of each half of 128 elements the first 64 have the low halves of the bytes.
    const size_t quarter = (k + i) / 64 % 4;
    const size_t half = quarter / 2;
    const uint32_t upper = (uint32_t)(quarter % 2);
    const uint8_t *low_bits = x + 64 * half;
    const uint8_t *high_bits = x + 128 + 32 * half;
    const int8_t *scales = (const int8_t *)(x + 192) + 4 * quarter;
    const float d = scale_at(x + 208);
    for (size_t j = 0; j < 64; j += LANES) {
      const uint32_t shift = 4 * upper + 2 * (uint32_t)(j / 32);
      const vuint low = load_bytes(low_bits + j) >> (4 * upper) & 15;
      const vuint high = load_bytes(high_bits + j % 32) >> shift & 3;
      const float scale = d * (float)scales[j / 16];
      store(y + i + j, LANES, float_of_int((low | high << 4) - 32) * scale);
    }
  }
}

static void decode(const hk_matrix *w, size_t row, size_t k, size_t count, float *y) {
  switch (w->format) {
    case HK_FORMAT_F32: return decode_f32(w, row, k, count, y);
    case HK_FORMAT_BF16: return decode_bf16(w, row, k, count, y);
    case HK_FORMAT_F16: return decode_f16(w, row, k, count, y);
    case HK_FORMAT_NF4: return decode_nf4(w, row, k, count, y);
    case HK_FORMAT_FP4: return decode_fp4(w, row, k, count, y);
    case HK_FORMAT_INT8: return decode_int8(w, row, k, count, y);
    case HK_FORMAT_Q4_0: return decode_q4_0(w, row, k, count, y);
    case HK_FORMAT_Q4_1: return decode_q4_1(w, row, k, count, y);
    case HK_FORMAT_Q5_0: return decode_q5_0(w, row, k, count, y);
    case HK_FORMAT_Q5_1: return decode_q5_1(w, row, k, count, y);
    case HK_FORMAT_Q8_0: return decode_q8_0(w, row, k, count, y);
    case HK_FORMAT_Q4_K: return decode_q4_k(w, row, k, count, y);
    case HK_FORMAT_Q5_K: return decode_q5_k(w, row, k, count, y);
    case HK_FORMAT_Q6_K: return decode_q6_k(w, row, k, count, y);
  }
}

/// A run of a row as f32: where it lies, or decoded into `room`.
INLINE const float *run_of(const hk_matrix *w, size_t row, size_t k, size_t count, float *room) {
  if (w->format == HK_FORMAT_F32) return (const float *)(const void *)block_at(w, row, k, 1, 4);
  decode(w, row, k, count, room);
  return room;
}
