// What the cross-entropy loss of one instruction set is made of, besides its products.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Logits of a row that share a maximum: a unit that no block of the contraction straddles.
#define HK_LOSS_GROUP 128

/// Exponentials are kept as the products take them, so that they are rounded to bf16 early where
/// that is what products compute with: elements of the contraction in a word say which.
typedef struct hk_loss_kernels {
  /// For each row of logits: their maximum, the exponentials of what they are less than it, and
  /// the sum of those before rounding. `exponentials` may be NULL.
  void (*exponentials)(size_t rows, size_t columns, const float *logits, size_t ld,
                       void *exponentials, size_t lde, float *maxima, float *sums,
                       size_t ld_groups);
  /// From the maxima and sums of a row's groups: the log-probability of a label whose logit is
  /// given. The maxima become the factors that make exponentials probabilities times weight.
  void (*normalize)(size_t groups, float *maxima, const float *sums, float logit, float weight,
                    float *logprob);
  /// Packed words of `count` elements from `k` on of a row of exponentials, by their group's
  /// factor, rounded to bf16 if asked; the one at `label` is replaced by `value`.
  void (*gradients)(size_t k, size_t count, const void *exponentials, const float *factors,
                    size_t label, float value, bool round, uint32_t *words);
} hk_loss_kernels;
