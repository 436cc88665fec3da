// The kernels for AVX-512 F, BW, DQ and VL: vectors of 64 bytes.
#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 16
#define KERNEL_TABLE hk_kernels_avx512
#define ENGINE hk_engine_avx512
#define WORD_ELEMENTS 1

#pragma clang attribute push(                                                   \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#include "kernels.h"

#include "kernels_product.h"
#pragma clang attribute pop

#endif
