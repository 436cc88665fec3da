// The innermost product: a tile of rows and of one or two vectors of columns, held in registers.
#pragma once

/// One word of the contraction: sum += a * b, f32 or pairs of bf16.
INLINE vfloat multiply_words(vfloat sum, uint32_t a, vuint b) {
#if WORD_ELEMENTS == 2
  return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
#else
  float value;
  memcpy(&value, &a, sizeof value);
  return multiply_add(splat(value), float_of(b), sum);
#endif
}

/// c = or += alpha * sums; C was fetched into the cache meanwhile, so adding comes last.
INLINE void put_sums(int rows, int vectors, vfloat sums[][2], float alpha, bool add, float *c,
                     size_t ldc, size_t columns) {
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      float *at = c + (size_t)i * ldc + (size_t)v * LANES;
      const size_t left = columns - (size_t)v * LANES;
      const size_t k = left < LANES ? left : LANES;
      const vfloat value = sums[i][v] * alpha;
      store(at, k, add ? load(at, k) + value : value);
    }
  }
}

/// The body of every tile function; rows and vectors are constants there.
INLINE void multiply_tile(int rows, int vectors, size_t words, const uint32_t *a,
                          const uint32_t *panel, size_t ldb, float alpha, bool add, float *c,
                          size_t ldc, size_t columns) {
  vfloat sums[HK_MAX_TILE_ROWS][2];
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      sums[i][v] = splat(0);
      __builtin_prefetch(c + (size_t)i * ldc + (size_t)v * LANES, 1, 3);
    }
  }
  _Pragma("clang loop unroll_count(2)") for (size_t p = 0; p < words; p++, panel += ldb) {
    vuint b[2];
    UNROLL for (int v = 0; v < vectors; v++) b[v] = load_words(panel + v * LANES);
    UNROLL for (int i = 0; i < rows; i++) {
      const uint32_t word = a[(size_t)i * HK_ROW_PITCH + p];
      UNROLL for (int v = 0; v < vectors; v++) sums[i][v] = multiply_words(sums[i][v], word, b[v]);
    }
  }
  if (columns == (size_t)vectors * LANES)
    put_sums(rows, vectors, sums, alpha, add, c, ldc, (size_t)vectors * LANES);
  else
    put_sums(rows, vectors, sums, alpha, add, c, ldc, columns);
}

#define TILE(rows)                                                                             \
  static void tile_##rows##x1(size_t words, const uint32_t *a, const uint32_t *panel,          \
                              size_t ldb, float alpha, bool add, float *c, size_t ldc,         \
                              size_t columns) {                                                \
    multiply_tile(rows, 1, words, a, panel, ldb, alpha, add, c, ldc, columns);                 \
  }                                                                                            \
  static void tile_##rows##x2(size_t words, const uint32_t *a, const uint32_t *panel,          \
                              size_t ldb, float alpha, bool add, float *c, size_t ldc,         \
                              size_t columns) {                                                \
    multiply_tile(rows, 2, words, a, panel, ldb, alpha, add, c, ldc, columns);                 \
  }

TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
#if LANES == 16
TILE(7)
TILE(8)
TILE(9)
TILE(10)
TILE(11)
TILE(12)
TILE(13)
TILE(14)
#endif
