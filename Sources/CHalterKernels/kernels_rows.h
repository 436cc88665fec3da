// Kernels over rows: normalisation, bias, sums, rotary embedding.
#pragma once

/// sum a[i] * b[at + i] * c[i]; c may be NULL for ones. Four sums hide the latency of the additions.
INLINE double dot(size_t n, const float *a, hk_element type, const void *b, size_t at,
                  const float *c) {
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
        sums[s] = multiply_add(left_factor, load_as(type, b, at + j, LANES), sums[s]);
      }
    const size_t rest = end - i;
    FOR_VECTORS(j, k, rest, {
      vfloat left_factor = load(a + i + j, k);
      if (c) left_factor *= load(c + i + j, k);
      sums[0] = multiply_add(left_factor, load_as(type, b, at + i + j, k), sums[0]);
    });
    total += reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  return total;
}

static void rmsnorm(size_t rows, size_t d, float eps, const float *x, const float *w,
                    hk_element type, void *y, void *h, float *rstd) {
  for (size_t row = 0; row < rows; row++, x += d) {
    const float factor = (float)(1.0 / sqrt(dot(d, x, HK_ELEMENT_F32, x, 0, NULL) / (double)d + (double)eps));
    rstd[row] = factor;
    FOR_TYPE(type, FOR_VECTORS(i, k, d, {
      const vfloat normalized = factor * load(x + i, k);
      if (h) store_as(type, h, row * d + i, k, normalized);
      store_as(type, y, row * d + i, k, normalized * load(w + i, k));
    }););
  }
}

static void rmsnorm_backward(size_t rows, size_t d, hk_element type, const void *h, const float *w,
                             const float *rstd, const float *dy, bool add, float *dx,
                             float *dw) {
  for (size_t row = 0; row < rows; row++, dy += d, dx += d) {
    // dx = rstd (w dy - h mean(w dy h)), dw = dy h.
    const float factor = rstd[row];
    FOR_TYPE(type, {
      const vfloat mean = splat((float)(dot(d, dy, type, h, row * d, w) / (double)d));
      FOR_VECTORS(i, k, d, {
        const vfloat normalized = load_as(type, h, row * d + i, k);
        const vfloat g = load(dy + i, k);
        if (dw) store(dw + i, k, multiply_add(g, normalized, load(dw + i, k)));
        const vfloat value = factor * (g * load(w + i, k) - normalized * mean);
        store(dx + i, k, add ? load(dx + i, k) + value : value);
      });
    });
  }
}

static void scale_columns(size_t rows, size_t d, hk_element type, const void *x, const float *w,
                          void *y) {
  for (size_t row = 0; row < rows; row++)
    FOR_TYPE(type, FOR_VECTORS(i, k, d, {
      store_as(type, y, row * d + i, k, load_as(type, x, row * d + i, k) * load(w + i, k));
    }););
}

static void add_bias(size_t rows, size_t d, const float *bias, hk_element type, void *y) {
  for (size_t row = 0; row < rows; row++)
    FOR_TYPE(type, FOR_VECTORS(i, k, d, {
      store_as(type, y, row * d + i, k, load_as(type, y, row * d + i, k) + load(bias + i, k));
    }););
}

static void add_column_sums(size_t rows, size_t d, hk_element type, const void *x, float *out) {
  FOR_TYPE(type, {
    size_t row = 0;
    for (; rows - row >= 4; row += 4) {
      const size_t at = row * d;
      FOR_VECTORS(i, k, d, {
        const vfloat first = load_as(type, x, at + i, k) + load_as(type, x, at + d + i, k);
        const vfloat second =
            load_as(type, x, at + 2 * d + i, k) + load_as(type, x, at + 3 * d + i, k);
        store(out + i, k, load(out + i, k) + (first + second));
      });
    }
    for (; row < rows; row++)
      FOR_VECTORS(i, k, d,
                  { store(out + i, k, load(out + i, k) + load_as(type, x, row * d + i, k)); });
  });
}

static void rope(size_t rows, size_t heads, size_t d, const int32_t *positions,
                 const float *cosines, const float *sines, float sign, hk_element type, void *x,
                 size_t ldx) {
  const size_t half = d / 2;
  for (size_t row = 0; row < rows; row++) {
    const float *cosine = cosines + (size_t)positions[row] * half;
    const float *sine = sines + (size_t)positions[row] * half;
    for (size_t head = 0; head < heads; head++) {
      const size_t low = row * ldx + head * d;
      const size_t high = low + half;
      FOR_TYPE(type, FOR_VECTORS(j, k, half, {
        const vfloat c = load(cosine + j, k);
        const vfloat s = sign * load(sine + j, k);
        const vfloat a = load_as(type, x, low + j, k);
        const vfloat b = load_as(type, x, high + j, k);
        store_as(type, x, low + j, k, a * c - s * b);
        store_as(type, x, high + j, k, b * c + s * a);
      }););
    }
  }
}
