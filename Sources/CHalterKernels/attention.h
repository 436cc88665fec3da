// What the driver of attention (attention.c) and the kernels of an instruction set share: how the
// work is cut, and where things are in working memory.
#pragma once

#include "engine.h"
#include "halter_attention.h"

/// Rows of queries, or of keys, that a task works on: whole tiles of every engine (of 14 and of 6
/// rows), which with their part of the result stay in the second-level cache.
#define HK_ATTENTION_ROWS ((size_t)84)

/// Keys that a tile of queries meets at a time: their scores are words of a packed row.
#define HK_ATTENTION_KEYS ((size_t)HK_BLOCK_WORDS)

/// Queries that a tile of keys meets at a time in the backward pass: two such tiles of scores fit
/// the first-level cache.
#define HK_ATTENTION_QUERIES ((size_t)256)

/// Rows that are packed by one task.
#define HK_ATTENTION_STRIP ((size_t)HK_STRIP)

/// Keys that a few queries after cached keys meet in one task, and the numbers that they leave for
/// one query and head: its largest score, a sum, and an output.
#define HK_ATTENTION_RUN ((size_t)512)
#define HK_ATTENTION_PART (2 + HK_ATTENTION_HEAD)

/// One kv head in one segment, and its part of working memory.
typedef struct hk_attention_unit {
  /// Its first row among the queries and among the keys, and how many there are.
  size_t query, queries;
  size_t key, keys;
  size_t kv_head;
  // Forward: panels of K^T and of V.
  uint32_t *key_panels, *value_panels;
  // Backward: sums of dk and dv, in rows of whole vectors; K^T as packed rows, block by block; and,
  // of each head that shares the kv head, for the range of queries at hand: panels of Q^T, dO^T, Q
  // and dO, panels of dS^T, the lse, and the sums of dO * out.
  float *dk, *dv;
  uint32_t *key_rows;
  uint32_t *query_columns, *upstream_columns, *query_panels, *upstream_panels;
  uint32_t *scores;
  float *lse, *delta;
  // The range of queries at hand, and the most that a range has.
  size_t first, last, range;
} hk_attention_unit;

/// What the kernels of an instruction set do, each on one thread. `scratch` is a thread's own.
typedef struct hk_attention_kernels {
  /// Packs a strip of keys and values for the forward pass.
  void (*pack_keys)(const hk_attention *attention, const hk_attention_unit *unit, size_t strip);
  /// out and lse of a head for queries `first ..< first + count`, at most HK_ATTENTION_ROWS.
  void (*attend)(const hk_attention *attention, const hk_attention_unit *unit, size_t head,
                 size_t first, size_t count, void *scratch);
  /// Packs a strip of keys as rows of K^T for the backward pass, and begins its sums.
  void (*pack_key_rows)(const hk_attention *attention, const hk_attention_unit *unit,
                        size_t strip);
  /// Packs a strip of the range of queries, for one head of the unit.
  void (*pack_queries)(const hk_attention *attention, const hk_attention_unit *unit,
                       size_t member, size_t strip, void *scratch);
  /// Adds what the range of queries gives to dk and dv of HK_ATTENTION_ROWS keys from `first` on,
  /// and leaves dS^T for dq. After the last range dk and dv are written.
  void (*key_gradients)(const hk_attention *attention, const hk_attention_unit *unit,
                        size_t first, void *scratch);
  /// dq of a strip of the range of queries, for one head of the unit.
  void (*query_gradients)(const hk_attention *attention, const hk_attention_unit *unit,
                          size_t member, size_t strip, void *scratch);
  /// A few queries after cached keys: what the heads that share a kv head get from a run of keys;
  /// and what one head gets from all runs.
  void (*attend_run)(const hk_attention *attention, size_t kv_head, size_t run, float *parts);
  void (*join_runs)(const hk_attention *attention, size_t head, const float *parts);
} hk_attention_kernels;

/// Bytes of a thread's scratch: packed rows of keys and of values, or rows of queries, scores and
/// sums of outputs; with room for a strip of numbers.
#define HK_ATTENTION_SCRATCH                                                                \
  (((2 * HK_ATTENTION_ROWS + 2 * HK_MAX_TILE_ROWS) * HK_ROW_PITCH +                         \
    (HK_ATTENTION_ROWS + HK_ATTENTION_STRIP) * HK_ATTENTION_HEAD) *                         \
   sizeof(float))

static inline size_t hk_divided_up(size_t x, size_t by) { return (x + by - 1) / by; }
static inline size_t hk_rounded_up(size_t x, size_t by) { return hk_divided_up(x, by) * by; }
static inline size_t hk_smaller(size_t x, size_t y) { return x < y ? x : y; }
static inline size_t hk_larger(size_t x, size_t y) { return x > y ? x : y; }
