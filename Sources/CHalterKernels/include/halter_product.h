// Products with matrices in any storage format, their decoding, and 4-bit quantisation.
//
// Conventions as in halter_kernels.h: functions are total over memory that the caller owns, and
// allocate nothing. Everything is row-major.
#pragma once

#include "halter_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

// ---------------------------------------------------------------------------- stored matrices

/// How the elements of a matrix are stored. Blocks run along a row, but for NF4 and FP4, whose
/// blocks run over the whole matrix, row after row.
typedef enum hk_format {
  HK_FORMAT_F32 = 0,
  HK_FORMAT_BF16 = 1,
  HK_FORMAT_F16 = 2,
  // bitsandbytes: two codes in a byte, the first in the high half; one f32 scale for each block.
  HK_FORMAT_NF4 = 3,
  HK_FORMAT_FP4 = 4,
  /// bitsandbytes LLM.int8: a signed byte for each element, one scale (the row's largest
  /// magnitude) for each row; the value is byte * scale / 127.
  HK_FORMAT_INT8 = 5,
  // GGUF, exactly as in the file.
  HK_FORMAT_Q4_0 = 6,
  HK_FORMAT_Q4_1 = 7,
  HK_FORMAT_Q5_0 = 8,
  HK_FORMAT_Q5_1 = 9,
  HK_FORMAT_Q8_0 = 10,
  HK_FORMAT_Q4_K = 11,
  HK_FORMAT_Q5_K = 12,
  HK_FORMAT_Q6_K = 13,
} hk_format;

enum { HK_FORMAT_COUNT = 14 };

/// A matrix in a storage format.
typedef struct hk_matrix {
  hk_format format;
  size_t rows;
  /// A whole number of blocks for GGUF formats, anything for the others.
  size_t columns;
  /// Bytes from one row to the next; not looked at for NF4 and FP4, which have no rows in memory.
  size_t stride;
  const void *_Nullable values;
  /// NF4 and FP4: one for each block. int8: one for each row. NULL for the others.
  const float *_Nullable scales;
  /// Elements in a block of NF4 or FP4, a power of two from 2 on.
  size_t block;
} hk_matrix;

/// Elements in a block of a format (1 where there are no blocks in a row).
size_t hk_format_block(hk_format format);

/// Bytes of `columns` elements of a row, a whole number of blocks (for 4-bit codes: even).
size_t hk_format_bytes(hk_format format, size_t columns);

/// y[0 ..< count] = the elements of a row from `column` on. `column` is a multiple of 64, `count`
/// a whole number of blocks. Every instruction set gives the same bits; those of GGUF formats are
/// ggml's.
void hk_matrix_decode(hk_isa isa, const hk_matrix *matrix, size_t row, size_t column, size_t count,
                      float *y);

/// y[i] = map[codes[i]] * nested[i / block] + offset: the scales of double quantisation
/// (Dettmers et al. 2023). The product is rounded before the sum, as bitsandbytes does.
void hk_scales_restore(size_t n, const uint8_t *codes, const float *map, const float *nested,
                       size_t block, float offset, float *y);

// ---------------------------------------------------------------------------- quantisation

/// 4-bit codes (NF4 or FP4) of n numbers in blocks of `block`, a power of two, and the scale of
/// each block. Codes: two in a byte, the first in the high half; an odd n is filled up with a zero.
void hk_quantize_codes(hk_format format, size_t n, const float *x, size_t block, uint8_t *codes,
                       float *scales);

/// 8-bit codes of n scales without their mean, in blocks with a nested scale each. Returns the
/// mean. The code is that of the nearest value, which bitsandbytes finds on a CPU in all but about
/// one of 700 cases.
float hk_quantize_scales(size_t n, const float *scales, const float *map, size_t block,
                         uint8_t *codes, float *nested);

/// A row as int8; returns its scale, the largest magnitude.
float hk_quantize_int8(size_t n, const float *x, int8_t *y);

// ---------------------------------------------------------------------------- products

/// What products compute with. Sums are always in f32.
typedef enum hk_compute {
  HK_COMPUTE_F32 = 0,
  /// Factors are rounded to bf16 first (but not in products of up to four rows, where reading the
  /// matrix takes the time).
  HK_COMPUTE_BF16 = 1,
} hk_compute;

/// One product in a sum of products: a * w^T, or a * w.
typedef struct hk_term {
  /// [m, k]; stored as [k, m] if a_transposed.
  const void *_Nullable a;
  hk_element a_type;
  size_t lda;
  bool a_transposed;
  /// w_transposed: w is [n, k], its rows are the columns of the result. Else w is [k, n].
  bool w_transposed;
  hk_matrix w;
} hk_term;

/// c = alpha * (sum of the terms), or c += if accumulate (for f32 only); c is [m, n]. The result
/// does not depend on the number of threads.
typedef struct hk_product {
  size_t m;
  size_t n;
  const hk_term *terms;
  size_t term_count;
  float alpha;
  bool accumulate;
  hk_compute compute;
  void *c;
  hk_element c_type;
  size_t ldc;
} hk_product;

/// Bytes of working memory that hk_product_run needs, to be aligned to 64.
size_t hk_product_scratch(const hk_product *product, hk_isa isa, size_t threads);

/// Computes a product on a pool, or on the calling thread alone where pool is NULL. `scratch` has
/// the size that hk_product_scratch gives for the pool's threads (1 without a pool).
void hk_product_run(const hk_product *product, hk_isa isa, hk_pool *_Nullable pool,
                    void *_Nullable scratch);

/// outputs[i] = x * matrices[i]^T for `count` matrices of one number of columns, in one loop over
/// the threads: what one token of a sequence is multiplied with at a time. x is [m, columns],
/// outputs[i] is [m, rows of matrices[i]]; factors are not rounded. Each matrix is read once for
/// every four rows of x. The result is that of hk_product_run, to the bit.
void hk_few_rows_run(const float *x, size_t m, const hk_matrix *matrices,
                     float *_Nonnull const *_Nonnull outputs, size_t count, hk_isa isa,
                     hk_pool *_Nullable pool);

/// Whether products in bf16 are faster than in f32: the instruction for them must be there, and be
/// more than the half-speed one of Intel's cores.
bool hk_bf16_is_fast(void);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
