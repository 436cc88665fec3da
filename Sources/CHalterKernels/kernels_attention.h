// Causal attention, forward: blocks of queries against blocks of keys, with a softmax that goes
// along (Milakov & Gimelshein 2018; Dao et al. 2022).
#pragma once

/// A head in `count` rows from `row` on, as a matrix.
INLINE hk_matrix head_rows(const hk_attention *attention, const hk_rows *rows, size_t row,
                           size_t count, size_t head) {
  const bool half = attention->type == HK_ELEMENT_BF16;
  const size_t bytes = half ? 2 : 4;
  return (hk_matrix){
      .format = half ? HK_FORMAT_BF16 : HK_FORMAT_F32,
      .rows = count,
      .columns = attention->head_dim,
      .stride = rows->ld * bytes,
      .values = (const char *)rows->data + (row * rows->ld + head * attention->head_dim) * bytes};
}

/// Writes a row of a head, rounded where elements are bf16.
INLINE void put_row(const hk_attention *attention, const hk_rows *rows, size_t row, size_t head,
                    const float *x) {
  const size_t d = attention->head_dim;
  const size_t at = row * rows->ld + head * d;
  FOR_VECTORS(i, k, d, { store_as(attention->type, rows->data, at + i, k, load(x + i, k)); });
}

INLINE bool rounds(const hk_attention *attention) {
  return attention->compute == HK_COMPUTE_BF16;
}

/// Two vectors as the words of a packed row.
INLINE void store_pair(uint32_t *words, vfloat low, vfloat high, bool round) {
#if WORD_ELEMENTS == 2
  (void)round;
  _mm512_storeu_si512(words, bf16_pair(low, high));
#else
  store_words(words, bits_of(round ? rounded_to_bf16(low) : low));
  store_words(words + LANES, bits_of(round ? rounded_to_bf16(high) : high));
#endif
}

/// A head in the rows from `row` on, as the left factor of a product.
INLINE hk_term head_term(const hk_attention *attention, const hk_rows *rows, size_t row,
                         size_t head, bool transposed) {
  const hk_matrix matrix = head_rows(attention, rows, row, 1, head);
  return (hk_term){.a = matrix.values,
                   .a_type = attention->type,
                   .lda = rows->ld,
                   .a_transposed = transposed};
}

/// Rows of a head as packed rows.
INLINE void pack_head_rows(const hk_attention *attention, const hk_rows *rows, size_t row,
                           size_t count, size_t head, uint32_t *packed) {
  const hk_term term = head_term(attention, rows, row, head, false);
  pack_rows(&term, 0, count, 0, attention->head_dim, rounds(attention), packed);
}

/// A strip of rows as columns of panels, whose contraction is over the head. Panels are filled up
/// with zeros.
INLINE void fill_head_columns(const hk_attention *attention, const hk_matrix *rows, size_t strip,
                              uint32_t *panels) {
  const size_t words = words_for(attention->head_dim);
  const size_t first = strip * HK_STRIP;
  const size_t count = hk_smaller(HK_STRIP, rows->rows - first);
  panels += first * words;
  if (count % WIDTH > 0)
    memset(panels + count / WIDTH * WIDTH * words, 0, WIDTH * words * sizeof(uint32_t));
  fill_from_rows(rows, first, count, 0, attention->head_dim, rounds(attention), panels,
                 words * WIDTH);
}

/// A strip of rows as rows of panels of `panel_words`, whose contraction is over the rows.
INLINE void fill_head_panels(const hk_attention *attention, const hk_matrix *rows, size_t strip,
                             uint32_t *panels, size_t panel_words) {
  const size_t d = attention->head_dim;
  const size_t first = strip * HK_STRIP;
  const size_t count = hk_smaller(HK_STRIP, rows->rows - first);
  for (size_t column = 0; column < d; column += HK_STRIP)
    fill_from_columns(rows, column, hk_smaller(HK_STRIP, d - column), first, count,
                      rounds(attention),
                      panels + column / WIDTH * panel_words + first / WORD_ELEMENTS * WIDTH,
                      panel_words);
}

/// c[rows, columns] = or += alpha * packed rows * panels. The columns are rounded up to vectors, so
/// that c needs room for them.
INLINE void multiply_panels(size_t rows, size_t words, const uint32_t *a, const uint32_t *panels,
                            size_t panel_words, float alpha, bool add, float *c, size_t ldc,
                            size_t columns) {
  for (size_t column = 0; column < columns; column += WIDTH, panels += panel_words) {
    const size_t vectors = columns - column > LANES ? 2 : 1;
    tiles[vectors][rows](words, a, panels, WIDTH, alpha, add, c + column, ldc, vectors * LANES);
  }
}

static void pack_keys(const hk_attention *attention, const hk_attention_unit *unit, size_t strip) {
  const hk_matrix keys = head_rows(attention, &attention->k, unit->key, unit->keys, unit->kv_head);
  const hk_matrix values =
      head_rows(attention, &attention->v, unit->key, unit->keys, unit->kv_head);
  fill_head_columns(attention, &keys, strip, unit->key_panels);
  fill_head_panels(attention, &values, strip, unit->value_panels, words_for(unit->keys) * WIDTH);
}

/// The rows of a task, while it goes over the keys.
typedef struct softmax_rows {
  /// The largest scaled score so far, and the sums of exponentials relative to it, lane by lane.
  float largest[HK_ATTENTION_ROWS];
  vfloat sums[HK_ATTENTION_ROWS];
} softmax_rows;

/// Scores of a row become words of its probabilities up to `width` keys, of which it sees `seen`;
/// they are relative to the largest score so far, to which `output` is rescaled.
INLINE void softmax_row(softmax_rows *state, size_t row, size_t seen, size_t width, float factor,
                        bool round, float *scores, float *output, size_t d) {
  const float before = state->largest[row];
  const float largest = row_max(seen, factor, scores, before);
  vfloat sum = state->sums[row];
  if (largest > before) {
    state->largest[row] = largest;
    if (before > -INFINITY) {
      const vfloat shrink = quick_exponential(splat(before - largest));
      sum *= shrink;
      for (size_t i = 0; i < d; i += LANES)
        store(output + i, LANES, load(output + i, LANES) * shrink);
    }
  }
  const vfloat scaling = splat(factor);
  const vfloat shift = splat(-largest);
  uint32_t *words = (uint32_t *)(void *)scores;
  size_t i = 0;
  for (; seen - i >= WIDTH; i += WIDTH) {
    const vfloat low =
        quick_exponential(multiply_add(load(scores + i, LANES), scaling, shift));
    const vfloat high =
        quick_exponential(multiply_add(load(scores + i + LANES, LANES), scaling, shift));
    sum += low + high;
    store_pair(words + i / WORD_ELEMENTS, low, high, round);
  }
  for (; i < width; i += WIDTH) {
    vfloat part[2];
    for (size_t v = 0; v < 2; v++) {
      const size_t at = i + v * LANES;
      const size_t left = at < seen ? hk_smaller(seen - at, LANES) : 0;
      const vfloat z = multiply_add(load(scores + at, LANES), scaling, shift);
      part[v] = fill_from(quick_exponential(z), left, 0);
    }
    sum += part[0] + part[1];
    store_pair(words + i / WORD_ELEMENTS, part[0], part[1], round);
  }
  state->sums[row] = sum;
}

static void attend(const hk_attention *attention, const hk_attention_unit *unit, size_t head,
                   size_t first, size_t count, void *scratch) {
  const size_t d = attention->head_dim;
  const size_t words = words_for(d);
  const size_t wide = hk_rounded_up(d, LANES);
  const size_t value_words = words_for(unit->keys) * WIDTH;
  const size_t ahead = unit->keys - unit->queries;
  uint32_t *rows = scratch;
  float *scores = (float *)(void *)(rows + HK_ATTENTION_ROWS * HK_ROW_PITCH);
  float *outputs = scores + HK_MAX_TILE_ROWS * HK_ROW_PITCH;
  pack_head_rows(attention, &attention->q, unit->query + first, count, head, rows);
  softmax_rows state;
  for (size_t i = 0; i < count; i++) {
    state.largest[i] = -INFINITY;
    state.sums[i] = splat(0);
  }
  const size_t heights = hk_divided_up(count, TILE_ROWS);
  const size_t end = ahead + first + count;
  for (size_t key = 0; key < end; key += HK_ATTENTION_KEYS) {
    const uint32_t *key_panels = unit->key_panels + key * words;
    const uint32_t *value_panels = unit->value_panels + key / WORD_ELEMENTS * WIDTH;
    for (size_t tile = 0; tile < heights; tile++) {
      // Tiles of as equal a size as can be.
      const size_t row = tile * count / heights;
      const size_t height = (tile + 1) * count / heights - row;
      const size_t visible = ahead + first + row + 1;  // to the first row of the tile
      if (visible + height - 1 <= key) continue;
      const size_t width = hk_smaller(visible + height - 1 - key, HK_ATTENTION_KEYS);
      const uint32_t *tile_rows = rows + row * HK_ROW_PITCH;
      float *output = outputs + row * wide;
      multiply_panels(height, words, tile_rows, key_panels, words * WIDTH,
                      1, false, scores, HK_ROW_PITCH, width);
      for (size_t i = 0; i < height; i++) {
        const size_t seen = visible + i > key ? hk_smaller(visible + i - key, width) : 0;
        softmax_row(&state, row + i, seen, width, attention->scale, rounds(attention),
                    scores + i * HK_ROW_PITCH, output + i * wide, wide);
      }
      multiply_panels(height, words_for(width), (const uint32_t *)(const void *)scores,
                      value_panels, value_words, 1, key > 0, output, wide, d);
    }
  }
  for (size_t i = 0; i < count; i++) {
    const float sum = reduce_add(state.sums[i]);
    scale(d, 1 / sum, outputs + i * wide, outputs + i * wide);
    put_row(attention, &attention->out, unit->query + first + i, head, outputs + i * wide);
    if (attention->lse)
      attention->lse[head * attention->segments[attention->segment_count] + unit->query + first +
                     i] = state.largest[i] + logf(sum);
  }
}
