// AdamW with moments in 8 bits (Dettmers et al. 2022). Every step is one that IEEE 754 rounds once
// and none is fused, so all tables give the same bits: a code that lies on a bound would differ.
#pragma once

/// What a block's scale is at least when numbers are divided by it, as in bitsandbytes.
#define LEAST_SCALE 1e-38f

/// The codes of a block of numbers over their scale; returns the scale, the largest magnitude.
INLINE float encode_block(size_t count, const float *x, vfloat magnitudes,
                          const hk_dynamic_code *code, uint8_t *codes) {
#pragma clang fp contract(off)
  const float largest = reduce_max(magnitudes);
  const float divisor = largest > LEAST_SCALE ? largest : LEAST_SCALE;
  const float factor = 1.0f / divisor;
  // bitsandbytes multiplies whole blocks by the reciprocal and divides the rest.
  const bool is_whole = count == HK_MOMENT_BLOCK;
  float scaled[HK_MOMENT_BLOCK];
  uint32_t buckets[HK_MOMENT_BLOCK];
  FOR_VECTORS(i, k, count, {
    const vfloat v = load(x + i, k);
    const vfloat quotient = is_whole ? v * factor : v / divisor;
    const vuint bits = bits_of(quotient);
    const vuint magnitude = bits & 0x7fffffff;
    const vuint least = (vuint)HK_DYNAMIC_LEAST;
    const vuint most = (vuint)0x3f800000u;
    const vuint raised = magnitude < least ? least : magnitude;
    const vuint clamped = raised > most ? most : raised;
    const vuint bucket = ((clamped - least) >> 16) + (bits >> 31) * HK_DYNAMIC_BUCKETS;
    store(scaled + i, k, quotient);
    store((float *)buckets + i, k, float_of(bucket));
  });
  // One by one, here and where codes are decoded: gathering vectors of them takes longer on AMD's cores.
  for (size_t i = 0; i < count; i++) {
    const uint8_t first = code->first[buckets[i]];
    codes[i] = (uint8_t)(first + (code->bounds[first] < scaled[i]));
  }
  return is_whole ? largest : divisor;
}

static void adamw_8bit(size_t n, const hk_adamw_constants *c, const hk_dynamic_code *signed_code,
                       const hk_dynamic_code *unsigned_code, const float *g, float *p, uint8_t *m,
                       float *m_scales, uint8_t *v, float *v_scales) {
#pragma clang fp contract(off)
  const vfloat beta1 = splat(c->beta1);
  const vfloat beta2 = splat(c->beta2);
  const vfloat rest1 = 1.0f - beta1;
  const vfloat rest2 = 1.0f - beta2;
  const vfloat decay = splat(1.0f - c->learning_rate * c->weight_decay);
  const vfloat step = splat(c->learning_rate / c->bias_correction1);
  const vfloat root_scale = splat(1.0f / c->sqrt_bias_correction2);
  const vfloat epsilon = splat(c->epsilon);
  for (size_t start = 0, block = 0; start < n; start += HK_MOMENT_BLOCK, block++) {
    const size_t count = n - start < HK_MOMENT_BLOCK ? n - start : HK_MOMENT_BLOCK;
    float means[HK_MOMENT_BLOCK];
    float squares[HK_MOMENT_BLOCK];
    for (size_t i = 0; i < count; i++) {
      means[i] = signed_code->values[m[start + i]] * m_scales[block];
      squares[i] = unsigned_code->values[v[start + i]] * v_scales[block];
    }
    vfloat largest_mean = splat(0);
    vfloat largest_square = splat(0);
    FOR_VECTORS(i, k, count, {
      const vfloat gradient = c->gradient_scale * load(g + start + i, k);
      const vfloat mean = beta1 * load(means + i, k) + rest1 * gradient;
      const vfloat square = beta2 * load(squares + i, k) + rest2 * gradient * gradient;
      const vfloat divisor = __builtin_elementwise_sqrt(square) * root_scale + epsilon;
      store(p + start + i, k, load(p + start + i, k) * decay - step * mean / divisor);
      largest_mean = larger(float_of(bits_of(mean) & 0x7fffffff), largest_mean);
      largest_square = larger(square, largest_square);
      store(means + i, k, mean);
      store(squares + i, k, square);
    });
    m_scales[block] = encode_block(count, means, largest_mean, signed_code, m + start);
    v_scales[block] = encode_block(count, squares, largest_square, unsigned_code, v + start);
  }
}
