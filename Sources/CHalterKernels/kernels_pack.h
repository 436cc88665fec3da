// Packing of the operands of a product into words: an f32 number each, or two bf16 numbers that
// follow each other along the contraction. WORD_ELEMENTS, 1 or 2, says which.
#pragma once

/// Elements that are decoded at a time: a multiple of 64, few enough for the first-level cache.
#define RUN 128

#define UNROLL _Pragma("clang loop unroll(full)")

#if WORD_ELEMENTS == 2
/// The numbers of low, then those of high, as bf16.
INLINE __m512i bf16_pair(vfloat low, vfloat high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/// Words of a number of a and the number of b in the same lane, as bf16.
INLINE __m512i interleaved_bf16(vfloat a, vfloat b) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, bf16_pair(a, b));
}
#endif

/// x rounded to the nearest bf16 number; values that are not finite stay what they are.
INLINE vfloat rounded_to_bf16(vfloat x) {
  const vuint u = bits_of(x);
  const vuint rounded = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000u;
  return float_of((u & 0x7f800000) == (vuint)0x7f800000u ? u : rounded);
}

/// Words of a run of `count` numbers, the last one filled up with zero. The words may take the
/// place of the numbers.
INLINE void words_of_run(size_t count, const float *x, bool round, uint32_t *words) {
#if WORD_ELEMENTS == 1
  if (!round) {
    memmove(words, x, count * sizeof(float));
    return;
  }
  FOR_VECTORS(i, k, count,
              { store((float *)(void *)words + i, k, rounded_to_bf16(load(x + i, k))); });
#else
  (void)round;  // A word of bf16 numbers always is.
  size_t i = 0;
  for (; count - i >= 2 * LANES; i += 2 * LANES)
    _mm512_storeu_si512(words + i / 2, bf16_pair(load(x + i, LANES), load(x + i + LANES, LANES)));
  if (i < count) {
    const size_t left = count - i;
    const vfloat low = load(x + i, left < LANES ? left : LANES);
    const vfloat high = left > LANES ? load(x + i + LANES, left - LANES) : splat(0);
    _mm512_mask_storeu_epi32(words + i / 2, (__mmask16)((1u << (left + 1) / 2) - 1),
                             bf16_pair(low, high));
  }
#endif
}

/// Transposes LANES rows of LANES words: each round rotates the bits of a word's address by one.
INLINE void transpose_words(vuint *rows) {
  vuint next[LANES];
  UNROLL for (int bit = 1; bit < LANES; bit *= 2) {
    UNROLL for (int i = 0; i < LANES / 2; i++) {
      next[2 * i] = INTERLEAVE_LOW(rows[i], rows[i + LANES / 2]);
      next[2 * i + 1] = INTERLEAVE_HIGH(rows[i], rows[i + LANES / 2]);
    }
    UNROLL for (int i = 0; i < LANES; i++) rows[i] = next[i];
  }
}

INLINE vuint load_words(const uint32_t *p) {
  vuint words;
  memcpy(&words, p, sizeof words);
  return words;
}

INLINE void store_words(uint32_t *p, vuint words) { memcpy(p, &words, sizeof words); }

/// Words that a count of elements takes.
INLINE size_t words_for(size_t elements) {
  return (elements + WORD_ELEMENTS - 1) / WORD_ELEMENTS;
}

// ---------------------------------------------------------------------------- rows of A

static void pack_rows(const hk_term *term, size_t row, size_t rows, size_t k, size_t count,
                      bool round, uint32_t *packed) {
  const size_t words = words_for(count);
  for (size_t i = 0; i < rows; i++, packed += HK_ROW_PITCH) {
    const size_t at = (row + i) * term->lda + k;
    if (term->a_type == HK_ELEMENT_F32) {
      words_of_run(count, (const float *)term->a + at, round, packed);
      continue;
    }
#if WORD_ELEMENTS == 2
    packed[words - 1] = 0;
    memcpy(packed, (const uint16_t *)term->a + at, count * sizeof(uint16_t));
#else
    (void)words;
    FOR_VECTORS(j, n, count,
                { store((float *)(void *)packed + j, n, load_as(HK_ELEMENT_BF16, term->a, at + j, n)); });
#endif
  }
}

/// The same where A is stored as its transpose: LANES rows at a time through squares.
static void pack_columns(const hk_term *term, size_t row, size_t rows, size_t k, size_t count,
                         bool round, uint32_t *packed) {
  float run[LANES][RUN];
  for (size_t i = 0; i < rows; i += LANES) {
    const size_t across = rows - i < LANES ? rows - i : LANES;
    for (size_t start = 0; start < count; start += RUN) {
      const size_t length = count - start < RUN ? count - start : RUN;
      const size_t source = (k + start) * term->lda + row + i;
      for (size_t j = 0; j < length; j += LANES) {
        vuint square[LANES];
        for (size_t s = 0; s < LANES; s++)
          square[s] = j + s < length
                          ? bits_of(load_as(term->a_type, term->a, source + (j + s) * term->lda, across))
                          : (vuint)0u;
        transpose_words(square);
        for (size_t s = 0; s < LANES; s++) store(run[s] + j, LANES, float_of(square[s]));
      }
      for (size_t s = 0; s < across; s++)
        words_of_run(length, run[s], round,
                     packed + (i + s) * HK_ROW_PITCH + start / WORD_ELEMENTS);
    }
  }
}

static void pack(const hk_term *term, size_t row, size_t rows, size_t k, size_t count, bool round,
                 uint32_t *packed) {
  if (term->a_transposed)
    pack_columns(term, row, rows, k, count, round, packed);
  else
    pack_rows(term, row, rows, k, count, round, packed);
}

// ---------------------------------------------------------------------------- panels of W

/// Panels from rows of w: LANES of its rows become LANES columns of a panel.
static void fill_from_rows(const hk_matrix *w, size_t column, size_t columns, size_t k,
                           size_t count, bool round, uint32_t *panels, size_t panel_words) {
  union {
    float numbers[RUN];
    uint32_t words[RUN];
  } rows[LANES];
  for (size_t group = 0; group < columns; group += LANES) {
    uint32_t *panel = panels + group / WIDTH * panel_words + group % WIDTH;
    const size_t across = columns - group < LANES ? columns - group : LANES;
    for (size_t start = 0; start < count; start += RUN) {
      const size_t length = count - start < RUN ? count - start : RUN;
      const size_t used = words_for(length);
      for (size_t i = 0; i < across; i++) {
        const float *run = run_of(w, column + group + i, k + start, length, rows[i].numbers);
        if (round || WORD_ELEMENTS == 2 || run != rows[i].numbers)
          words_of_run(length, run, round, rows[i].words);
      }
      for (size_t i = across; i < LANES; i++) memset(&rows[i], 0, sizeof rows[i]);
      uint32_t *out = panel + start / WORD_ELEMENTS * WIDTH;
      for (size_t j = 0; j < used; j += LANES) {
        vuint square[LANES];
        UNROLL for (int i = 0; i < LANES; i++) square[i] = load_words(rows[i].words + j);
        transpose_words(square);
        const size_t down = used - j < LANES ? used - j : LANES;
        if (down == LANES) {
          UNROLL for (int i = 0; i < LANES; i++) store_words(out + (j + (size_t)i) * WIDTH, square[i]);
        } else {
          for (size_t i = 0; i < down; i++) store_words(out + (j + i) * WIDTH, square[i]);
        }
      }
    }
  }
}

/// Panels from columns of w: its rows are rows of a panel already.
static void fill_from_columns(const hk_matrix *w, size_t column, size_t columns, size_t k,
                              size_t count, bool round, uint32_t *panels, size_t panel_words) {
  float room[WORD_ELEMENTS][HK_STRIP] = {{0}};
  for (size_t i = 0; i < count; i += WORD_ELEMENTS, panels += WIDTH) {
    const float *run = run_of(w, k + i, column, columns, room[0]);
#if WORD_ELEMENTS == 2
    const float *next = room[1];
    if (i + 1 < count)
      next = run_of(w, k + i + 1, column, columns, room[1]);
    else
      memset(room[1], 0, sizeof room[1]);
#endif
    for (size_t group = 0; group < columns; group += LANES) {
      uint32_t *panel = panels + group / WIDTH * panel_words + group % WIDTH;
      const size_t left = columns - group < LANES ? columns - group : LANES;
#if WORD_ELEMENTS == 2
      (void)round;
      _mm512_storeu_si512(panel, interleaved_bf16(load(run + group, left),
                                                  load(next + group, left)));
#else
      const vfloat values = load(run + group, left);
      store_words(panel, bits_of(round ? rounded_to_bf16(values) : values));
#endif
    }
  }
}

static void fill(const hk_term *term, size_t column, size_t columns, size_t k, size_t count,
                 bool round, uint32_t *panels, size_t panel_words) {
  if (term->w_transposed)
    fill_from_rows(&term->w, column, columns, k, count, round, panels, panel_words);
  else
    fill_from_columns(&term->w, column, columns, k, count, round, panels, panel_words);
}
