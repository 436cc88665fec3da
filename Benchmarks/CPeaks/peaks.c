#include "peaks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/// Accumulators that are independent of each other: more than the latency of the units needs.
#define CHAINS 16
#define ROUNDS 20000

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define UNROLL _Pragma("clang loop unroll(full)")

__attribute__((target("avx512f"))) static float f32_avx512(void) {
  __m512 sums[CHAINS];
  for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_set1_ps((float)i);
  const __m512 x = _mm512_set1_ps(0.999f);
  for (int round = 0; round < ROUNDS; round++)
    UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_fmadd_ps(sums[i], x, x);
  for (int i = 1; i < CHAINS; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_reduce_add_ps(sums[0]);
}

__attribute__((target("avx512f,avx512bf16"))) static float bf16_avx512(void) {
  __m512 sums[CHAINS];
  for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_set1_ps((float)i);
  const __m512bh x = (__m512bh)_mm512_set1_epi16(0x3c00);
  for (int round = 0; round < ROUNDS; round++)
    UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], x, x);
  for (int i = 1; i < CHAINS; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_reduce_add_ps(sums[0]);
}

__attribute__((target("avx2,fma"))) static float f32_avx2(void) {
  __m256 sums[CHAINS - 4];
  for (int i = 0; i < CHAINS - 4; i++) sums[i] = _mm256_set1_ps((float)i);
  const __m256 x = _mm256_set1_ps(0.999f);
  for (int round = 0; round < ROUNDS; round++)
    UNROLL for (int i = 0; i < CHAINS - 4; i++) sums[i] = _mm256_fmadd_ps(sums[i], x, x);
  float values[8];
  for (int i = 1; i < CHAINS - 4; i++) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  _mm256_storeu_ps(values, sums[0]);
  return values[0];
}

/// Floating-point operations of a call.
static double operations(peak_kind kind) {
  const double lanes[] = {16, 32, 8};
  const double chains[] = {CHAINS, CHAINS, CHAINS - 4};
  return 2 * lanes[kind] * chains[kind] * ROUNDS;
}

static float work(peak_kind kind) {
  switch (kind) {
    case PEAK_F32_AVX512: return f32_avx512();
    case PEAK_BF16_AVX512: return bf16_avx512();
    default: return f32_avx2();
  }
}

static int is_available(peak_kind kind) {
  __builtin_cpu_init();
  switch (kind) {
    case PEAK_F32_AVX512: return __builtin_cpu_supports("avx512f");
    case PEAK_BF16_AVX512: return __builtin_cpu_supports("avx512bf16");
    default: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  }
}
#else
static double operations(peak_kind kind) { return (void)kind, 0; }
static float work(peak_kind kind) { return (void)kind, 0; }
static int is_available(peak_kind kind) { return (void)kind, 0; }
#endif

typedef struct worker {
  peak_kind kind;
  const uint64_t *memory;  // NULL: arithmetic
  size_t words;
  double until;
  double done;  // operations or bytes
} worker;

static _Atomic uint64_t sink;

static void *run(void *context) {
  worker *worker = context;
  while (now() < worker->until) {
    if (!worker->memory) {
      const float result = work(worker->kind);
      uint32_t bits;
      memcpy(&bits, &result, sizeof bits);
      atomic_fetch_xor(&sink, bits);
      worker->done += operations(worker->kind);
      continue;
    }
    uint64_t sums[8] = {0};
    for (size_t i = 0; i + 8 <= worker->words; i += 8)
      for (size_t j = 0; j < 8; j++) sums[j] += worker->memory[i + j];
    for (size_t j = 0; j < 8; j++) atomic_fetch_xor(&sink, sums[j]);
    worker->done += (double)worker->words * 8;
  }
  return NULL;
}

static double total(size_t threads, worker *workers, double seconds) {
  pthread_t *ids = calloc(threads, sizeof *ids);
  const double start = now();
  for (size_t i = 0; i < threads; i++) {
    workers[i].until = start + seconds;
    if (pthread_create(&ids[i], NULL, run, &workers[i])) abort();
  }
  double done = 0;
  for (size_t i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    done += workers[i].done;
  }
  const double elapsed = now() - start;
  free(ids);
  return done / elapsed * 1e-9;
}

double peak_gflops(peak_kind kind, size_t threads, double seconds) {
  if (!is_available(kind)) return 0;
  worker *workers = calloc(threads, sizeof *workers);
  for (size_t i = 0; i < threads; i++) workers[i].kind = kind;
  const double result = total(threads, workers, seconds);
  free(workers);
  return result;
}

double peak_read_gbytes(size_t threads, double seconds) {
  const size_t bytes = (size_t)256 << 20;
  worker *workers = calloc(threads, sizeof *workers);
  for (size_t i = 0; i < threads; i++) {
    uint64_t *memory = aligned_alloc(1 << 21, bytes);
    memset(memory, (int)i + 1, bytes);
    workers[i].memory = memory;
    workers[i].words = bytes / 8;
  }
  const double result = total(threads, workers, seconds);
  for (size_t i = 0; i < threads; i++) free((void *)workers[i].memory);
  free(workers);
  return result;
}
