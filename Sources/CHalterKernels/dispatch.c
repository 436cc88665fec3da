// Chooses the kernels for the CPU at hand.
#include "tables.h"

bool hk_isa_available(hk_isa isa) {
  switch (isa) {
    case HK_ISA_PORTABLE:
      return true;
#if defined(__x86_64__)
    case HK_ISA_AVX2:
      __builtin_cpu_init();
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("f16c");
    case HK_ISA_AVX512:
      return hk_isa_available(HK_ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
#endif
    default:
      return false;
  }
}

const hk_kernels *hk_kernels_for(hk_isa isa) {
  if (!hk_isa_available(isa)) return NULL;
  switch (isa) {
#if defined(__x86_64__)
    case HK_ISA_AVX2:
      return &hk_kernels_avx2;
    case HK_ISA_AVX512:
      return &hk_kernels_avx512;
#endif
    default:
      return &hk_kernels_portable;
  }
}

hk_isa hk_best_isa(void) {
  if (hk_isa_available(HK_ISA_AVX512)) return HK_ISA_AVX512;
  return hk_isa_available(HK_ISA_AVX2) ? HK_ISA_AVX2 : HK_ISA_PORTABLE;
}
