// The engine of products for one instruction set: included after kernels.h with ENGINE (the name
// of its table) and WORD_ELEMENTS (elements of the contraction in a word) defined.
#pragma once

#include "attention.h"

/// Columns of a panel.
#define WIDTH (2 * LANES)

#include "kernels_decode.h"

#include "kernels_pack.h"

#include "kernels_tile.h"

#include "kernels_dots.h"

#include "kernels_loss.h"

#if LANES == 16
#define TILES(vectors)                                                                          \
  {0,                   tile_1x##vectors,  tile_2x##vectors,  tile_3x##vectors,                 \
   tile_4x##vectors,    tile_5x##vectors,  tile_6x##vectors,  tile_7x##vectors,                 \
   tile_8x##vectors,    tile_9x##vectors,  tile_10x##vectors, tile_11x##vectors,                \
   tile_12x##vectors,   tile_13x##vectors, tile_14x##vectors}
#define TILE_ROWS 14
#else
#define TILES(vectors)                                                                          \
  {0,                tile_1x##vectors, tile_2x##vectors, tile_3x##vectors,                      \
   tile_4x##vectors, tile_5x##vectors, tile_6x##vectors}
#define TILE_ROWS 6
#endif

static const hk_tile tiles[3][HK_MAX_TILE_ROWS + 1] = {{0}, TILES(1), TILES(2)};

#include "kernels_attention.h"

#include "kernels_attention_backward.h"

#include "kernels_attention_cached.h"

static const hk_attention_kernels attention_kernels = {
    .pack_keys = pack_keys,
    .attend = attend,
    .pack_key_rows = pack_key_rows,
    .pack_queries = pack_queries,
    .key_gradients = key_gradients,
    .query_gradients = query_gradients,
    .attend_run = attend_run,
    .join_runs = join_runs,
};

const hk_engine ENGINE = {
    .width = WIDTH,
    .tile_rows = TILE_ROWS,
    .elements_per_word = WORD_ELEMENTS,
    .tiles = {{0}, TILES(1), TILES(2)},
    .pack = pack,
    .fill = fill,
    .dots = dots,
    .decode = decode,
    .round_to_bf16 = bf16_from_f32,
    .loss = &loss_kernels,
    .attention = &attention_kernels,
};
