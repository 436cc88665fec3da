// The tables of kernels, one per instruction set that the build has.
#pragma once

#include "halter_kernels.h"

extern const hk_kernels hk_kernels_portable __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const hk_kernels hk_kernels_avx2 __attribute__((visibility("hidden")));
extern const hk_kernels hk_kernels_avx512 __attribute__((visibility("hidden")));
extern const hk_kernels hk_kernels_avx512bf16 __attribute__((visibility("hidden")));
#endif
