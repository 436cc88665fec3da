// What the products of one instruction set are made of. The driver (product.c) cuts a product into
// tiles; an engine packs its operands and multiplies tiles.
#pragma once

#include "halter_product.h"

/// The most rows of a tile over all engines.
#define HK_MAX_TILE_ROWS 14

/// The most 32-bit words that a block of the contraction has of one term, and of a small term that
/// is appended to it (the rank of an adapter).
#define HK_BLOCK_WORDS 384
#define HK_APPENDED_WORDS 64

/// The distance in words between packed rows of A: constant, so that it is part of the
/// instructions, and an odd number of cache lines, so that rows lie in different cache sets.
#define HK_ROW_PITCH (HK_BLOCK_WORDS + HK_APPENDED_WORDS + 16)

/// Columns that are packed together: a unit that no block of 64 columns straddles.
#define HK_STRIP 64

/// c[rows, columns] = or += alpha * a * panel, over `words` words of the contraction. Rows of `a`
/// are HK_ROW_PITCH words apart, rows of the panel `ldb` words.
typedef void (*hk_tile)(size_t words, const uint32_t *a, const uint32_t *panel, size_t ldb,
                        float alpha, bool add, float *c, size_t ldc, size_t columns);

typedef struct hk_engine {
  /// Columns of a panel: two vectors.
  size_t width;
  /// The most rows of a tile.
  size_t tile_rows;
  /// Elements of the contraction in a 32-bit word: 1 for f32, 2 for bf16.
  size_t elements_per_word;
  /// By vectors of columns (1 or 2) and rows.
  hk_tile tiles[3][HK_MAX_TILE_ROWS + 1];

  /// Packs `count` elements of the contraction from `k` on of `rows` rows of A; rounds them to
  /// bf16 if asked. Words are filled up with zero.
  void (*pack)(const hk_term *term, size_t row, size_t rows, size_t k, size_t count, bool round,
               uint32_t *packed);
  /// Packs `count` elements of the contraction from `k` (a multiple of 64) on of the columns
  /// `column ..< column + columns`, at most HK_STRIP of them, into panels of `panel_words` words.
  void (*fill)(const hk_term *term, size_t column, size_t columns, size_t k, size_t count,
               bool round, uint32_t *panels, size_t panel_words);
  /// c[i, row] = or += alpha * a[i] . w[row] for a range of rows of w and m <= HK_DOT_ROWS rows.
  void (*dots)(const hk_term *term, size_t m, size_t first, size_t last, float alpha, bool add,
               float *c, size_t ldc);
  void (*decode)(const hk_matrix *matrix, size_t row, size_t column, size_t count, float *y);
  void (*round_to_bf16)(size_t n, const float *x, uint16_t *y);
  /// The parts of the cross-entropy loss.
  const struct hk_loss_kernels *loss;
  /// The parts of attention.
  const struct hk_attention_kernels *attention;
} hk_engine;

/// Products of so few rows read the stored matrix once, without packing it.
#define HK_DOT_ROWS 4

extern const hk_engine hk_engine_portable __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const hk_engine hk_engine_avx2 __attribute__((visibility("hidden")));
extern const hk_engine hk_engine_avx512 __attribute__((visibility("hidden")));
extern const hk_engine hk_engine_avx512bf16 __attribute__((visibility("hidden")));
#endif

/// The engine of an available instruction set.
const hk_engine *hk_engine_for(hk_isa isa, hk_compute compute)
    __attribute__((visibility("hidden")));

/// The 16 values of NF4 and of FP4 codes (Dettmers et al. 2023), as bitsandbytes has them.
extern const float hk_nf4_values[16] __attribute__((visibility("hidden")));
extern const float hk_fp4_values[16] __attribute__((visibility("hidden")));
