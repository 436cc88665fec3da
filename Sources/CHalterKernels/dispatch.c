// Chooses the kernels for the CPU at hand.
#include "engine.h"
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
    case HK_ISA_AVX512BF16:
      return hk_isa_available(HK_ISA_AVX512) && __builtin_cpu_supports("avx512bf16");
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
    case HK_ISA_AVX512BF16:
      return &hk_kernels_avx512bf16;
#endif
    default:
      return &hk_kernels_portable;
  }
}

const hk_engine *hk_engine_for(hk_isa isa, hk_compute compute) {
  switch (isa) {
#if defined(__x86_64__)
    case HK_ISA_AVX2:
      return &hk_engine_avx2;
    case HK_ISA_AVX512:
      return &hk_engine_avx512;
    case HK_ISA_AVX512BF16:
      return compute == HK_COMPUTE_BF16 ? &hk_engine_avx512bf16 : &hk_engine_avx512;
#endif
    default:
      (void)compute;
      return &hk_engine_portable;
  }
}

bool hk_bf16_is_fast(void) {
#if defined(__x86_64__)
  return hk_isa_available(HK_ISA_AVX512BF16) && !__builtin_cpu_is("intel");
#else
  return false;
#endif
}

hk_isa hk_best_isa(void) {
  if (hk_bf16_is_fast()) return HK_ISA_AVX512BF16;
  if (hk_isa_available(HK_ISA_AVX512)) return HK_ISA_AVX512;
  return hk_isa_available(HK_ISA_AVX2) ? HK_ISA_AVX2 : HK_ISA_PORTABLE;
}
