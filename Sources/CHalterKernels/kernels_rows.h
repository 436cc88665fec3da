// Kernels over rows: normalisation, bias, sums, rotary embedding.
#pragma once

/// sum a[i] * b[i] * c[i]; c may be NULL for ones. Four sums hide the latency of the additions.
INLINE double dot(size_t n, const float *a, const float *b, const float *c) {
  double total = 0;
  for (size_t start = 0; start < n; start += 4 * SHORT_RUN * LANES) {
    const size_t left = n - start;
    const size_t block = left < 4 * SHORT_RUN * LANES ? left : 4 * SHORT_RUN * LANES;
    vfloat sums[4] = {0, 0, 0, 0};
    size_t i = start;
    const size_t end = start + block;
    for (; end - i >= 4 * LANES; i += 4 * LANES)
      for (size_t s = 0; s < 4; s++) {
        const size_t j = i + s * LANES;
        vfloat left_factor = load(a + j, LANES);
        if (c) left_factor *= load(c + j, LANES);
        sums[s] = multiply_add(left_factor, load(b + j, LANES), sums[s]);
      }
    const size_t rest = end - i;
    FOR_VECTORS(j, k, rest, {
      vfloat left_factor = load(a + i + j, k);
      if (c) left_factor *= load(c + i + j, k);
      sums[0] = multiply_add(left_factor, load(b + i + j, k), sums[0]);
    });
    total += reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  return total;
}

static void rmsnorm(size_t rows, size_t d, float eps, const float *x, const float *w, float *y,
                    float *rstd) {
  for (size_t row = 0; row < rows; row++, x += d, y += d) {
    const float factor = (float)(1.0 / sqrt(dot(d, x, x, NULL) / (double)d + (double)eps));
    rstd[row] = factor;
    FOR_VECTORS(i, k, d, { store(y + i, k, factor * load(x + i, k) * load(w + i, k)); });
  }
}

static void rmsnorm_backward(size_t rows, size_t d, const float *x, const float *w,
                             const float *rstd, const float *dy, float *dx, float *dw) {
  for (size_t row = 0; row < rows; row++, x += d, dy += d, dx += d) {
    // With h = x * rstd: dx = rstd (w dy - h mean(w dy h)), dw = dy h.
    const float factor = rstd[row];
    const vfloat mean = splat((float)(dot(d, dy, x, w) * (double)factor / (double)d));
    FOR_VECTORS(i, k, d, {
      const vfloat h = factor * load(x + i, k);
      const vfloat g = load(dy + i, k);
      if (dw) store(dw + i, k, multiply_add(g, h, load(dw + i, k)));
      store(dx + i, k, factor * (g * load(w + i, k) - h * mean));
    });
  }
}

static void add_bias(size_t rows, size_t d, const float *bias, float *y) {
  for (size_t row = 0; row < rows; row++, y += d) add(d, y, bias, y);
}

static void add_column_sums(size_t rows, size_t d, const float *x, float *out) {
  size_t row = 0;
  for (; rows - row >= 4; row += 4, x += 4 * d)
    FOR_VECTORS(i, k, d, {
      const vfloat first = load(x + i, k) + load(x + d + i, k);
      const vfloat second = load(x + 2 * d + i, k) + load(x + 3 * d + i, k);
      store(out + i, k, load(out + i, k) + (first + second));
    });
  for (; row < rows; row++, x += d) add(d, out, x, out);
}

static void row_dots(size_t rows, size_t d, const float *a, size_t lda, const float *b, size_t ldb,
                     float *out) {
  for (size_t row = 0; row < rows; row++, a += lda, b += ldb) out[row] = (float)dot(d, a, b, NULL);
}

static void rope(size_t rows, size_t heads, size_t d, const int32_t *positions,
                 const float *cosines, const float *sines, float sign, float *x, size_t ldx) {
  const size_t half = d / 2;
  for (size_t row = 0; row < rows; row++, x += ldx) {
    const float *cosine = cosines + (size_t)positions[row] * half;
    const float *sine = sines + (size_t)positions[row] * half;
    for (size_t head = 0; head < heads; head++) {
      float *low = x + head * d;
      float *high = low + half;
      FOR_VECTORS(j, k, half, {
        const vfloat c = load(cosine + j, k);
        const vfloat s = sign * load(sine + j, k);
        const vfloat a = load(low + j, k);
        const vfloat b = load(high + j, k);
        store(low + j, k, a * c - s * b);
        store(high + j, k, b * c + s * a);
      });
    }
  }
}
