// Products of few rows, as in decoding: the stored matrix is read once, a run at a time.
#pragma once

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

static void dots(const hk_term *term, size_t m, size_t first, size_t last, float alpha, bool add,
                 float *c, size_t ldc) {
  const hk_matrix *w = &term->w;
  float run[2 * RUN];
  for (size_t row = first; row < last; row++) {
    vfloat sums[HK_DOT_ROWS][2];
    for (size_t i = 0; i < m; i++) sums[i][0] = sums[i][1] = splat(0);
    for (size_t k = 0; k < w->columns; k += 2 * RUN) {
      const size_t count = w->columns - k < 2 * RUN ? w->columns - k : 2 * RUN;
      const float *values = run;
      if (w->format == HK_FORMAT_F32)
        values = (const float *)(const void *)block_at(w, row, k, 1, 4);
      else
        decode(w, row, k, count, run);
      for (size_t i = 0; i < m; i++) add_dot(count, (const float *)term->a + i * term->lda + k, values, sums[i]);
    }
    for (size_t i = 0; i < m; i++) {
      const float value = alpha * reduce_add(sums[i][0] + sums[i][1]);
      c[i * ldc + row] = add ? c[i * ldc + row] + value : value;
    }
  }
}
