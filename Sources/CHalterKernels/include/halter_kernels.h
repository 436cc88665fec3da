// SIMD kernels of Halter, one table of functions per instruction set, and the thread pool they
// run on.
//
// Conventions. Every kernel is a total, single-threaded function over memory that the caller owns:
// no allocation, no I/O, no errno. Matrices are row-major; `ld*` is the distance in elements
// between the starts of two rows. Sizes may be zero. Pointers need no alignment and must not
// overlap unless a comment says "may alias". Sums run in a fixed order for a given table, so the
// same call gives the same bits. Callers split work over threads; a kernel sees one range of it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

// ---------------------------------------------------------------------------- instruction sets

/// Instruction sets that kernels are built for, slowest first.
typedef enum hk_isa {
  HK_ISA_PORTABLE = 0,  // whatever the target's baseline is (SSE2 on x86-64, NEON on arm64)
  HK_ISA_AVX2 = 1,      // AVX2 + FMA + F16C
  HK_ISA_AVX512 = 2,    // AVX-512 F, BW, DQ, VL
  HK_ISA_AVX512BF16 = 3,  // the same with BF16, whose dot products bf16 products use
} hk_isa;

/// The type of a number in memory. Kernels that take one compute in f32 and round what they write
/// to the nearest even.
typedef enum hk_element {
  HK_ELEMENT_F32 = 0,
  HK_ELEMENT_BF16 = 1,
} hk_element;

/// Constants of one AdamW step (Loshchilov & Hutter 2019, algorithm 2).
typedef struct hk_adamw_constants {
  float learning_rate;
  float beta1, beta2;
  float epsilon;
  float weight_decay;
  float bias_correction1;       // 1 - beta1^t
  float sqrt_bias_correction2;  // sqrt(1 - beta2^t)
  float gradient_scale;         // the gradient is multiplied by this first (clipping)
} hk_adamw_constants;

/// Elements of a moment that share a scale in 8-bit AdamW.
#define HK_MOMENT_BLOCK 256

/// The upper 16 bits of magnitudes from 2^-23, below which no bound lies, to 1 inclusive.
#define HK_DYNAMIC_LEAST 0x34000000u
#define HK_DYNAMIC_BUCKETS 0xb81

/// An 8-bit code with a dynamic exponent: the value of a code is values[code], and the code of a
/// number is that of the nearest value (Dettmers et al. 2022). A number takes as its code how many
/// bounds are below it; `first` says how many are below all numbers of its bucket, those from 0 up
/// and then those below 0, and at most one more is below it.
typedef struct hk_dynamic_code {
  float values[256];
  float bounds[256];
  uint8_t first[2 * HK_DYNAMIC_BUCKETS];
} hk_dynamic_code;

/// The 256 values of a code, rising from -1 or from 0 to 1.
void hk_dynamic_map(bool is_signed, float *map);

/// Fills in a code.
void hk_dynamic_code_make(bool is_signed, hk_dynamic_code *code);

/// The kernels of one instruction set. All tables compute the same functions; they differ only by
/// rounding.
typedef struct hk_kernels {
  // -- elementwise, n elements
  /// y = a + b. y may alias a or b.
  void (*add)(size_t n, const float *a, const float *b, float *y);
  /// y = a * b. y may alias a or b.
  void (*mul)(size_t n, const float *a, const float *b, float *y);
  /// y = s * x. y may alias x.
  void (*scale)(size_t n, float s, const float *x, float *y);
  /// y += s * x.
  void (*axpy)(size_t n, float s, const float *x, float *y);
  /// y = silu(gate) * up. y may alias gate or up.
  void (*swiglu)(size_t n, hk_element type, const void *gate, const void *up, void *y);
  /// dgate = dy * up * silu'(gate), dup = dy * silu(gate). The outputs may alias dy, gate or up
  /// element for element.
  void (*swiglu_backward)(size_t n, hk_element type, const void *gate, const void *up,
                          const void *dy, void *dgate, void *dup);
  /// Inverted dropout: y = x / (1 - p) where a counter-based generator (seed, offset + i) keeps
  /// element i, else 0. The same seed and offset drop the same elements in every table, on every
  /// split of the range, so the backward pass is the same call on dy. y may alias x.
  void (*dropout)(size_t n, hk_element type, float p, uint64_t seed, uint64_t offset,
                  const void *x, void *y);
  /// Sum of squares, accumulated in double.
  double (*sum_of_squares)(size_t n, const float *x);
  /// One AdamW step in place on parameters p and moments m, v; g is only read.
  void (*adamw)(size_t n, const hk_adamw_constants *c, const float *g, float *p, float *m,
                float *v);
  /// The same with moments as 8-bit codes (Dettmers et al. 2022, 8-bit optimizers): blocks of
  /// HK_MOMENT_BLOCK with a scale each are decoded, updated, and encoded again. Element 0 is the
  /// first of a block. All tables give the same bits.
  void (*adamw_8bit)(size_t n, const hk_adamw_constants *c, const hk_dynamic_code *signed_code,
                     const hk_dynamic_code *unsigned_code, const float *g, float *p, uint8_t *m,
                     float *m_scales, uint8_t *v, float *v_scales);

  // -- rows of d elements, contiguous
  /// h = x * rstd, rstd[row] = 1 / sqrt(mean(x^2) + eps); y = w * h (Zhang & Sennrich 2019). rstd
  /// is written, one per row, and h unless it is NULL. y and h are of the type.
  void (*rmsnorm)(size_t rows, size_t d, float eps, const float *x, const float *w,
                  hk_element type, void *y, void *_Nullable h, float *rstd);
  /// dx = gradient of rmsnorm by x, or dx += if add, from the h that it wrote. If dw is not NULL, dw
  /// += gradient by w, summed over the rows.
  void (*rmsnorm_backward)(size_t rows, size_t d, hk_element type, const void *h, const float *w,
                           const float *rstd, const float *dy, bool add, float *dx,
                           float *_Nullable dw);
  /// y[row] = w * x[row], both of the type. y may alias x.
  void (*scale_columns)(size_t rows, size_t d, hk_element type, const void *x, const float *w,
                        void *y);
  /// y[row] += bias, for every row.
  void (*add_bias)(size_t rows, size_t d, const float *bias, hk_element type, void *y);
  /// out += sum of the rows of x.
  void (*add_column_sums)(size_t rows, size_t d, hk_element type, const void *x, float *out);

  // -- rotary position embedding (Su et al. 2021), rotate-half convention of Hugging Face
  /// Rotates `heads` heads of `d` elements in every row of x, in place: with half = d / 2,
  /// x[j], x[j + half] <- x[j] c - s x[j + half], x[j + half] c + s x[j], where c and s are
  /// cosines[positions[row] * half + j] and sign * sines[...]. sign is +1 forward, -1 backward.
  void (*rope)(size_t rows, size_t heads, size_t d, const int32_t *positions,
               const float *cosines, const float *sines, float sign, hk_element type, void *x,
               size_t ldx);

  // -- linear + cross-entropy: what happens between the matrix products, on a chunk of rows
  /// logprobs[r] = log softmax(logits[r])[labels[r]]. If weights is not NULL, logits become the
  /// gradient weights[r] * (softmax(logits[r]) - onehot(labels[r])), else they are left as they
  /// are. labels are in 0 ..< vocabulary (checked by the caller).
  void (*cross_entropy)(size_t rows, size_t vocabulary, const int32_t *labels,
                        const float *_Nullable weights, float *logits, size_t ld,
                        float *logprobs);

  // -- conversions, n elements (round to nearest even; NaN stays NaN)
  void (*f32_from_bf16)(size_t n, const uint16_t *x, float *y);
  void (*f32_from_f16)(size_t n, const uint16_t *x, float *y);
  void (*bf16_from_f32)(size_t n, const float *x, uint16_t *y);
  void (*f16_from_f32)(size_t n, const float *x, uint16_t *y);
} hk_kernels;

/// The best instruction set that this CPU and this build have.
hk_isa hk_best_isa(void);

/// Whether this CPU and this build can run the instruction set.
bool hk_isa_available(hk_isa isa);

/// The kernels of an instruction set, NULL where it is not available.
const hk_kernels *_Nullable hk_kernels_for(hk_isa isa);

// ---------------------------------------------------------------------------- thread pool

/// A pool of worker threads. The thread that calls hk_pool_run works too.
typedef struct hk_pool hk_pool;

/// A task of a parallel loop: `index` is in 0 ..< count.
typedef void (*hk_task)(void *_Nullable context, size_t index);

/// A pool that runs loops on `threads` threads in all (at least 1), NULL when memory or threads
/// are refused.
hk_pool *_Nullable hk_pool_create(size_t threads);

/// Stops the workers and frees the pool. NULL is allowed.
void hk_pool_destroy(hk_pool *_Nullable pool);

/// The number of threads that loops run on, the caller's included.
size_t hk_pool_threads(const hk_pool *pool);

/// Inside a task, which of the pool's threads runs it: 0 ..< hk_pool_threads. 0 outside.
size_t hk_pool_thread_number(void);

/// Runs task(context, i) once for every i in 0 ..< count and returns when all are done. Tasks are
/// handed out one at a time, in order. Callers on several threads take turns; a call from inside a
/// task runs its loop on that thread alone.
void hk_pool_run(hk_pool *pool, size_t count, hk_task task, void *_Nullable context);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
