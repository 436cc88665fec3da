// The linear head of a language model and its cross-entropy loss as one operation.
//
// Conventions as in halter_kernels.h: functions are total over memory that the caller owns, and
// allocate nothing. Everything is row-major.
#pragma once

#include "halter_product.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// logprobs[i] = log softmax(hidden[i] * head^T)[labels[i]], and the gradient by hidden of the sum
/// of -weights[i] * logprobs[i]. The logits are made a chunk of rows at a time, never all of them.
typedef struct hk_cross_entropy {
  size_t rows;
  /// [rows, head.columns].
  const float *hidden;
  /// [vocabulary, columns], frozen.
  hk_matrix head;
  /// Factors of the products are rounded to bf16 if asked, the probabilities among them.
  hk_compute compute;
  /// In 0 ..< vocabulary (checked by the caller).
  const int32_t *labels;
  float *logprobs;
  /// Both or neither: the weight of each row, and the gradient [rows, columns], overwritten.
  const float *_Nullable weights;
  float *_Nullable d_hidden;
} hk_cross_entropy;

/// Bytes of working memory that hk_cross_entropy_run needs, to be aligned to 64: about 32 MiB for
/// the exponentials of a chunk, and what the products need.
size_t hk_cross_entropy_scratch(const hk_cross_entropy *loss, hk_isa isa, size_t threads);

/// Computes on a pool, or on the calling thread alone where pool is NULL. The result does not
/// depend on the number of threads, and logprobs not on whether there is a gradient.
void hk_cross_entropy_run(const hk_cross_entropy *loss, hk_isa isa, hk_pool *_Nullable pool,
                          void *scratch);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
