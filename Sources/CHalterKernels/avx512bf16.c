// The kernels for AVX-512 with BF16: as avx512.c, and products in bf16 by its dot products.
#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 16
#define KERNEL_TABLE hk_kernels_avx512bf16
#define ENGINE hk_engine_avx512bf16
#define WORD_ELEMENTS 2

#pragma clang attribute push(                                                   \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))), \
    apply_to = function)
#include "kernels.h"

#include "kernels_product.h"
#pragma clang attribute pop

#endif
