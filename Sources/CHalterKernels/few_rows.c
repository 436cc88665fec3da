// Products of few rows with several matrices in one parallel loop, as in generation.
#include "engine.h"

/// Stored numbers that are worth a task.
#define TASK_ELEMENTS ((size_t)32 << 10)

typedef struct few_rows {
  const float *x;
  size_t m;
  const hk_matrix *matrices;
  float *const *outputs;
  const hk_engine *engine;
  size_t threads;
} few_rows;

static size_t divided_up(size_t x, size_t by) { return (x + by - 1) / by; }

/// Rows of a matrix that a task multiplies. Each is multiplied alike whatever the cut.
static size_t task_rows(const few_rows *work, const hk_matrix *matrix) {
  const size_t least = divided_up(TASK_ELEMENTS, matrix->columns + 1);
  const size_t fair = divided_up(matrix->rows, 4 * work->threads);
  return fair > least ? fair : least;
}

static size_t task_count(const few_rows *work, const hk_matrix *matrix) {
  return divided_up(matrix->rows, task_rows(work, matrix));
}

static void few_rows_task(void *context, size_t index) {
  const few_rows *work = context;
  size_t number = 0;
  for (; index >= task_count(work, &work->matrices[number]); number++)
    index -= task_count(work, &work->matrices[number]);
  const hk_matrix *matrix = &work->matrices[number];
  const size_t rows = task_rows(work, matrix);
  const size_t first = index * rows;
  const size_t last = matrix->rows - first < rows ? matrix->rows : first + rows;
  for (size_t row = 0; row < work->m; row += HK_DOT_ROWS) {
    const size_t m = work->m - row < HK_DOT_ROWS ? work->m - row : HK_DOT_ROWS;
    hk_term term = {.lda = matrix->columns, .w_transposed = true, .w = *matrix};
    term.a = work->x + row * matrix->columns;
    work->engine->dots(&term, m, first, last, 1, false,
                       work->outputs[number] + row * matrix->rows, matrix->rows);
  }
}

void hk_few_rows_run(const float *x, size_t m, const hk_matrix *matrices, float *const *outputs,
                     size_t count, hk_isa isa, hk_pool *pool) {
  few_rows work = {x, m, matrices, outputs, hk_engine_for(isa, HK_COMPUTE_F32), 1};
  if (pool) work.threads = hk_pool_threads(pool);
  size_t tasks = 0;
  for (size_t i = 0; i < count; i++) tasks += task_count(&work, &matrices[i]);
  if (pool) {
    hk_pool_run(pool, tasks, few_rows_task, &work);
  } else {
    for (size_t i = 0; i < tasks; i++) few_rows_task(&work, i);
  }
}
