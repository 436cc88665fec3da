// Products of few rows, as in generation: the stored matrix is read once, and every number of it is
// decoded in registers, or in a short run, where it is used.
#pragma once

/// Elements that are decoded in registers at a time.
#define GROUP 64

/// Rows of w that go along a row of A together: their sums wait for each other less.
#define DOT_STRIP 2

/// Bytes ahead of the reading that are asked for.
#define DOT_AHEAD 4096

/// sum += a * b over a run of `count` numbers; two sums hide the latency of the additions.
INLINE void add_dot(size_t count, const float *a, const float *b, vfloat sums[2]) {
  size_t i = 0;
  for (; count - i >= 2 * LANES; i += 2 * LANES) {
    sums[0] = multiply_add(load(a + i, LANES), load(b + i, LANES), sums[0]);
    sums[1] = multiply_add(load(a + i + LANES, LANES), load(b + i + LANES, LANES), sums[1]);
  }
  const size_t rest = count - i;
  FOR_VECTORS(j, k, rest,
              { sums[0] = multiply_add(load(a + i + j, k), load(b + i + j, k), sums[0]); });
}

/// c[i, row] = or += alpha * the sums of row i.
INLINE void put_dots(size_t m, size_t row, vfloat sums[HK_DOT_ROWS][2], float alpha, bool add,
                     float *c, size_t ldc) {
  for (size_t i = 0; i < m; i++) {
    const float value = alpha * reduce_add(sums[i][0] + sums[i][1]);
    c[i * ldc + row] = add ? c[i * ldc + row] + value : value;
  }
}

/// Any number of rows of A, any format: runs are decoded to memory.
static void dots_by_runs(const hk_term *term, size_t m, size_t first, size_t last, float alpha,
                         bool add, float *c, size_t ldc) {
  const hk_matrix *w = &term->w;
  const float *x = term->a;
  float run[2 * RUN];
  for (size_t row = first; row < last; row++) {
    vfloat sums[HK_DOT_ROWS][2];
    for (size_t i = 0; i < m; i++) sums[i][0] = sums[i][1] = splat(0);
    for (size_t k = 0; k < w->columns; k += 2 * RUN) {
      const size_t count = w->columns - k < 2 * RUN ? w->columns - k : 2 * RUN;
      const float *values = run_of(w, row, k, count, run);
      for (size_t i = 0; i < m; i++) add_dot(count, x + i * term->lda + k, values, sums[i]);
    }
    put_dots(m, row, sums, alpha, add, c, ldc);
  }
}

// ---------------------------------------------------------------------------- one row of A

/// What the groups of a span of a row have in common: the factors and offsets of a K block.
typedef struct span_scales {
  float factor[8], offset[8];
} span_scales;

/// Two f16 numbers in the bytes at x, in even and in odd lanes, as f32 in all lanes.
INLINE void two_scales_at(const uint8_t *x, vfloat *first, vfloat *second) {
#if LANES == 16
  int both;
  memcpy(&both, x, sizeof both);
  const __m512 pairs = _mm512_cvtph_ps(_mm256_set1_epi32(both));
  *first = (vfloat)_mm512_moveldup_ps(pairs);
  *second = (vfloat)_mm512_movehdup_ps(pairs);
#else
  *first = splat(scale_at(x));
  *second = splat(scale_at(x + 2));
#endif
}

/// 0, 1, ... 15: what 4-bit codes stand for before scaling.
static const float sixteen[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

#if LANES == 16
/// 32 elements: the values of the low halves of 16 bytes, then those of the high halves. Only where
/// one vector holds all 16 values is looking them up less work than computing them.
INLINE void group_of_halves(const uint8_t *bytes, vfloat values, float *y) {
  const vuint pair = load_bytes(bytes);
  store(y, LANES, (vfloat)_mm512_permutexvar_ps((__m512i)pair, (__m512)values));
  store(y + LANES, LANES, (vfloat)_mm512_permutexvar_ps((__m512i)(pair >> 4), (__m512)values));
}
#endif

INLINE void group_q4_1(const hk_matrix *w, size_t row, size_t k, const span_scales *none,
                       float *y) {
  (void)none;
#if LANES == 16
  const uint8_t *x = block_at(w, row, k, 32, 20);
  UNROLL for (size_t i = 0; i < GROUP; i += 32, x += 20) {
    vfloat d, m;
    two_scales_at(x, &d, &m);
    group_of_halves(x + 4, multiply_add(load(sixteen, LANES), d, m), y + i);
  }
#else
  decode_q4_1(w, row, k, GROUP, y);
#endif
}

INLINE void group_q4_0(const hk_matrix *w, size_t row, size_t k, const span_scales *none,
                       float *y) {
  (void)none;
#if LANES == 16
  const uint8_t *x = block_at(w, row, k, 32, 18);
  UNROLL for (size_t i = 0; i < GROUP; i += 32, x += 18)
    group_of_halves(x + 2, (load(sixteen, LANES) - 8) * scale_at(x), y + i);
#else
  decode_q4_0(w, row, k, GROUP, y);
#endif
}

/// All scales of a Q4_K or Q5_K block at once, as k_scale_at has them.
INLINE void k_scales_at(const uint8_t *block, span_scales *scales) {
  const uint32_t low4 = 0x0f0f0f0f, low6 = 0x3f3f3f3f, top2 = 0x03030303;
  uint32_t packed[3];
  memcpy(packed, block + 4, sizeof packed);
  const uint32_t words[4] = {
      packed[0] & low6, (packed[2] & low4) | (packed[0] >> 6 & top2) << 4,
      packed[1] & low6, (packed[2] >> 4 & low4) | (packed[1] >> 6 & top2) << 4};
  uint8_t bytes[16];
  memcpy(bytes, words, sizeof bytes);
  const float d = scale_at(block);
  const float m = scale_at(block + 2);
  for (int i = 0; i < 8; i++) scales->factor[i] = (float)bytes[i] * d;
  for (int i = 0; i < 8; i++) scales->offset[i] = (float)bytes[8 + i] * m;
}

INLINE void prepare_q4_k(const hk_matrix *w, size_t row, size_t k, span_scales *scales) {
  k_scales_at(block_at(w, row, k, 256, 144), scales);
}

INLINE void group_q4_k(const hk_matrix *w, size_t row, size_t k, const span_scales *scales,
                       float *y) {
  const size_t pair = k / GROUP % 4;
  const uint8_t *x = block_at(w, row, k, 256, 144) + 16 + 32 * pair;
  UNROLL for (size_t j = 0; j < 32; j += LANES) {
    const vuint q = load_bytes(x + j);
    store(y + j, LANES, float_of_int(q & 15) * scales->factor[2 * pair] - scales->offset[2 * pair]);
    store(y + j + 32, LANES,
          float_of_int(q >> 4) * scales->factor[2 * pair + 1] - scales->offset[2 * pair + 1]);
  }
}

INLINE void prepare_q5_k(const hk_matrix *w, size_t row, size_t k, span_scales *scales) {
  k_scales_at(block_at(w, row, k, 256, 176), scales);
}

INLINE void group_q5_k(const hk_matrix *w, size_t row, size_t k, const span_scales *scales,
                       float *y) {
  const size_t pair = k / GROUP % 4;
  const uint8_t *x = block_at(w, row, k, 256, 176);
  UNROLL for (size_t j = 0; j < 32; j += LANES) {
    const vuint fifth = load_bytes(x + 16 + j) >> (uint32_t)(2 * pair);
    const vuint q = load_bytes(x + 48 + 32 * pair + j);
    const vuint first = (q & 15) | (fifth & 1) << 4;
    const vuint second = q >> 4 | (fifth & 2) << 3;
    store(y + j, LANES,
          float_of_int(first) * scales->factor[2 * pair] - scales->offset[2 * pair]);
    store(y + j + 32, LANES,
          float_of_int(second) * scales->factor[2 * pair + 1] - scales->offset[2 * pair + 1]);
  }
}

/// Whether no group of a matrix in 4-bit codes straddles rows or blocks.
INLINE bool has_whole_groups(const hk_matrix *w) {
  return w->block % GROUP == 0 && w->columns % GROUP == 0;
}

INLINE void group_of_codes(const hk_matrix *w, const float *values, size_t row, size_t k,
                           float *y) {
  const size_t at = row * w->columns + k;
  const uint8_t *codes = (const uint8_t *)w->values + at / 2;
  const vfloat scale = splat(w->scales[at >> __builtin_ctzll(w->block)]);
#if LANES == 16
  const vfloat scaled = load(values, LANES) * scale;
#endif
  UNROLL for (size_t j = 0; j < GROUP; j += 2 * LANES) {
    const vuint pair = load_bytes(codes + j / 2);
#if LANES == 16
    const vfloat first = (vfloat)_mm512_permutexvar_ps((__m512i)(pair >> 4), (__m512)scaled);
    const vfloat second = (vfloat)_mm512_permutexvar_ps((__m512i)pair, (__m512)scaled);
#else
    const vfloat first = lookup(values, pair >> 4) * scale;
    const vfloat second = lookup(values, pair) * scale;
#endif
    store(y + j, LANES, INTERLEAVE_LOW(first, second));
    store(y + j + LANES, LANES, INTERLEAVE_HIGH(first, second));
  }
}

INLINE void group_nf4(const hk_matrix *w, size_t row, size_t k, const span_scales *none,
                      float *y) {
  (void)none;
  group_of_codes(w, hk_nf4_values, row, k, y);
}

INLINE void group_fp4(const hk_matrix *w, size_t row, size_t k, const span_scales *none,
                      float *y) {
  (void)none;
  group_of_codes(w, hk_fp4_values, row, k, y);
}

/// Bytes from one row to the next.
INLINE size_t bytes_of_row(const hk_matrix *w) {
  const bool is_codes = w->format == HK_FORMAT_NF4 || w->format == HK_FORMAT_FP4;
  return is_codes ? w->columns / 2 : w->stride;
}

/// A format whose groups are decoded as any run is.
#define GROUP_AS_RUN(format)                                                                     \
  INLINE void group_##format(const hk_matrix *w, size_t row, size_t k, const span_scales *none, \
                             float *y) {                                                         \
    (void)none;                                                                                  \
    decode_##format(w, row, k, GROUP, y);                                                        \
  }

GROUP_AS_RUN(f32)
GROUP_AS_RUN(bf16)
GROUP_AS_RUN(f16)
GROUP_AS_RUN(int8)
GROUP_AS_RUN(q5_0)
GROUP_AS_RUN(q5_1)
GROUP_AS_RUN(q8_0)
GROUP_AS_RUN(q6_k)

/// One row of A and one format: groups of DOT_STRIP rows of w are decoded where they are needed,
/// `span` elements of a row after what they have in common.
#define DOT(format, span, prepare)                                                                \
  static void dot_##format(const hk_term *term, size_t first, size_t last, float alpha, bool add, \
                           float *c) {                                                            \
    const hk_matrix *w = &term->w;                                                                \
    const float *x = term->a;                                                                     \
    const size_t whole = w->columns / span * span;                                                \
    const size_t stride = bytes_of_row(w);                                                        \
    for (size_t row = first; row < last; row += DOT_STRIP) {                                      \
      vfloat sums[DOT_STRIP][2];                                                                  \
      span_scales scales[DOT_STRIP];                                                              \
      UNROLL for (size_t r = 0; r < DOT_STRIP; r++) sums[r][0] = sums[r][1] = splat(0);           \
      /* A last row on its own is computed twice over. */                                         \
      const size_t across = last - row < DOT_STRIP ? last - row : DOT_STRIP;                      \
      const uint8_t *ahead = (const uint8_t *)w->values + row * stride + DOT_AHEAD;               \
      for (size_t start = 0; start < whole; start += span) {                                      \
        UNROLL for (size_t r = 0; r < DOT_STRIP; r++)                                             \
          prepare(w, row + (r < across ? r : across - 1), start, &scales[r]);                     \
        UNROLL for (size_t k = start; k < start + span; k += GROUP) {                             \
          UNROLL for (size_t r = 0; r < DOT_STRIP; r++) {                                         \
            float y[GROUP];                                                                       \
            group_##format(w, row + (r < across ? r : across - 1), k, &scales[r], y);             \
            UNROLL for (size_t j = 0; j < GROUP; j += 2 * LANES) {                                \
              sums[r][0] = multiply_add(load(x + k + j, LANES), load(y + j, LANES),               \
                                        sums[r][0]);                                              \
              sums[r][1] = multiply_add(load(x + k + j + LANES, LANES),                           \
                                        load(y + j + LANES, LANES), sums[r][1]);                  \
            }                                                                                     \
            __builtin_prefetch(ahead + r * stride + k * stride / w->columns);                     \
          }                                                                                       \
        }                                                                                         \
      }                                                                                           \
      for (size_t r = 0; r < across; r++) {                                                       \
        if (whole < w->columns) {                                                                 \
          float rest[span];                                                                       \
          decode_##format(w, row + r, whole, w->columns - whole, rest);                           \
          add_dot(w->columns - whole, x + whole, rest, sums[r]);                                  \
        }                                                                                         \
        const float value = alpha * reduce_add(sums[r][0] + sums[r][1]);                          \
        c[row + r] = add ? c[row + r] + value : value;                                            \
      }                                                                                           \
    }                                                                                             \
  }

#define NO_SCALES(w, row, k, scales) (void)(scales)

DOT(f32, GROUP, NO_SCALES)
DOT(bf16, GROUP, NO_SCALES)
DOT(f16, GROUP, NO_SCALES)
DOT(int8, GROUP, NO_SCALES)
DOT(nf4, GROUP, NO_SCALES)
DOT(fp4, GROUP, NO_SCALES)
DOT(q4_0, GROUP, NO_SCALES)
DOT(q4_1, GROUP, NO_SCALES)
DOT(q5_0, GROUP, NO_SCALES)
DOT(q5_1, GROUP, NO_SCALES)
DOT(q8_0, GROUP, NO_SCALES)
DOT(q6_k, GROUP, NO_SCALES)
DOT(q4_k, 256, prepare_q4_k)
DOT(q5_k, 256, prepare_q5_k)

static void dots(const hk_term *term, size_t m, size_t first, size_t last, float alpha, bool add,
                 float *c, size_t ldc) {
  const bool is_codes = term->w.format == HK_FORMAT_NF4 || term->w.format == HK_FORMAT_FP4;
  if (m != 1 || (is_codes && !has_whole_groups(&term->w)))
    return dots_by_runs(term, m, first, last, alpha, add, c, ldc);
  switch (term->w.format) {
    case HK_FORMAT_F32: return dot_f32(term, first, last, alpha, add, c);
    case HK_FORMAT_BF16: return dot_bf16(term, first, last, alpha, add, c);
    case HK_FORMAT_F16: return dot_f16(term, first, last, alpha, add, c);
    case HK_FORMAT_NF4: return dot_nf4(term, first, last, alpha, add, c);
    case HK_FORMAT_FP4: return dot_fp4(term, first, last, alpha, add, c);
    case HK_FORMAT_INT8: return dot_int8(term, first, last, alpha, add, c);
    case HK_FORMAT_Q4_0: return dot_q4_0(term, first, last, alpha, add, c);
    case HK_FORMAT_Q4_1: return dot_q4_1(term, first, last, alpha, add, c);
    case HK_FORMAT_Q5_0: return dot_q5_0(term, first, last, alpha, add, c);
    case HK_FORMAT_Q5_1: return dot_q5_1(term, first, last, alpha, add, c);
    case HK_FORMAT_Q8_0: return dot_q8_0(term, first, last, alpha, add, c);
    case HK_FORMAT_Q4_K: return dot_q4_k(term, first, last, alpha, add, c);
    case HK_FORMAT_Q5_K: return dot_q5_k(term, first, last, alpha, add, c);
    case HK_FORMAT_Q6_K: return dot_q6_k(term, first, last, alpha, add, c);
  }
}
