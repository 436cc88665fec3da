// The driver of products: cuts them into strips of packed columns and chunks of rows.
//
// A slab of columns is packed by all threads; then all threads multiply chunks of rows with it.
// Each element of the result is summed block by block of the contraction in one order, whatever
// the cut, so it does not depend on the number of threads.
#include "engine.h"

#include <string.h>

/// Packed columns that are held at a time, in bytes: within a share of the last-level cache.
#define SLAB_BYTES ((size_t)8 << 20)
/// Packed columns that a chunk of rows is multiplied with in turn: within the second-level cache.
#define GROUP_BYTES ((size_t)512 << 10)
/// The most rows of a chunk: with the blocks of 384 words that it is packed into, and its part of
/// the result, it stays in the second-level cache too. A multiple of every engine's tile_rows.
#define CHUNK_ROWS ((size_t)84)

typedef struct plan {
  const hk_product *product;
  const hk_engine *engine;
  bool round;
  bool appends;         // small terms to the last block of the term before
  size_t blocks;        // of the contraction, over all terms
  size_t words;         // of the contraction, over all terms
  size_t slab_columns;  // a multiple of HK_STRIP
  size_t chunk_rows;
  size_t threads;
  size_t chunks;
  size_t parts;  // of the columns of a slab, where rows alone make too few tasks
} plan;

/// A slab of columns while it is worked on.
typedef struct slab {
  const plan *plan;
  size_t first;    // column
  size_t columns;  // of the result in it
  size_t panels;
  uint32_t *packed;
  uint32_t *rows;  // working memory of the threads, for a chunk of rows each
  float *sums;     // the same for a chunk of the result, where that is not f32
} slab;

/// A run of the contraction of one term.
typedef struct piece {
  const hk_term *term;
  size_t k, count;
  size_t words;
} piece;

/// A run of the contraction that is multiplied in one go: of one term, perhaps with a small one
/// appended.
typedef struct block {
  piece pieces[2];
  size_t piece_count;
  size_t words;
  size_t first_word;  // in the packed columns
} block;

static size_t divided_up(size_t x, size_t by) { return (x + by - 1) / by; }
static size_t smaller(size_t x, size_t y) { return x < y ? x : y; }
static size_t larger(size_t x, size_t y) { return x > y ? x : y; }

static size_t contraction(const hk_term *term) {
  return term->w_transposed ? term->w.columns : term->w.rows;
}

/// Elements of a block of a term: equal parts, but whole runs of 64.
static size_t block_elements(const hk_engine *engine, size_t k) {
  const size_t most = HK_BLOCK_WORDS * engine->elements_per_word;
  return divided_up(divided_up(k, divided_up(k, most)), 64) * 64;
}

static size_t term_words(const plan *plan, const hk_term *term) {
  return divided_up(contraction(term), plan->engine->elements_per_word);
}

/// The term after one, if it is appended to it: an extra pass over the result for a handful of
/// words would cost more than they do.
static const hk_term *appended(const plan *plan, const hk_term *term) {
  const hk_term *end = plan->product->terms + plan->product->term_count;
  if (!plan->appends || term + 1 == end) return NULL;
  const size_t words = term_words(plan, term + 1);
  return words > 0 && words <= HK_APPENDED_WORDS ? term + 1 : NULL;
}

static block block_at(const plan *plan, size_t index) {
  const size_t per_word = plan->engine->elements_per_word;
  size_t first_word = 0;
  for (const hk_term *term = plan->product->terms;; term++) {
    const size_t k = contraction(term);
    if (k == 0) continue;
    const hk_term *next = appended(plan, term);
    const size_t size = block_elements(plan->engine, k);
    const size_t count = divided_up(k, size);
    if (index >= count) {
      index -= count;
      first_word += term_words(plan, term) + (next ? term_words(plan, next) : 0);
      if (next) term = next;
      continue;
    }
    const size_t start = index * size;
    const size_t length = smaller(size, k - start);
    const size_t words = divided_up(length, per_word);
    block block = {.pieces = {{term, start, length, words}},
                   .piece_count = 1,
                   .words = words,
                   .first_word = first_word + start / per_word};
    if (next && index + 1 == count) {
      block.pieces[1] = (piece){next, 0, contraction(next), term_words(plan, next)};
      block.piece_count = 2;
      block.words += block.pieces[1].words;
    }
    return block;
  }
}

/// Whether the dot products of rows serve: few rows, all with rows of the stored matrices.
static bool is_few_rows(const hk_product *product) {
  if (product->m > HK_DOT_ROWS || product->c_type != HK_ELEMENT_F32) return false;
  for (size_t i = 0; i < product->term_count; i++) {
    const hk_term *term = &product->terms[i];
    if (term->a_transposed || !term->w_transposed || term->a_type != HK_ELEMENT_F32) return false;
  }
  return true;
}

/// Whether there are so few rows that packing a matrix could cost more than it gains.
static bool has_few_tiles(const plan *plan) {
  return plan->product->m <= 2 * plan->engine->tile_rows;
}

static plan plan_for(const hk_product *product, hk_isa isa, size_t threads) {
  plan plan = {.product = product, .engine = hk_engine_for(isa, product->compute)};
  plan.round = product->compute == HK_COMPUTE_BF16;
  plan.threads = threads;
  plan.appends = !has_few_tiles(&plan);
  const hk_term *end = product->terms + product->term_count;
  for (const hk_term *term = product->terms; term < end; term++) {
    const size_t k = contraction(term);
    if (k == 0) continue;
    const hk_term *next = appended(&plan, term);
    plan.blocks += divided_up(k, block_elements(plan.engine, k));
    plan.words += term_words(&plan, term) + (next ? term_words(&plan, next) : 0);
    if (next) term = next;
  }
  const size_t affordable = SLAB_BYTES / (larger(plan.words, 1) * 4) / HK_STRIP * HK_STRIP;
  const size_t slabs = divided_up(product->n, larger(affordable, HK_STRIP));
  plan.slab_columns =
      divided_up(divided_up(product->n, larger(slabs, 1)), HK_STRIP) * HK_STRIP;

  const size_t wanted = threads > 1 ? 4 * threads : 1;
  const size_t tile = plan.engine->tile_rows;
  plan.chunk_rows = CHUNK_ROWS;
  plan.parts = 1;
  if (divided_up(product->m, CHUNK_ROWS) < wanted) {
    // Columns first, in parts that are worth packing the rows for; then rows.
    plan.parts = smaller(divided_up(wanted, divided_up(product->m, CHUNK_ROWS)),
                         larger(plan.slab_columns / 256, 1));
    const size_t rows = divided_up(product->m * plan.parts, wanted);
    plan.chunk_rows = smaller(larger(divided_up(rows, tile) * tile, 2 * tile), CHUNK_ROWS);
  }
  plan.chunks = divided_up(product->m, plan.chunk_rows);
  return plan;
}

/// Whether the matrix of a block can be multiplied where it is: its rows are rows of a panel.
static bool is_in_place(const plan *plan, const block *block) {
  const hk_term *term = block->pieces[0].term;
  return term->w.format == HK_FORMAT_F32 && !term->w_transposed && !plan->round &&
         has_few_tiles(plan);
}

// ---------------------------------------------------------------------------- packing a slab

static void fill_task(void *context, size_t index) {
  const slab *slab = context;
  const plan *plan = slab->plan;
  const block block = block_at(plan, index % plan->blocks);
  const size_t column = index / plan->blocks * HK_STRIP;
  const size_t columns = smaller(HK_STRIP, slab->columns - column);
  if (columns == HK_STRIP && is_in_place(plan, &block)) return;
  const size_t width = plan->engine->width;
  uint32_t *panels = slab->packed + block.first_word * slab->panels * width +
                     column / width * block.words * width;
  for (size_t i = 0; i < block.piece_count; i++) {
    const piece *piece = &block.pieces[i];
    plan->engine->fill(piece->term, slab->first + column, columns, piece->k, piece->count,
                       plan->round, panels, block.words * width);
    panels += piece->words * width;
  }
}

// ---------------------------------------------------------------------------- multiplying

/// Where the panel of a column is, and the distance between its rows.
static const uint32_t *panel_at(const slab *slab, const block *block, size_t column, size_t *ldb) {
  const size_t width = slab->plan->engine->width;
  const size_t strip_end = column / HK_STRIP * HK_STRIP + HK_STRIP;
  if (strip_end <= slab->columns && is_in_place(slab->plan, block)) {
    const piece *piece = &block->pieces[0];
    *ldb = piece->term->w.stride / 4;
    return (const uint32_t *)piece->term->w.values + piece->k * *ldb + slab->first + column;
  }
  *ldb = width;
  return slab->packed + block->first_word * slab->panels * width +
         column / width * block->words * width;
}

/// Multiplies packed rows with the columns `from ..< to` of a slab, over one block. `c` is the
/// place of the first row and column of the slab in the result.
static void multiply(const slab *slab, const block *block, bool add, const uint32_t *packed,
                     size_t rows, size_t from, size_t to, float *c, size_t ldc) {
  const hk_product *product = slab->plan->product;
  const hk_engine *engine = slab->plan->engine;
  const size_t width = engine->width;
  const size_t group = larger(GROUP_BYTES / (block->words * width * 4), 1) * width;
  const size_t tiles = divided_up(rows, engine->tile_rows);
  for (size_t start = from; start < to; start += group) {
    const size_t stop = smaller(to, start + group);
    for (size_t tile = 0; tile < tiles; tile++) {
      // Tiles of as equal a size as can be.
      const size_t first = tile * rows / tiles;
      const size_t height = (tile + 1) * rows / tiles - first;
      float *tile_c = c + first * ldc;
      for (size_t column = start; column < stop; column += width) {
        const size_t columns = smaller(width, slab->columns - column);
        const size_t vectors = columns > width / 2 ? 2 : 1;
        size_t ldb;
        const uint32_t *panel = panel_at(slab, block, column, &ldb);
        engine->tiles[vectors][height](block->words, packed + first * HK_ROW_PITCH, panel, ldb,
                                       product->alpha, add, tile_c + column, ldc, columns);
      }
    }
  }
}

static void multiply_task(void *context, size_t index) {
  const slab *slab = context;
  const plan *plan = slab->plan;
  const size_t row = index / plan->parts * plan->chunk_rows;
  const size_t rows = smaller(plan->chunk_rows, plan->product->m - row);
  const size_t part = index % plan->parts;
  const size_t strips = divided_up(slab->columns, HK_STRIP);
  const size_t from = part * strips / plan->parts * HK_STRIP;
  const size_t to = smaller(slab->columns, (part + 1) * strips / plan->parts * HK_STRIP);
  // A product inside a task of a larger pool has one thread's memory, and runs on one thread.
  const size_t thread = hk_pool_thread_number() % plan->threads;
  uint32_t *packed = slab->rows + thread * CHUNK_ROWS * HK_ROW_PITCH;
  const hk_product *product = plan->product;
  const bool rounds = product->c_type == HK_ELEMENT_BF16;
  float *c = (float *)product->c + row * product->ldc + slab->first;
  size_t ldc = product->ldc;
  if (rounds) {
    ldc = plan->slab_columns;
    c = slab->sums + thread * CHUNK_ROWS * ldc;
  }
  for (size_t i = 0; i < plan->blocks; i++) {
    const block block = block_at(plan, i);
    size_t words = 0;
    for (size_t j = 0; j < block.piece_count; j++) {
      const piece *piece = &block.pieces[j];
      plan->engine->pack(piece->term, row, rows, piece->k, piece->count, plan->round,
                         packed + words);
      words += piece->words;
    }
    multiply(slab, &block, product->accumulate || i > 0, packed, rows, from, to, c, ldc);
  }
  if (!rounds || from == to) return;
  for (size_t i = 0; i < rows; i++)
    plan->engine->round_to_bf16(
        to - from, c + i * ldc + from,
        (uint16_t *)product->c + (row + i) * product->ldc + slab->first + from);
}

// ---------------------------------------------------------------------------- few rows

typedef struct dots_context {
  const hk_product *product;
  const hk_engine *engine;
  size_t grain;
} dots_context;

static void dots_task(void *context, size_t index) {
  const dots_context *dots = context;
  const hk_product *product = dots->product;
  const size_t first = index * dots->grain;
  const size_t last = smaller(product->n, first + dots->grain);
  for (size_t i = 0; i < product->term_count; i++)
    dots->engine->dots(&product->terms[i], product->m, first, last, product->alpha,
                       product->accumulate || i > 0, product->c, product->ldc);
}

// ---------------------------------------------------------------------------- entry

/// Runs tasks on a pool, or here.
static void run(hk_pool *pool, size_t count, hk_task task, void *context) {
  if (pool) {
    hk_pool_run(pool, count, task, context);
  } else {
    for (size_t i = 0; i < count; i++) task(context, i);
  }
}

size_t hk_product_scratch(const hk_product *product, hk_isa isa, size_t threads) {
  if (product->m == 0 || product->n == 0 || is_few_rows(product)) return 0;
  const plan plan = plan_for(product, isa, threads);
  const size_t sums = product->c_type == HK_ELEMENT_F32 ? 0 : plan.slab_columns;
  return (plan.words * plan.slab_columns + threads * CHUNK_ROWS * (HK_ROW_PITCH + sums)) * 4;
}

void hk_product_run(const hk_product *product, hk_isa isa, hk_pool *pool, void *scratch) {
  if (product->m == 0 || product->n == 0) return;
  const size_t threads = pool ? hk_pool_threads(pool) : 1;
  const plan plan = plan_for(product, isa, threads);
  if (plan.blocks == 0) {
    const size_t size = product->c_type == HK_ELEMENT_BF16 ? 2 : 4;
    for (size_t row = 0; row < product->m && !product->accumulate; row++)
      memset((char *)product->c + row * product->ldc * size, 0, product->n * size);
    return;
  }
  if (is_few_rows(product)) {
    const size_t grain = larger(divided_up(product->n, 4 * threads), 32);
    dots_context context = {product, plan.engine, grain};
    run(pool, divided_up(product->n, grain), dots_task, &context);
    return;
  }
  uint32_t *packed = scratch;
  for (size_t first = 0; first < product->n; first += plan.slab_columns) {
    const size_t columns = smaller(plan.slab_columns, product->n - first);
    const size_t strips = divided_up(columns, HK_STRIP);
    slab slab = {.plan = &plan,
                 .first = first,
                 .columns = columns,
                 .panels = strips * (HK_STRIP / plan.engine->width),
                 .packed = packed,
                 .rows = packed + plan.words * plan.slab_columns};
    slab.sums = (float *)(void *)(slab.rows + threads * CHUNK_ROWS * HK_ROW_PITCH);
    run(pool, strips * plan.blocks, fill_task, &slab);
    run(pool, plan.chunks * plan.parts, multiply_task, &slab);
  }
}
