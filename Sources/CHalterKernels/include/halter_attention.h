// Causal attention over a flat batch of segments, and its gradient.
//
// Conventions as in halter_kernels.h: functions are total over memory that the caller owns, and
// allocate nothing. Everything is row-major.
#pragma once

#include "halter_product.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// The largest head.
#define HK_ATTENTION_HEAD 256

/// Rows of elements, `ld` elements apart.
typedef struct hk_rows {
  void *_Nullable data;
  size_t ld;
} hk_rows;

/// softmax(scale * q k^T) v in each segment, where a query sees the keys up to itself; `heads`
/// query heads share `kv_heads` key/value heads in order (Ainslie et al. 2023).
typedef struct hk_attention {
  /// Segment s has the rows segments[s] ..< segments[s + 1]; segments[0] is 0.
  const size_t *segments;
  size_t segment_count;
  /// Keys ahead of the first query, in rows of k and v of their own; only for one segment, and not
  /// for gradients.
  size_t cached;
  size_t heads, kv_heads;
  /// 1 ... HK_ATTENTION_HEAD.
  size_t head_dim;
  float scale;
  /// What the products compute with; sums and the softmax are in f32 always.
  hk_compute compute;
  /// The type of q, k, v, out and their gradients.
  hk_element type;
  /// [rows, heads * head_dim], and of k and v [cached + rows, kv_heads * head_dim].
  hk_rows q, k, v, out;
  /// [heads, rows]: the logarithm of the sum of exponentials that the softmax divides by.
  float *_Nullable lse;
  /// For gradients: that of out, which is read, and those of q, k and v, which are written.
  hk_rows d_out, dq, dk, dv;
} hk_attention;

/// Bytes of working memory that hk_attention_forward needs, to be aligned to 64: linear in the
/// longest segment, and bounded in the number of segments and heads.
size_t hk_attention_forward_scratch(const hk_attention *attention, hk_isa isa, size_t threads);

/// Writes out and lse (which may be NULL). The result does not depend on the number of threads.
/// Up to four queries of a segment that has cached keys are multiplied without rounding.
void hk_attention_forward(const hk_attention *attention, hk_isa isa, hk_pool *pool, void *scratch);

/// The same for hk_attention_backward.
size_t hk_attention_backward_scratch(const hk_attention *attention, hk_isa isa, size_t threads);

/// Writes dq, dk and dv from everything else. They may not overlap what is read.
void hk_attention_backward(const hk_attention *attention, hk_isa isa, hk_pool *pool,
                           void *scratch);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
