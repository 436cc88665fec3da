// Softmax cross-entropy over a vocabulary.
#pragma once

/// The largest factor * x[i], at least `floor`; NaN is passed over (it shows up in the sum).
INLINE float row_max(size_t n, float factor, const float *x, float floor) {
  vfloat largest = splat(floor);
  vfloat other = largest;
  size_t i = 0;
  for (; n - i >= 2 * LANES; i += 2 * LANES) {
    largest = larger(factor * load(x + i, LANES), largest);
    other = larger(factor * load(x + i + LANES, LANES), other);
  }
  largest = larger(other, largest);
  const size_t rest = n - i;
  FOR_VECTORS(j, k, rest, {
    largest = larger(fill_from(factor * load(x + i + j, k), k, -INFINITY), largest);
  });
  return reduce_max(largest);
}

/// The sum of exp(factor * x[i] - shift). With y not NULL the terms are stored there as well.
INLINE double sum_exponentials(size_t n, float factor, const float *x, float shift, float *y) {
  long_sum sum = {0, 0};
  for (size_t start = 0; start < n; start += SHORT_RUN * LANES) {
    const size_t left = n - start;
    const size_t run = left < SHORT_RUN * LANES ? left : SHORT_RUN * LANES;
    vfloat part = 0;
    FOR_VECTORS(i, k, run, {
      const vfloat z = multiply_add(splat(factor), load(x + start + i, k), splat(-shift));
      const vfloat term = exponential(z);
      if (y) store(y + start + i, k, term);
      part += fill_from(term, k, 0);
    });
    long_sum_add(&sum, part);
  }
  return long_sum_value(&sum);
}

/// Elements of a row of logits that are in the first-level cache between its maximum and its sum.
#define LOGIT_BLOCK 1024

/// The largest logit m and the sum of exp(x - m), read from memory once: the sum so far is
/// rescaled whenever a block raises the maximum (Milakov & Gimelshein 2018).
INLINE double log_sum_parts(size_t n, const float *x, float *maximum) {
  float largest = -INFINITY;
  double sum = 0;
  for (size_t start = 0; start < n; start += LOGIT_BLOCK) {
    const size_t block = n - start < LOGIT_BLOCK ? n - start : LOGIT_BLOCK;
    const float raised = row_max(block, 1, x + start, largest);
    if (raised > largest) {
      sum *= exp((double)largest - (double)raised);
      largest = raised;
    }
    // While every logit is -inf, any finite shift gives the sum 0.
    sum += sum_exponentials(block, 1, x + start, largest == -INFINITY ? 0 : largest, NULL);
  }
  *maximum = largest;
  return sum;
}

static void cross_entropy(size_t rows, size_t vocabulary, const int32_t *labels,
                          const float *weights, float *logits, size_t ld, float *logprobs) {
  for (size_t row = 0; row < rows; row++, logits += ld) {
    const size_t label = (size_t)labels[row];
    float largest;
    const double sum = log_sum_parts(vocabulary, logits, &largest);
    logprobs[row] = (float)((double)logits[label] - (double)largest - log(sum));
    if (!weights) continue;
    const vfloat shift = splat(-largest);
    const vfloat factor = splat((float)((double)weights[row] / sum));
    FOR_VECTORS(i, k, vocabulary, {
      store(logits + i, k, factor * exponential(load(logits + i, k) + shift));
    });
    logits[label] -= weights[row];
  }
}
