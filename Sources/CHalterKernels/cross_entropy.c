// The driver of the linear head with its cross-entropy loss.
//
// Forward, a task is a group of the vocabulary: its part of the head is packed, multiplied with all
// rows of a chunk, and its logits are exponentiated while they are in the cache, by the largest of
// the group alone. Factors that make probabilities of them are known when all groups are done.
// Backward, the head is packed in slabs of the vocabulary that all threads multiply chunks of rows
// with, while they pack the next one. Each sum has one order, whatever the number of threads.
#include "halter_loss.h"

#include <math.h>
#include <string.h>

#include "engine.h"
#include "loss.h"

/// Exponentials that are held at a time, in bytes.
#define EXPONENTIAL_BYTES ((size_t)32 << 20)
/// The most rows of a chunk where their number is not bounded by that.
#define CHUNK_ROWS ((size_t)1008)
/// Rows of a task of the gradient: a multiple of every engine's tile_rows.
#define TASK_ROWS ((size_t)42)
/// The packed part of the head that is multiplied in turn: within the second-level cache.
#define PANEL_BYTES ((size_t)512 << 10)
/// A packed slab of the head for the gradient, of which there are two: within a share of the
/// last-level cache.
#define SLAB_BYTES ((size_t)2 << 20)

/// How a loss is cut up; this depends on nothing but the loss and the engine.
typedef struct plan {
  const hk_cross_entropy *loss;
  const hk_engine *engine;
  bool round;
  bool differentiates;
  size_t threads;
  size_t vocabulary, width;  // of the head
  size_t groups;             // of the vocabulary
  size_t chunk_rows;
  size_t blocks, block;  // of the rows of the head: their number and elements
  size_t pitch;          // of rows of exponentials, in elements
  size_t slab_blocks;    // of the vocabulary in a slab
  size_t slab_words;     // of one of the two packed slabs
  size_t group_words;    // of a packed group
} plan;

/// A chunk of rows while it is worked on, and the working memory.
typedef struct chunk {
  const plan *plan;
  size_t first, rows;
  uint32_t *packed;         // hidden states, [blocks, chunk_rows] rows
  void *exponentials;       // [rows, pitch]
  float *maxima, *sums;     // [rows, groups]; the maxima become factors
  float *logits;            // of the labels
  uint32_t *panels;         // a group of each thread, or two slabs
  uint32_t *thread_rows;    // for each thread: a tile of logits, or TASK_ROWS packed rows
  size_t slab;              // that is multiplied
} chunk;

static size_t divided_up(size_t x, size_t by) { return (x + by - 1) / by; }
static size_t smaller(size_t x, size_t y) { return x < y ? x : y; }
static size_t larger(size_t x, size_t y) { return x > y ? x : y; }
static size_t rounded_up(size_t x, size_t to) { return divided_up(x, to) * to; }

/// Words that a thread's rows take: packed ones, or logits of a tile of a group.
#define THREAD_WORDS (TASK_ROWS * HK_ROW_PITCH)
_Static_assert(HK_MAX_TILE_ROWS * HK_LOSS_GROUP <= THREAD_WORDS, "a tile of logits fits");

static size_t words_of(const plan *plan, size_t elements) {
  return divided_up(elements, plan->engine->elements_per_word);
}

/// Elements of the vocabulary in a block of the contraction of the gradient: whole groups.
static size_t vocabulary_block(const plan *plan) {
  return HK_BLOCK_WORDS * plan->engine->elements_per_word / HK_LOSS_GROUP * HK_LOSS_GROUP;
}

static size_t slab_count(const plan *plan) {
  return divided_up(divided_up(plan->vocabulary, vocabulary_block(plan)), plan->slab_blocks);
}

static plan plan_for(const hk_cross_entropy *loss, hk_isa isa, size_t threads) {
  plan plan = {.loss = loss, .engine = hk_engine_for(isa, loss->compute), .threads = threads};
  plan.round = loss->compute == HK_COMPUTE_BF16;
  plan.differentiates = loss->weights && loss->d_hidden;
  plan.vocabulary = loss->head.rows;
  plan.width = loss->head.columns;
  plan.groups = divided_up(plan.vocabulary, HK_LOSS_GROUP);
  const size_t per_word = plan.engine->elements_per_word;
  // Equal blocks of whole runs of 64.
  const size_t most = HK_BLOCK_WORDS * per_word;
  plan.block = rounded_up(divided_up(plan.width, larger(divided_up(plan.width, most), 1)), 64);
  plan.blocks = divided_up(plan.width, larger(plan.block, 1));
  plan.group_words = HK_LOSS_GROUP * words_of(&plan, plan.blocks * plan.block);

  // Off the multiples of 4096 bytes, at which rows would share cache sets.
  plan.pitch = plan.groups * HK_LOSS_GROUP + HK_LOSS_GROUP / 4 * 3;
  size_t rows = CHUNK_ROWS;
  if (plan.differentiates)
    rows = smaller(rows, EXPONENTIAL_BYTES / (plan.pitch * 4 / per_word) / TASK_ROWS * TASK_ROWS);
  rows = larger(rows, TASK_ROWS);
  // Chunks of as equal a size as can be.
  plan.chunk_rows = divided_up(loss->rows, larger(divided_up(loss->rows, rows), 1));
  if (plan.chunk_rows > TASK_ROWS) plan.chunk_rows = rounded_up(plan.chunk_rows, TASK_ROWS);

  const size_t strips = rounded_up(plan.width, HK_STRIP);
  const size_t block_words = words_of(&plan, vocabulary_block(&plan)) * strips;
  plan.slab_blocks = larger(SLAB_BYTES / 4 / larger(block_words, 1), 1);
  plan.slab_words = plan.slab_blocks * block_words;
  return plan;
}

// ---------------------------------------------------------------------------- working memory

/// Hands out parts of the working memory, aligned to 64 bytes; with NULL it only counts.
typedef struct arena {
  uint8_t *base;
  size_t used;
} arena;

static void *take(arena *arena, size_t bytes) {
  void *part = arena->base ? arena->base + arena->used : NULL;
  arena->used += rounded_up(bytes, 64);
  return part;
}

static chunk chunk_in(arena *arena, const plan *plan) {
  chunk chunk = {.plan = plan};
  chunk.packed = take(arena, plan->blocks * plan->chunk_rows * HK_ROW_PITCH * 4);
  if (plan->differentiates)
    chunk.exponentials =
        take(arena, plan->chunk_rows * plan->pitch * 4 / plan->engine->elements_per_word);
  chunk.maxima = take(arena, plan->chunk_rows * plan->groups * 4);
  chunk.sums = take(arena, plan->chunk_rows * plan->groups * 4);
  chunk.logits = take(arena, plan->chunk_rows * 4);
  const size_t slabs = plan->differentiates ? 2 * plan->slab_words : 0;
  chunk.panels = take(arena, larger(slabs, plan->threads * plan->group_words) * 4);
  chunk.thread_rows = take(arena, plan->threads * THREAD_WORDS * 4);
  return chunk;
}

/// The number of this thread among those that there is memory for: inside a task of a larger pool
/// everything runs on one thread.
static size_t thread_of(const plan *plan) { return hk_pool_thread_number() % plan->threads; }

/// Asks for rows of the head that are packed soon: packing reads them in an order that the CPU does
/// not foresee.
static void ask_for_rows(const plan *plan, size_t row, size_t rows) {
  const hk_matrix *head = &plan->loss->head;
  if (row >= head->rows) return;
  const bool is_codes = head->format == HK_FORMAT_NF4 || head->format == HK_FORMAT_FP4;
  const size_t stride = is_codes ? head->columns / 2 : head->stride;
  const uint8_t *start = (const uint8_t *)head->values + row * stride;
  const size_t bytes = smaller(rows, head->rows - row) * stride;
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(start + i, 0, 2);
}

// ---------------------------------------------------------------------------- forward

static void pack_task(void *context, size_t index) {
  const chunk *chunk = context;
  const plan *plan = chunk->plan;
  const size_t row = index * TASK_ROWS;
  const size_t rows = smaller(TASK_ROWS, chunk->rows - row);
  const hk_term term = {.a = plan->loss->hidden, .lda = plan->width, .w = plan->loss->head};
  for (size_t i = 0; i < plan->blocks; i++) {
    const size_t k = i * plan->block;
    plan->engine->pack(&term, chunk->first + row, rows, k, smaller(plan->block, plan->width - k),
                       plan->round,
                       chunk->packed + (i * plan->chunk_rows + row) * HK_ROW_PITCH);
  }
}

/// Packs a group of the head: [blocks, panels].
static void fill_group(const plan *plan, size_t column, size_t columns, uint32_t *panels) {
  const hk_term term = {.w_transposed = true, .w = plan->loss->head};
  for (size_t i = 0; i < plan->blocks; i++) {
    const size_t k = i * plan->block;
    const size_t count = smaller(plan->block, plan->width - k);
    const size_t words = words_of(plan, count);
    for (size_t strip = 0; strip < columns; strip += HK_STRIP)
      plan->engine->fill(&term, column + strip, smaller(HK_STRIP, columns - strip), k, count,
                         plan->round,
                         panels + HK_LOSS_GROUP * words_of(plan, k) + strip * words,
                         words * plan->engine->width);
  }
}

/// The logits of a few rows and a group.
static void multiply_group(const chunk *chunk, size_t row, size_t height, size_t columns,
                           const uint32_t *panels, float *logits) {
  const plan *plan = chunk->plan;
  const size_t width = plan->engine->width;
  for (size_t i = 0; i < plan->blocks; i++) {
    const size_t k = i * plan->block;
    const size_t words = words_of(plan, smaller(plan->block, plan->width - k));
    const uint32_t *rows = chunk->packed + (i * plan->chunk_rows + row) * HK_ROW_PITCH;
    const uint32_t *panel = panels + HK_LOSS_GROUP * words_of(plan, k);
    for (size_t column = 0; column < columns; column += width, panel += words * width) {
      const size_t across = smaller(width, columns - column);
      plan->engine->tiles[across > width / 2 ? 2 : 1][height](
          words, rows, panel, width, 1, i > 0, logits + column, HK_LOSS_GROUP, across);
    }
  }
}

static void group_task(void *context, size_t group) {
  const chunk *chunk = context;
  const plan *plan = chunk->plan;
  const size_t column = group * HK_LOSS_GROUP;
  const size_t columns = smaller(HK_LOSS_GROUP, plan->vocabulary - column);
  const size_t thread = thread_of(plan);
  uint32_t *panels = chunk->panels + thread * plan->group_words;
  float *logits = (float *)(void *)(chunk->thread_rows + thread * THREAD_WORDS);
  fill_group(plan, column, columns, panels);
  ask_for_rows(plan, column + plan->threads * HK_LOSS_GROUP, HK_LOSS_GROUP);
  const size_t tiles = divided_up(chunk->rows, plan->engine->tile_rows);
  for (size_t tile = 0; tile < tiles; tile++) {
    const size_t row = tile * chunk->rows / tiles;
    const size_t height = (tile + 1) * chunk->rows / tiles - row;
    multiply_group(chunk, row, height, columns, panels, logits);
    for (size_t i = 0; i < height; i++) {
      const size_t label = (size_t)plan->loss->labels[chunk->first + row + i];
      if (label >= column && label - column < columns)
        chunk->logits[row + i] = logits[i * HK_LOSS_GROUP + label - column];
    }
    uint8_t *exponentials = NULL;
    if (plan->differentiates)
      exponentials = (uint8_t *)chunk->exponentials +
                     (row * plan->pitch + column) * 4 / plan->engine->elements_per_word;
    const size_t place = row * plan->groups + group;
    plan->engine->loss->exponentials(height, columns, logits, HK_LOSS_GROUP, exponentials,
                                     plan->pitch, chunk->maxima + place, chunk->sums + place,
                                     plan->groups);
  }
}

static void normalize_task(void *context, size_t row) {
  const chunk *chunk = context;
  const plan *plan = chunk->plan;
  const hk_cross_entropy *loss = plan->loss;
  const size_t number = chunk->first + row;
  plan->engine->loss->normalize(
      plan->groups, chunk->maxima + row * plan->groups, chunk->sums + row * plan->groups,
      chunk->logits[row], plan->differentiates ? loss->weights[number] : 0,
      &loss->logprobs[number]);
}

// ---------------------------------------------------------------------------- backward

/// The blocks of the vocabulary in a slab.
static size_t blocks_of(const plan *plan, size_t slab) {
  const size_t first = slab * plan->slab_blocks;
  return smaller(plan->slab_blocks,
                 divided_up(plan->vocabulary, vocabulary_block(plan)) - first);
}

static uint32_t *block_panels(const chunk *chunk, size_t slab, size_t block) {
  const plan *plan = chunk->plan;
  return chunk->panels + slab % 2 * plan->slab_words +
         block * (plan->slab_words / plan->slab_blocks);
}

/// Rows of the head that a task packs: a multiple of 64.
#define FILL_ROWS ((size_t)64)

/// Tasks of packing a slab.
static size_t fills_of(const plan *plan, size_t slab) {
  const size_t first = slab * plan->slab_blocks * vocabulary_block(plan);
  const size_t rows = plan->slab_blocks * vocabulary_block(plan);
  return first < plan->vocabulary
             ? divided_up(smaller(rows, plan->vocabulary - first), FILL_ROWS)
             : 0;
}

/// Packs FILL_ROWS rows of a slab of the head.
static void fill_slab(const chunk *chunk, size_t slab, size_t index) {
  const plan *plan = chunk->plan;
  const hk_term term = {.w = plan->loss->head};
  const size_t width = plan->engine->width;
  const size_t per_block = vocabulary_block(plan) / FILL_ROWS;
  const size_t block = index / per_block;
  const size_t start = index % per_block * FILL_ROWS;
  const size_t k = (slab * plan->slab_blocks + block) * vocabulary_block(plan);
  const size_t words = words_of(plan, smaller(vocabulary_block(plan), plan->vocabulary - k));
  const size_t count = smaller(FILL_ROWS, plan->vocabulary - k - start);
  uint32_t *panels = block_panels(chunk, slab, block) + words_of(plan, start) * width;
  ask_for_rows(plan, k + start, FILL_ROWS);
  for (size_t column = 0; column < plan->width; column += HK_STRIP)
    plan->engine->fill(&term, column, smaller(HK_STRIP, plan->width - column), k + start, count,
                       plan->round, panels + column * words, words * width);
}

/// Adds the part of a slab to the gradient of TASK_ROWS rows.
static void multiply_slab(const chunk *chunk, size_t index) {
  const plan *plan = chunk->plan;
  const hk_engine *engine = plan->engine;
  const hk_cross_entropy *loss = plan->loss;
  const size_t row = index * TASK_ROWS;
  const size_t rows = smaller(TASK_ROWS, chunk->rows - row);
  uint32_t *packed = chunk->thread_rows + thread_of(plan) * THREAD_WORDS;
  for (size_t block = 0; block < blocks_of(plan, chunk->slab); block++) {
    const size_t k = (chunk->slab * plan->slab_blocks + block) * vocabulary_block(plan);
    const size_t count = smaller(vocabulary_block(plan), plan->vocabulary - k);
    const size_t words = words_of(plan, count);
    for (size_t i = 0; i < rows; i++) {
      const size_t number = chunk->first + row + i;
      const size_t label = (size_t)loss->labels[number];
      // From the logprob, not from the rounded exponential: near a probability of 1 they differ.
      const bool is_here = label >= k && label - k < count;
      const double rest = is_here ? expm1((double)loss->logprobs[number]) : 0;
      engine->loss->gradients(
          k, count,
          (const uint8_t *)chunk->exponentials +
              (row + i) * plan->pitch * 4 / engine->elements_per_word,
          chunk->maxima + (row + i) * plan->groups, label,
          (float)((double)loss->weights[number] * rest), plan->round, packed + i * HK_ROW_PITCH);
    }
    const uint32_t *panels = block_panels(chunk, chunk->slab, block);
    const size_t group = larger(PANEL_BYTES / (words * engine->width * 4), 1) * engine->width;
    const size_t tiles = divided_up(rows, engine->tile_rows);
    for (size_t start = 0; start < plan->width; start += group) {
      for (size_t tile = 0; tile < tiles; tile++) {
        const size_t first = tile * rows / tiles;
        const size_t height = (tile + 1) * rows / tiles - first;
        float *c = loss->d_hidden + (chunk->first + row + first) * plan->width;
        for (size_t column = start; column < smaller(plan->width, start + group);
             column += engine->width) {
          const size_t columns = smaller(engine->width, plan->width - column);
          engine->tiles[columns > engine->width / 2 ? 2 : 1][height](
              words, packed + first * HK_ROW_PITCH, panels + column * words, engine->width, 1,
              k > 0, c + column, plan->width, columns);
        }
      }
    }
  }
}

/// Tasks of the gradient: those of the slab, then those that pack the next one, which are small
/// and so even out what the threads have to do.
static void slab_task(void *context, size_t index) {
  const chunk *chunk = context;
  const size_t tasks = divided_up(chunk->rows, TASK_ROWS);
  if (index < tasks)
    multiply_slab(chunk, index);
  else
    fill_slab(chunk, chunk->slab + 1, index - tasks);
}

static void first_slab_task(void *context, size_t index) { fill_slab(context, 0, index); }

// ---------------------------------------------------------------------------- entry

/// Runs tasks on a pool, or here.
static void run(hk_pool *pool, size_t count, hk_task task, void *context) {
  if (pool) {
    hk_pool_run(pool, count, task, context);
  } else {
    for (size_t i = 0; i < count; i++) task(context, i);
  }
}

size_t hk_cross_entropy_scratch(const hk_cross_entropy *loss, hk_isa isa, size_t threads) {
  const plan plan = plan_for(loss, isa, threads);
  arena arena = {NULL, 0};
  (void)chunk_in(&arena, &plan);
  return arena.used;
}

void hk_cross_entropy_run(const hk_cross_entropy *loss, hk_isa isa, hk_pool *pool, void *scratch) {
  const plan plan = plan_for(loss, isa, pool ? hk_pool_threads(pool) : 1);
  arena arena = {scratch, 0};
  chunk chunk = chunk_in(&arena, &plan);
  for (; chunk.first < loss->rows; chunk.first += plan.chunk_rows) {
    chunk.rows = smaller(plan.chunk_rows, loss->rows - chunk.first);
    const size_t tasks = divided_up(chunk.rows, TASK_ROWS);
    run(pool, tasks, pack_task, &chunk);
    run(pool, plan.groups, group_task, &chunk);
    run(pool, chunk.rows, normalize_task, &chunk);
    if (!plan.differentiates) continue;
    const size_t slabs = slab_count(&plan);
    run(pool, fills_of(&plan, 0), first_slab_task, &chunk);
    for (chunk.slab = 0; chunk.slab < slabs; chunk.slab++) {
      run(pool, tasks + fills_of(&plan, chunk.slab + 1), slab_task, &chunk);
    }
  }
}
