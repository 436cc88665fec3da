// What the machine can do at most, for shares of it: arithmetic without memory, and memory without
// arithmetic.
#pragma once

#include <stddef.h>

/// What is multiplied and added.
typedef enum peak_kind {
  PEAK_F32_AVX512 = 0,
  PEAK_BF16_AVX512 = 1,
  PEAK_F32_AVX2 = 2,
} peak_kind;

/// GFLOP/s of `threads` threads that only multiply and add in registers for about `seconds`; 0
/// where the instructions are missing.
double peak_gflops(peak_kind kind, size_t threads, double seconds);

/// GB/s at which `threads` threads read memory that fits no cache.
double peak_read_gbytes(size_t threads, double seconds);
