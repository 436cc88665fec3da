// What is known of the storage formats.
#include "engine.h"

const float hk_nf4_values[16] = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};

const float hk_fp4_values[16] = {
    0.0f,  0.0052083334885537624f,  0.6666666865348816f,  1.0f,
    0.3333333432674408f,  0.5f,  0.1666666716337204f,  0.25f,
    0.0f,  -0.0052083334885537624f, -0.6666666865348816f, -1.0f,
    -0.3333333432674408f, -0.5f, -0.1666666716337204f, -0.25f,
};

typedef struct layout {
  size_t elements, bytes;
} layout;

/// Elements and bytes of the smallest piece of a row.
static const layout layouts[HK_FORMAT_COUNT] = {
    [HK_FORMAT_F32] = {1, 4},     [HK_FORMAT_BF16] = {1, 2},   [HK_FORMAT_F16] = {1, 2},
    [HK_FORMAT_NF4] = {2, 1},     [HK_FORMAT_FP4] = {2, 1},    [HK_FORMAT_INT8] = {1, 1},
    [HK_FORMAT_Q4_0] = {32, 18},  [HK_FORMAT_Q4_1] = {32, 20}, [HK_FORMAT_Q5_0] = {32, 22},
    [HK_FORMAT_Q5_1] = {32, 24},  [HK_FORMAT_Q8_0] = {32, 34}, [HK_FORMAT_Q4_K] = {256, 144},
    [HK_FORMAT_Q5_K] = {256, 176}, [HK_FORMAT_Q6_K] = {256, 210},
};

size_t hk_format_block(hk_format format) {
  const bool is_packed_in_bytes = format == HK_FORMAT_NF4 || format == HK_FORMAT_FP4;
  return is_packed_in_bytes ? 1 : layouts[format].elements;
}

size_t hk_format_bytes(hk_format format, size_t columns) {
  return columns / layouts[format].elements * layouts[format].bytes;
}

void hk_matrix_decode(hk_isa isa, const hk_matrix *matrix, size_t row, size_t column, size_t count,
                      float *y) {
  if (count > 0) hk_engine_for(isa, HK_COMPUTE_F32)->decode(matrix, row, column, count, y);
}

void hk_scales_restore(size_t n, const uint8_t *codes, const float *map, const float *nested,
                       size_t block, float offset, float *y) {
#pragma clang fp contract(off)
  for (size_t start = 0; start < n; start += block) {
    const size_t end = n - start < block ? n : start + block;
    const float scale = nested[start / block];
    for (size_t i = start; i < end; i++) y[i] = map[codes[i]] * scale + offset;
  }
}
