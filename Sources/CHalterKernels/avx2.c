// The kernels for AVX2 with FMA and F16C: vectors of 32 bytes.
#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define LANES 8
#define KERNEL_TABLE hk_kernels_avx2
#define ENGINE hk_engine_avx2
#define WORD_ELEMENTS 1

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "kernels.h"

#include "kernels_product.h"
#pragma clang attribute pop

#endif
