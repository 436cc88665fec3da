// The gradient of causal attention. Scores are computed as their transpose, keys by queries: then
// P^T and dS^T are the packed rows that dv and dk need as they come, and dS^T the panels for dq.
#pragma once

static void pack_key_rows(const hk_attention *attention, const hk_attention_unit *unit,
                          size_t strip) {
  const size_t d = attention->head_dim;
  const size_t first = strip * HK_STRIP;
  const size_t count = hk_smaller(HK_STRIP, unit->keys - first);
  const size_t wide = hk_rounded_up(d, LANES);
  memset(unit->dk + first * wide, 0, count * wide * sizeof(float));
  memset(unit->dv + first * wide, 0, count * wide * sizeof(float));
  const hk_term term =
      head_term(attention, &attention->k, unit->key + first, unit->kv_head, true);
  const size_t word = first / WORD_ELEMENTS;
  pack_columns(&term, 0, d, 0, count, rounds(attention),
               unit->key_rows + word / HK_BLOCK_WORDS * d * HK_ROW_PITCH + word % HK_BLOCK_WORDS);
}

static void pack_queries(const hk_attention *attention, const hk_attention_unit *unit,
                         size_t member, size_t strip, void *scratch) {
  const size_t d = attention->head_dim;
  const size_t head = unit->kv_head * (attention->heads / attention->kv_heads) + member;
  const size_t count = unit->last - unit->first;
  const size_t start = unit->query + unit->first;
  const hk_matrix queries = head_rows(attention, &attention->q, start, count, head);
  const hk_matrix upstream = head_rows(attention, &attention->d_out, start, count, head);
  const hk_matrix outputs = head_rows(attention, &attention->out, start, count, head);
  const size_t columns = member * unit->range * words_for(d);
  const size_t panel_words = unit->range / WORD_ELEMENTS * WIDTH;
  const size_t panels = member * panel_words * hk_divided_up(d, WIDTH);
  fill_head_columns(attention, &queries, strip, unit->query_columns + columns);
  fill_head_columns(attention, &upstream, strip, unit->upstream_columns + columns);
  fill_head_panels(attention, &queries, strip, unit->query_panels + panels, panel_words);
  fill_head_panels(attention, &upstream, strip, unit->upstream_panels + panels, panel_words);
  float *room[2] = {scratch, (float *)scratch + d};
  const float *lse =
      attention->lse + head * attention->segments[attention->segment_count] + start;
  for (size_t i = strip * HK_STRIP; i < strip * HK_STRIP + HK_STRIP; i++) {
    // Queries that are not there have no probabilities.
    float shift = INFINITY, delta = 0;
    if (i < count) {
      const float *o = run_of(&outputs, i, 0, d, room[0]);
      const float *g = run_of(&upstream, i, 0, d, room[1]);
      // Of the numbers that the products see, so that dS of a query has the sum 0.
      if (rounds(attention)) {
        FOR_VECTORS(j, k, d, { store(room[1] + j, k, rounded_to_bf16(load(g + j, k))); });
        g = room[1];
      }
      delta = (float)dot(d, o, HK_ELEMENT_F32, g, 0, NULL);
      shift = lse[i];
    }
    unit->lse[member * unit->range + i] = shift;
    unit->delta[member * unit->range + i] = delta;
  }
}

/// Keys that follow each other (one or two, so that their dS makes words of panels) against the
/// queries `from ..< to` of a block that begins with query `start` of the segment: transposed scores
/// become words of p; gradients of the probabilities become words of dS (but for the factor on the
/// scores), which goes into the panels too.
INLINE void score_gradients(size_t key, size_t keys, size_t start, size_t from, size_t to,
                            float factor, bool round, float *scores, float *gradients, const float *lse,
                            const float *delta, uint32_t *panels, size_t panel_words) {
  for (size_t i = from; i < to; i += WIDTH) {
    vfloat ds[2][2] = {{0, 0}, {0, 0}};
    for (size_t row = 0; row < keys; row++) {
      float *s = scores + row * HK_ROW_PITCH;
      float *g = gradients + row * HK_ROW_PITCH;
      vfloat p[2];
      UNROLL for (size_t v = 0; v < 2; v++) {
        const size_t at = i + v * LANES;
        p[v] = quick_exponential(
            multiply_add(load(s + at, LANES), splat(factor), -load(lse + at, LANES)));
        // Queries before the key do not see it.
        if (key + row > start + at)
          p[v] = lane_numbers() < (vuint)(uint32_t)(key + row - start - at) ? splat(0) : p[v];
        ds[row][v] = p[v] * (load(g + at, LANES) - load(delta + at, LANES));
      }
      store_pair((uint32_t *)(void *)s + i / WORD_ELEMENTS, p[0], p[1], round);
      store_pair((uint32_t *)(void *)g + i / WORD_ELEMENTS, ds[row][0], ds[row][1], round);
    }
    uint32_t *panel = panels + i / WIDTH * panel_words;
#if WORD_ELEMENTS == 2
    UNROLL for (size_t v = 0; v < 2; v++)
      _mm512_storeu_si512(panel + v * LANES, interleaved_bf16(ds[0][v], ds[1][v]));
#else
    for (size_t row = 0; row < keys; row++)
      store_pair(panel + row * WIDTH, ds[row][0], ds[row][1], round);
#endif
  }
}

/// A tile of keys, as packed rows of K and of V; and room for its scores and their gradients.
typedef struct key_tile {
  size_t first, height;
  const uint32_t *keys, *values;
  float *scores, *gradients;
} key_tile;

/// What `count` queries from `query` of the range on, of one head, give to dk and dv of a tile.
INLINE void tile_gradients(const hk_attention *attention, const hk_attention_unit *unit,
                           size_t member, size_t query, size_t count, const key_tile *tile) {
  const size_t start = unit->first + query;
  const size_t hidden = tile->first > start ? tile->first - start : 0;
  if (hidden >= count) return;
  const size_t d = attention->head_dim;
  const size_t words = words_for(d);
  const size_t wide = hk_rounded_up(d, LANES);
  const size_t from = hidden / WIDTH * WIDTH;
  const size_t to = hk_rounded_up(count, WIDTH);
  const size_t column = member * unit->range + query;
  multiply_panels(tile->height, words, tile->keys, unit->query_columns + (column + from) * words,
                  words * WIDTH, 1, false, tile->scores + from, HK_ROW_PITCH, to - from);
  multiply_panels(tile->height, words, tile->values,
                  unit->upstream_columns + (column + from) * words, words * WIDTH, 1, false,
                  tile->gradients + from, HK_ROW_PITCH, to - from);
  const size_t score_words = words_for(unit->last) * WIDTH;
  for (size_t i = 0; i < tile->height; i += 2)
    score_gradients(tile->first + i, hk_smaller(2, tile->height - i), start, from, to,
                    attention->scale, rounds(attention), tile->scores + i * HK_ROW_PITCH,
                    tile->gradients + i * HK_ROW_PITCH, unit->lse + column, unit->delta + column,
                    unit->scores + column / WIDTH * score_words +
                        (tile->first + i) / WORD_ELEMENTS * WIDTH,
                    score_words);
  const size_t panel_words = unit->range / WORD_ELEMENTS * WIDTH;
  const size_t panels = member * hk_divided_up(d, WIDTH) * panel_words +
                        (query + from) / WORD_ELEMENTS * WIDTH;
  const uint32_t *p = (const uint32_t *)(const void *)tile->scores + from / WORD_ELEMENTS;
  const uint32_t *ds = (const uint32_t *)(const void *)tile->gradients + from / WORD_ELEMENTS;
  multiply_panels(tile->height, words_for(count - from), p, unit->upstream_panels + panels,
                  panel_words, 1, true, unit->dv + tile->first * wide, wide, d);
  multiply_panels(tile->height, words_for(count - from), ds, unit->query_panels + panels,
                  panel_words, attention->scale, true, unit->dk + tile->first * wide, wide, d);
}

static void key_gradients(const hk_attention *attention, const hk_attention_unit *unit,
                          size_t first, void *scratch) {
  const size_t count = hk_smaller(HK_ATTENTION_ROWS, unit->last - first);
  uint32_t *rows[2] = {scratch, (uint32_t *)scratch + HK_ATTENTION_ROWS * HK_ROW_PITCH};
  float *room = (float *)(void *)(rows[1] + HK_ATTENTION_ROWS * HK_ROW_PITCH);
  pack_head_rows(attention, &attention->k, unit->key + first, count, unit->kv_head, rows[0]);
  pack_head_rows(attention, &attention->v, unit->key + first, count, unit->kv_head, rows[1]);
  const size_t queries = unit->last - unit->first;
  for (size_t member = 0; member < attention->heads / attention->kv_heads; member++)
    for (size_t query = 0; query < queries; query += HK_ATTENTION_QUERIES)
      for (size_t row = 0; row < count; row += TILE_ROWS) {
        const key_tile tile = {.first = first + row,
                               .height = hk_smaller(TILE_ROWS, count - row),
                               .keys = rows[0] + row * HK_ROW_PITCH,
                               .values = rows[1] + row * HK_ROW_PITCH,
                               .scores = room,
                               .gradients = room + HK_MAX_TILE_ROWS * HK_ROW_PITCH};
        tile_gradients(attention, unit, member, query,
                       hk_smaller(HK_ATTENTION_QUERIES, queries - query), &tile);
      }
  if (unit->last < unit->keys) return;
  const size_t wide = hk_rounded_up(attention->head_dim, LANES);
  for (size_t i = first; i < first + count; i++) {
    put_row(attention, &attention->dk, unit->key + i, unit->kv_head, unit->dk + i * wide);
    put_row(attention, &attention->dv, unit->key + i, unit->kv_head, unit->dv + i * wide);
  }
}

static void query_gradients(const hk_attention *attention, const hk_attention_unit *unit,
                            size_t member, size_t strip, void *scratch) {
  const size_t d = attention->head_dim;
  const size_t head = unit->kv_head * (attention->heads / attention->kv_heads) + member;
  const size_t count = unit->last - unit->first;
  const size_t score_words = words_for(unit->last) * WIDTH;
  const size_t heights = hk_divided_up(d, TILE_ROWS);
  float *sums = scratch;  // dq^T of a panel: [d, WIDTH]
  float *rows = sums + HK_ATTENTION_HEAD * WIDTH;
  const size_t end = hk_smaller(count, strip * HK_STRIP + HK_STRIP);
  for (size_t query = strip * HK_STRIP; query < end; query += WIDTH) {
    const uint32_t *panel =
        unit->scores + (member * unit->range + query) / WIDTH * score_words;
    const size_t words = words_for(hk_smaller(unit->last, unit->first + query + WIDTH));
    for (size_t word = 0; word < words; word += HK_BLOCK_WORDS)
      for (size_t tile = 0; tile < heights; tile++) {
        const size_t row = tile * d / heights;
        tiles[2][(tile + 1) * d / heights - row](
            hk_smaller(HK_BLOCK_WORDS, words - word),
            unit->key_rows + (word / HK_BLOCK_WORDS * d + row) * HK_ROW_PITCH,
            panel + word * WIDTH, WIDTH, attention->scale, word > 0, sums + row * WIDTH, WIDTH,
            WIDTH);
      }
    for (size_t group = 0; group < WIDTH && query + group < end; group += LANES) {
      for (size_t i = 0; i < d; i += LANES) {
        vuint square[LANES];
        for (size_t j = 0; j < LANES; j++)
          square[j] = i + j < d ? bits_of(load(sums + (i + j) * WIDTH + group, LANES)) : (vuint)0u;
        transpose_words(square);
        for (size_t j = 0; j < LANES; j++)
          store(rows + j * HK_ATTENTION_HEAD + i, LANES, float_of(square[j]));
      }
      for (size_t j = 0; j < LANES && query + group + j < end; j++)
        put_row(attention, &attention->dq, unit->query + unit->first + query + group + j, head,
                rows + j * HK_ATTENTION_HEAD);
    }
  }
}
