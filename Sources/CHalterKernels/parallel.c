// The thread pool. Tasks are handed out one at a time from one atomic word; a loop is over when its
// last task is, so a worker that has lost its CPU delays nobody unless it holds a task.
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "halter_kernels.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CACHE_LINE 128

/// Pauses before a waiting thread sleeps: 50 to 100 us, in which the next loop often starts.
#define PAUSES 2000
/// The same where there are more threads than CPUs, so that waiting takes no CPU from work.
#define PAUSES_CROWDED 20

typedef struct worker {
  hk_pool *pool;
  pthread_t thread;
  size_t number;  // 1 ..< threads; the caller is 0
} worker;

struct hk_pool {
  /// Upper half: the number of the loop. Lower half: its tasks that nobody has taken yet. At 0
  /// nothing can be taken, so the caller may then describe the next loop.
  _Alignas(CACHE_LINE) _Atomic uint64_t ticket;
  /// Tasks of this loop that are not finished.
  _Alignas(CACHE_LINE) _Atomic uint32_t unfinished;

  // The loop. Written while the ticket is at 0 and no task runs, read only by holders of a task.
  _Alignas(CACHE_LINE) hk_task task;
  void *context;
  size_t base;
  uint32_t count;

  // Sleeping. The counts are changed under the lock and read without it by those who may wake.
  _Alignas(CACHE_LINE) pthread_mutex_t lock;
  pthread_cond_t work;
  pthread_cond_t done;
  _Atomic uint32_t sleeping_workers;
  _Atomic bool sleeping_caller;
  _Atomic bool stopping;

  pthread_mutex_t callers;
  int pauses;
  size_t threads;
  worker *workers;
};

/// Whether this thread is inside a task: its loops then run on it alone.
static _Thread_local bool inside_task = false;

/// The number of this thread in its pool.
static _Thread_local size_t thread_number = 0;

size_t hk_pool_thread_number(void) { return thread_number; }

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static uint32_t tasks_left(uint64_t ticket) { return (uint32_t)ticket; }

/// Takes and runs tasks until none is left to take.
static void run_tasks(hk_pool *pool) {
  uint64_t ticket = atomic_load_explicit(&pool->ticket, memory_order_relaxed);
  while (tasks_left(ticket) > 0) {
    if (!atomic_compare_exchange_weak_explicit(&pool->ticket, &ticket, ticket - 1,
                                               memory_order_acquire, memory_order_relaxed))
      continue;
    // The loop cannot end before this task does, so its description is stable from here on.
    pool->task(pool->context, pool->base + (pool->count - tasks_left(ticket)));
    if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->sleeping_caller)) {
      pthread_mutex_lock(&pool->lock);
      pthread_cond_signal(&pool->done);
      pthread_mutex_unlock(&pool->lock);
    }
    ticket = atomic_load_explicit(&pool->ticket, memory_order_relaxed);
  }
}

static bool work_waits(hk_pool *pool) {
  return tasks_left(atomic_load(&pool->ticket)) > 0 || atomic_load(&pool->stopping);
}

static void await_work(hk_pool *pool) {
  for (int i = 0; i < pool->pauses; i++) {
    if (work_waits(pool)) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->lock);
  // Announced before the last look at the ticket; a caller publishes before it looks for sleepers.
  atomic_fetch_add(&pool->sleeping_workers, 1);
  while (!work_waits(pool)) pthread_cond_wait(&pool->work, &pool->lock);
  atomic_fetch_sub(&pool->sleeping_workers, 1);
  pthread_mutex_unlock(&pool->lock);
}

static void await_end(hk_pool *pool) {
  for (int i = 0; i < pool->pauses; i++) {
    if (atomic_load(&pool->unfinished) == 0) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->sleeping_caller, true);
  while (atomic_load(&pool->unfinished) > 0) pthread_cond_wait(&pool->done, &pool->lock);
  atomic_store(&pool->sleeping_caller, false);
  pthread_mutex_unlock(&pool->lock);
}

/// The number of CPUs that this process may use, and the place of the nth among all CPUs.
static size_t usable_cpus(size_t nth, int *cpu) {
  *cpu = -1;
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    size_t seen = 0;
    for (int i = 0; i < CPU_SETSIZE; i++)
      if (CPU_ISSET(i, &set) && seen++ == nth) *cpu = i;
    return seen;
  }
#else
  (void)nth;
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (size_t)online : 1;
}

/// Ties a worker to its CPU where there is one for each thread. Kernels that wake a thread on its
/// waker's CPU would otherwise leave both on one CPU for milliseconds. A refusal does no harm.
static void pin(const worker *self) {
#if defined(__linux__)
  int cpu;
  if (usable_cpus(self->number, &cpu) < self->pool->threads || cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
#else
  (void)self;
#endif
}

static void *work(void *argument) {
  const worker *self = argument;
  hk_pool *pool = self->pool;
  inside_task = true;
  thread_number = self->number;
  pin(self);
  while (!atomic_load(&pool->stopping)) {
    await_work(pool);
    run_tasks(pool);
  }
  return NULL;
}

/// Stops the first `started` workers and frees the pool.
static void dismantle(hk_pool *pool, size_t started) {
  pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->stopping, true);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (size_t i = 0; i < started; i++) pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->callers);
  pthread_mutex_destroy(&pool->lock);
  free(pool->workers);
  free(pool);
}

hk_pool *hk_pool_create(size_t threads) {
  if (threads == 0) threads = 1;
  void *memory = NULL;
  if (posix_memalign(&memory, CACHE_LINE, sizeof(hk_pool)) != 0) return NULL;
  hk_pool *pool = memory;
  memset(pool, 0, sizeof *pool);
  pool->workers = calloc(threads, sizeof(worker));
  if (!pool->workers) {
    free(pool);
    return NULL;
  }
  pool->threads = threads;
  int cpu;
  pool->pauses = threads <= usable_cpus(0, &cpu) ? PAUSES : PAUSES_CROWDED;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_mutex_init(&pool->callers, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->done, NULL);

  // Workers take no signals: those are for the threads of the program.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  size_t started = 0;
  while (started + 1 < threads) {
    worker *next = &pool->workers[started];
    next->pool = pool;
    next->number = started + 1;
    if (pthread_create(&next->thread, NULL, work, next) != 0) break;
    started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started + 1 < threads) {
    dismantle(pool, started);
    return NULL;
  }
  return pool;
}

void hk_pool_destroy(hk_pool *pool) {
  if (pool) dismantle(pool, pool->threads - 1);
}

size_t hk_pool_threads(const hk_pool *pool) { return pool->threads; }

/// Runs count tasks from `base` on all threads, the caller's among them. Holds `callers`.
static void run_loop(hk_pool *pool, size_t base, uint32_t count, hk_task task, void *context) {
  pool->task = task;
  pool->context = context;
  pool->base = base;
  pool->count = count;
  atomic_store_explicit(&pool->unfinished, count, memory_order_relaxed);
  const uint64_t loop = (atomic_load_explicit(&pool->ticket, memory_order_relaxed) >> 32) + 1;
  atomic_store(&pool->ticket, loop << 32 | count);
  if (atomic_load(&pool->sleeping_workers) > 0) {
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 1; i < count && i < pool->threads; i++) pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
  }
  run_tasks(pool);
  await_end(pool);
}

void hk_pool_run(hk_pool *pool, size_t count, hk_task task, void *context) {
  if (inside_task) {
    for (size_t i = 0; i < count; i++) task(context, i);
    return;
  }
  pthread_mutex_lock(&pool->callers);
  inside_task = true;
  if (pool->threads == 1 || count == 1) {
    for (size_t i = 0; i < count; i++) task(context, i);
  } else {
    for (size_t base = 0; base < count;) {
      const size_t left = count - base;
      const uint32_t part = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
      run_loop(pool, base, part, task, context);
      base += part;
    }
  }
  inside_task = false;
  pthread_mutex_unlock(&pool->callers);
}
