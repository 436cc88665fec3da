// Cross-entropy: between the products of the head, on exponentials that are f32, or bf16 where the
// products are.
#pragma once

#include "loss.h"

/// Puts k exponentials from an element on.
INLINE void put_exponentials(void *exponentials, size_t at, size_t k, vfloat values) {
#if WORD_ELEMENTS == 2
  const vhalf rounded = (vhalf)_mm512_cvtneps_pbh(values);
  store_half((uint16_t *)exponentials + at, k, rounded);
#else
  store((float *)exponentials + at, k, values);
#endif
}

static void loss_exponentials(size_t rows, size_t columns, const float *logits, size_t ld,
                              void *exponentials, size_t lde, float *maxima, float *sums,
                              size_t ld_groups) {
  for (size_t row = 0; row < rows; row++, logits += ld) {
    const float largest = row_max(columns, 1, logits, -INFINITY);
    // Any finite shift makes zeros of logits that are all -inf.
    const vfloat shift = splat(largest == -INFINITY ? 0 : largest);
    vfloat sum = splat(0);
    FOR_VECTORS(i, k, columns, {
      const vfloat term = exponential(load(logits + i, k) - shift);
      if (exponentials) put_exponentials(exponentials, row * lde + i, k, term);
      sum += fill_from(term, k, 0);
    });
    maxima[row * ld_groups] = largest;
    sums[row * ld_groups] = reduce_add(sum);
  }
}

static void loss_normalize(size_t groups, float *maxima, const float *sums, float logit,
                           float weight, float *logprob) {
  const float largest = row_max(groups, 1, maxima, -INFINITY);
  const vfloat shift = splat(largest == -INFINITY ? 0 : largest);
  long_sum total = {0, 0};
  FOR_VECTORS(i, k, groups, {
    const vfloat scale = exponential(load(maxima + i, k) - shift);
    store(maxima + i, k, scale);
    long_sum_add(&total, load(sums + i, k) * fill_from(scale, k, 0));
  });
  const double sum = long_sum_value(&total);
  *logprob = (float)((double)logit - (double)shift[0] - log(sum));
  scale(groups, (float)((double)weight / sum), maxima, maxima);
}

static void loss_gradients(size_t k, size_t count, const void *exponentials, const float *factors,
                           size_t label, float value, bool round, uint32_t *words) {
  for (size_t start = 0; start < count; start += HK_LOSS_GROUP) {
    const size_t run = count - start < HK_LOSS_GROUP ? count - start : HK_LOSS_GROUP;
    const vfloat factor = splat(factors[(k + start) / HK_LOSS_GROUP]);
#if WORD_ELEMENTS == 2
    const uint16_t *from = (const uint16_t *)exponentials + k + start;
    uint32_t *to = words + start / 2;
    size_t i = 0;
    for (; run - i >= 2 * LANES; i += 2 * LANES) {
      const vfloat low = float_of(__builtin_convertvector(load_half(from + i, LANES), vuint) << 16);
      const vfloat high =
          float_of(__builtin_convertvector(load_half(from + i + LANES, LANES), vuint) << 16);
      _mm512_storeu_si512(to + i / 2, bf16_pair(low * factor, high * factor));
    }
    if (i < run) {
      float rest[2 * LANES] = {0};
      f32_from_bf16(run - i, from + i, rest);
      scale(run - i, factor[0], rest, rest);
      words_of_run(run - i, rest, round, to + i / 2);
    }
#else
    const float *from = (const float *)exponentials + k + start;
    FOR_VECTORS(i, n, run, {
      const vfloat product = load(from + i, n) * factor;
      store((float *)(void *)words + start + i, n, round ? rounded_to_bf16(product) : product);
    });
#endif
  }
  if (label < k || label - k >= count) return;
#if WORD_ELEMENTS == 2
  bf16_from_f32(1, &value, (uint16_t *)(void *)words + (label - k));
#else
  const vfloat exact = splat(value);
  ((float *)(void *)words)[label - k] = (round ? rounded_to_bf16(exact) : exact)[0];
#endif
}

static const hk_loss_kernels loss_kernels = {
    .exponentials = loss_exponentials,
    .normalize = loss_normalize,
    .gradients = loss_gradients,
};
