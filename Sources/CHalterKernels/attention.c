// The driver of attention: cuts it into units (a kv head in a segment) and these into tasks.
//
// A slab of units, as many as working memory is for, is worked on at a time, in phases; in each
// phase tasks write memory of their own. Which sums are made, and in which order, depends on the
// segments alone, so the result does not depend on the number of threads.
#include "attention.h"

#include <string.h>

/// Working memory of a slab, but for a single unit that needs more: a share of the last-level
/// cache.
#define SLAB_BYTES ((size_t)12 << 20)

/// Gradients of scores that are held at a time for one unit, in bytes; and the most queries that
/// they are of.
#define SCORE_BYTES ((size_t)3 << 20)
#define MOST_QUERIES ((size_t)512)

typedef struct task {
  uint32_t unit;
  uint32_t member;  // of the heads that share the kv head
  uint32_t part;    // the strip, or the block
} task;

typedef struct slab {
  const hk_attention *attention;
  const hk_attention_kernels *kernels;
  hk_attention_unit *units;
  size_t unit_count;
  task *tasks;
  size_t task_count;
  char *threads_memory;
  size_t threads;
} slab;

static size_t group_size(const hk_attention *attention) {
  return attention->heads / attention->kv_heads;
}

// ---------------------------------------------------------------------------- working memory

/// Memory that is handed out from the front; without a base it is only counted.
typedef struct arena {
  char *base;
  size_t used;
} arena;

static void *take(arena *arena, size_t bytes) {
  void *memory = arena->base ? arena->base + arena->used : NULL;
  arena->used += hk_rounded_up(bytes, 64);
  return memory;
}

static void place_forward(const hk_attention *attention, const hk_engine *engine,
                          hk_attention_unit *unit, arena *arena) {
  const size_t d = attention->head_dim;
  const size_t per_word = engine->elements_per_word;
  const size_t keys = hk_rounded_up(unit->keys, engine->width);
  unit->key_panels = take(arena, keys * hk_divided_up(d, per_word) * 4);
  unit->value_panels =
      take(arena, hk_divided_up(unit->keys, per_word) * hk_rounded_up(d, engine->width) * 4);
}

static void place_backward(const hk_attention *attention, const hk_engine *engine,
                           hk_attention_unit *unit, arena *arena) {
  const size_t d = attention->head_dim;
  const size_t per_word = engine->elements_per_word;
  const size_t group = group_size(attention);
  const size_t key_words = hk_divided_up(unit->keys, per_word);
  const size_t affordable = SCORE_BYTES / (group * key_words * 4) / HK_STRIP * HK_STRIP;
  const size_t most = hk_larger(hk_smaller(affordable, MOST_QUERIES), HK_STRIP);
  // Ranges of as equal a size as can be.
  const size_t ranges = hk_divided_up(unit->queries, most);
  unit->range = hk_rounded_up(hk_divided_up(unit->queries, ranges), HK_STRIP);

  const size_t sums = unit->keys * hk_rounded_up(d, engine->width / 2) * sizeof(float);
  unit->dk = take(arena, sums);
  unit->dv = take(arena, sums);
  unit->key_rows = take(arena, hk_divided_up(key_words, HK_BLOCK_WORDS) * d * HK_ROW_PITCH * 4);
  const size_t columns = group * unit->range * hk_divided_up(d, per_word) * 4;
  const size_t panels =
      group * (unit->range / per_word) * hk_rounded_up(d, engine->width) * 4;
  unit->query_columns = take(arena, columns);
  unit->upstream_columns = take(arena, columns);
  unit->query_panels = take(arena, panels);
  unit->upstream_panels = take(arena, panels);
  unit->scores = take(arena, group * unit->range * key_words * 4);
  unit->lse = take(arena, group * unit->range * sizeof(float));
  unit->delta = take(arena, group * unit->range * sizeof(float));
}

typedef void (*placing)(const hk_attention *, const hk_engine *, hk_attention_unit *, arena *);

/// A place in the sequence of units.
typedef struct cursor {
  size_t segment, kv_head;
} cursor;

/// The unit at a cursor, which moves on; false behind the last.
static bool next_unit(const hk_attention *attention, cursor *at, hk_attention_unit *unit) {
  const size_t *segments = attention->segments;
  if (at->kv_head == attention->kv_heads) *at = (cursor){at->segment + 1, 0};
  while (at->segment < attention->segment_count &&
         segments[at->segment] == segments[at->segment + 1])
    at->segment++;
  if (at->segment >= attention->segment_count) return false;
  const size_t start = segments[at->segment];
  const size_t count = segments[at->segment + 1] - start;
  *unit = (hk_attention_unit){.query = start,
                              .queries = count,
                              .key = start,
                              .keys = attention->cached + count,
                              .kv_head = at->kv_head++};
  return true;
}

/// The most tasks that a phase has for a unit.
static size_t most_tasks(const hk_attention *attention, const hk_attention_unit *unit) {
  return (group_size(attention) + 1) * hk_divided_up(unit->keys, HK_ATTENTION_STRIP);
}

/// Places the next slab of units, or counts the memory that it takes. An empty slab is the end.
static void next_slab(const hk_attention *attention, const hk_engine *engine, placing place,
                      cursor *at, slab *slab, arena *arena) {
  struct arena counted = {NULL, 0};
  cursor end = *at, next = *at;
  hk_attention_unit unit;
  size_t tasks = 0;
  slab->unit_count = 0;
  while (next_unit(attention, &next, &unit)) {
    place(attention, engine, &unit, &counted);
    if (slab->unit_count > 0 && counted.used > SLAB_BYTES) break;
    slab->unit_count++;
    tasks += most_tasks(attention, &unit);
    end = next;
  }
  slab->units = take(arena, slab->unit_count * sizeof(hk_attention_unit));
  slab->tasks = take(arena, tasks * sizeof(task));
  for (size_t i = 0; i < slab->unit_count; i++) {
    next_unit(attention, at, &unit);
    place(attention, engine, &unit, arena);
    if (arena->base) slab->units[i] = unit;
  }
  *at = end;
}

/// Bytes of the largest slab, with what the threads have of their own.
static size_t scratch_bytes(const hk_attention *attention, hk_isa isa, size_t threads,
                            placing place) {
  const hk_engine *engine = hk_engine_for(isa, attention->compute);
  size_t most = 0;
  cursor at = {0, 0};
  for (;;) {
    slab slab = {0};
    arena arena = {NULL, 0};
    next_slab(attention, engine, place, &at, &slab, &arena);
    if (slab.unit_count == 0) break;
    most = hk_larger(most, arena.used);
  }
  return most + threads * HK_ATTENTION_SCRATCH;
}

// ---------------------------------------------------------------------------- phases

static void add_task(slab *slab, size_t unit, size_t member, size_t part) {
  slab->tasks[slab->task_count++] =
      (task){(uint32_t)unit, (uint32_t)member, (uint32_t)part};
}

/// Runs the tasks that were added, and forgets them.
static void run_phase(slab *slab, hk_pool *pool, hk_task task) {
  hk_pool_run(pool, slab->task_count, task, slab);
  slab->task_count = 0;
}

static void *own_memory(const slab *slab) {
  return slab->threads_memory + hk_pool_thread_number() % slab->threads * HK_ATTENTION_SCRATCH;
}

static void pack_keys_task(void *context, size_t index) {
  const slab *slab = context;
  const task task = slab->tasks[index];
  slab->kernels->pack_keys(slab->attention, &slab->units[task.unit], task.part);
}

static void attend_task(void *context, size_t index) {
  const slab *slab = context;
  const task task = slab->tasks[index];
  const hk_attention_unit *unit = &slab->units[task.unit];
  const size_t first = task.part * HK_ATTENTION_ROWS;
  slab->kernels->attend(slab->attention, unit,
                        unit->kv_head * group_size(slab->attention) + task.member, first,
                        hk_smaller(HK_ATTENTION_ROWS, unit->queries - first), own_memory(slab));
}

static void forward_slab(slab *slab, hk_pool *pool) {
  size_t blocks = 0;
  for (size_t i = 0; i < slab->unit_count; i++) {
    const hk_attention_unit *unit = &slab->units[i];
    blocks = hk_larger(blocks, hk_divided_up(unit->queries, HK_ATTENTION_ROWS));
    for (size_t strip = 0; strip * HK_ATTENTION_STRIP < unit->keys; strip++)
      add_task(slab, i, 0, strip);
  }
  run_phase(slab, pool, pack_keys_task);
  // The longest first: the last queries see the most keys.
  for (size_t block = blocks; block-- > 0;)
    for (size_t i = 0; i < slab->unit_count; i++)
      if (block * HK_ATTENTION_ROWS < slab->units[i].queries)
        for (size_t member = 0; member < group_size(slab->attention); member++)
          add_task(slab, i, member, block);
  run_phase(slab, pool, attend_task);
}

/// The member of a task that packs keys, not queries of a member.
#define NO_MEMBER UINT32_MAX

static void pack_range_task(void *context, size_t index) {
  const slab *slab = context;
  const task task = slab->tasks[index];
  const hk_attention_unit *unit = &slab->units[task.unit];
  if (task.member == NO_MEMBER)
    slab->kernels->pack_key_rows(slab->attention, unit, task.part);
  else
    slab->kernels->pack_queries(slab->attention, unit, task.member, task.part, own_memory(slab));
}

static void key_gradients_task(void *context, size_t index) {
  const slab *slab = context;
  const task task = slab->tasks[index];
  slab->kernels->key_gradients(slab->attention, &slab->units[task.unit],
                               task.part * HK_ATTENTION_ROWS, own_memory(slab));
}

static void query_gradients_task(void *context, size_t index) {
  const slab *slab = context;
  const task task = slab->tasks[index];
  slab->kernels->query_gradients(slab->attention, &slab->units[task.unit], task.member, task.part,
                                 own_memory(slab));
}

/// One range of queries of every unit that has so many; false where none has.
static bool backward_range(slab *slab, hk_pool *pool, size_t range) {
  const size_t group = group_size(slab->attention);
  size_t blocks = 0, strips = 0;
  for (size_t i = 0; i < slab->unit_count; i++) {
    hk_attention_unit *unit = &slab->units[i];
    unit->first = hk_smaller(range * unit->range, unit->queries);
    unit->last = hk_smaller(unit->first + unit->range, unit->queries);
    if (unit->first == unit->last) continue;
    for (size_t strip = 0; range == 0 && strip * HK_ATTENTION_STRIP < unit->keys; strip++)
      add_task(slab, i, NO_MEMBER, strip);
    for (size_t member = 0; member < group; member++)
      for (size_t strip = 0; strip * HK_ATTENTION_STRIP < unit->last - unit->first; strip++)
        add_task(slab, i, member, strip);
    blocks = hk_larger(blocks, hk_divided_up(unit->last, HK_ATTENTION_ROWS));
    strips = hk_larger(strips, hk_divided_up(unit->last - unit->first, HK_ATTENTION_STRIP));
  }
  if (slab->task_count == 0) return false;
  run_phase(slab, pool, pack_range_task);
  // The longest first: of the range, the last keys are seen by few queries, and the last queries
  // see the most keys.
  for (size_t block = 0; block < blocks; block++)
    for (size_t i = 0; i < slab->unit_count; i++)
      if (slab->units[i].first < slab->units[i].last &&
          block * HK_ATTENTION_ROWS < slab->units[i].last)
        add_task(slab, i, 0, block);
  run_phase(slab, pool, key_gradients_task);
  for (size_t strip = strips; strip-- > 0;)
    for (size_t i = 0; i < slab->unit_count; i++)
      if (strip * HK_ATTENTION_STRIP < slab->units[i].last - slab->units[i].first)
        for (size_t member = 0; member < group; member++) add_task(slab, i, member, strip);
  run_phase(slab, pool, query_gradients_task);
  return true;
}

// ---------------------------------------------------------------------------- few queries

/// Whether to read the keys once where they are: packing them would cost more than it gains.
static bool is_cached(const hk_attention *attention) {
  return attention->segment_count == 1 && attention->cached > 0 &&
         attention->segments[1] <= HK_DOT_ROWS;
}

static size_t run_count(const hk_attention *attention) {
  return hk_divided_up(attention->cached + attention->segments[1], HK_ATTENTION_RUN);
}

typedef struct cached_context {
  const hk_attention *attention;
  const hk_attention_kernels *kernels;
  float *parts;
} cached_context;

static void attend_run_task(void *context, size_t index) {
  const cached_context *cached = context;
  const size_t heads = cached->attention->kv_heads;
  cached->kernels->attend_run(cached->attention, index % heads, index / heads, cached->parts);
}

static void join_runs_task(void *context, size_t index) {
  const cached_context *cached = context;
  cached->kernels->join_runs(cached->attention, index, cached->parts);
}

// ---------------------------------------------------------------------------- entry

size_t hk_attention_forward_scratch(const hk_attention *attention, hk_isa isa, size_t threads) {
  if (is_cached(attention))
    return run_count(attention) * attention->heads * attention->segments[1] * HK_ATTENTION_PART *
           sizeof(float);
  return scratch_bytes(attention, isa, threads, place_forward);
}

void hk_attention_forward(const hk_attention *attention, hk_isa isa, hk_pool *pool,
                          void *scratch) {
  const hk_engine *engine = hk_engine_for(isa, attention->compute);
  if (is_cached(attention)) {
    cached_context context = {attention, engine->attention, scratch};
    hk_pool_run(pool, run_count(attention) * attention->kv_heads, attend_run_task, &context);
    hk_pool_run(pool, attention->heads, join_runs_task, &context);
    return;
  }
  const size_t threads = hk_pool_threads(pool);
  cursor at = {0, 0};
  for (;;) {
    slab slab = {.attention = attention, .kernels = engine->attention, .threads = threads};
    arena arena = {scratch, threads * HK_ATTENTION_SCRATCH};
    slab.threads_memory = scratch;
    next_slab(attention, engine, place_forward, &at, &slab, &arena);
    if (slab.unit_count == 0) return;
    forward_slab(&slab, pool);
  }
}

size_t hk_attention_backward_scratch(const hk_attention *attention, hk_isa isa, size_t threads) {
  return scratch_bytes(attention, isa, threads, place_backward);
}

void hk_attention_backward(const hk_attention *attention, hk_isa isa, hk_pool *pool,
                           void *scratch) {
  const hk_engine *engine = hk_engine_for(isa, attention->compute);
  const size_t threads = hk_pool_threads(pool);
  cursor at = {0, 0};
  for (;;) {
    slab slab = {.attention = attention, .kernels = engine->attention, .threads = threads};
    arena arena = {scratch, threads * HK_ATTENTION_SCRATCH};
    slab.threads_memory = scratch;
    next_slab(attention, engine, place_backward, &at, &slab, &arena);
    if (slab.unit_count == 0) return;
    for (size_t range = 0; backward_range(&slab, pool, range); range++) {
    }
  }
}
