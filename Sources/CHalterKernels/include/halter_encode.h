// Numbers made up and numbers written: random weights, and the blocks of GGUF files.
//
// Conventions as in halter_kernels.h.
#pragma once

#include "halter_product.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// y[i] = deviation * the normal number that follows from the seed and from `first + i` alone.
/// `first` is a multiple of 4. Its distribution is that of 65,536 equally likely values, the middles
/// of the quantiles: none is beyond 4.4 deviations.
void hk_random_normals(uint64_t seed, size_t first, size_t n, float deviation, float *y);

/// Whether hk_encode knows a format: f32, bf16, f16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and Q4_K.
bool hk_can_encode(hk_format format);

/// n numbers, a whole number of blocks, in a format that hk_can_encode knows. The bytes of blocks
/// of 32 are those of ggml's reference quantisation; those of Q4_K are valid and nearly as exact,
/// but found without its search.
void hk_encode(hk_format format, size_t n, const float *x, void *y);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
