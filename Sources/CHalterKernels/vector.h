// One vector of floats for the instruction set being compiled, and what differs between them.
// Included by kernels.h once per instruction set, with LANES set to 4, 8 or 16.
#pragma once

#define INLINE static inline __attribute__((always_inline))

typedef float vfloat __attribute__((ext_vector_type(LANES)));
typedef int32_t vint __attribute__((ext_vector_type(LANES)));
typedef uint32_t vuint __attribute__((ext_vector_type(LANES)));
typedef uint16_t vhalf __attribute__((ext_vector_type(LANES)));
typedef double vdouble __attribute__((ext_vector_type(LANES / 2)));

/// Runs the statements for every vector of 0 ..< n: `i` is its first element and `k` its number of
/// elements, the constant LANES for all but a last one that is not full.
#define FOR_VECTORS(i, k, n, ...)                      \
  do {                                                 \
    size_t i = 0;                                      \
    for (; (n) - i >= LANES; i += LANES) {             \
      const size_t k = LANES;                          \
      __VA_ARGS__                                      \
    }                                                  \
    if (i < (n)) {                                     \
      const size_t k = (n) - i;                        \
      __VA_ARGS__                                      \
    }                                                  \
  } while (0)

INLINE vfloat splat(float x) { return (vfloat)x; }

/// The bits of x as integers, and back.
INLINE vuint bits_of(vfloat x) { return (vuint)x; }
INLINE vfloat float_of(vuint x) { return (vfloat)x; }

INLINE vuint lane_numbers(void) {
  vuint lanes;
  for (uint32_t lane = 0; lane < LANES; lane++) lanes[lane] = lane;
  return lanes;
}

/// The first k elements at p, then `fill`.
INLINE vfloat load_or(const float *p, size_t k, float fill) {
  vfloat v = splat(fill);
  if (k == LANES) {
    memcpy(&v, p, sizeof v);
    return v;
  }
#if LANES == 16
  return _mm512_mask_loadu_ps(v, (__mmask16)((1u << k) - 1), p);
#else
  memcpy(&v, p, k * sizeof(float));
  return v;
#endif
}

/// The first k elements at p, then zeros.
INLINE vfloat load(const float *p, size_t k) { return load_or(p, k, 0); }

INLINE void store(float *p, size_t k, vfloat v) {
  if (k == LANES) {
    memcpy(p, &v, sizeof v);
    return;
  }
#if LANES == 16
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << k) - 1), v);
#else
  memcpy(p, &v, k * sizeof(float));
#endif
}

INLINE vhalf load_half(const uint16_t *p, size_t k) {
  vhalf v = 0;
  if (k == LANES)
    memcpy(&v, p, sizeof v);
  else
    memcpy(&v, p, k * sizeof(uint16_t));
  return v;
}

INLINE void store_half(uint16_t *p, size_t k, vhalf v) {
  if (k == LANES)
    memcpy(p, &v, sizeof v);
  else
    memcpy(p, &v, k * sizeof(uint16_t));
}

/// v as bf16: half of the last kept place, less one where that place is even, carries into it.
INLINE vhalf bf16_of(vfloat v) {
  const vuint u = bits_of(v);
  const vuint rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  const vuint quiet = (u >> 16) | 0x40;
  const vuint result = (u & 0x7fffffff) > (vuint)0x7f800000u ? quiet : rounded;
  return __builtin_convertvector(result, vhalf);
}

/// k numbers of a type from element i on; then zeros.
INLINE vfloat load_as(hk_element type, const void *p, size_t i, size_t k) {
  if (type == HK_ELEMENT_F32) return load((const float *)p + i, k);
  return float_of(__builtin_convertvector(load_half((const uint16_t *)p + i, k), vuint) << 16);
}

/// Stores k numbers as a type from element i on.
INLINE void store_as(hk_element type, void *p, size_t i, size_t k, vfloat v) {
  if (type == HK_ELEMENT_F32)
    store((float *)p + i, k, v);
  else
    store_half((uint16_t *)p + i, k, bf16_of(v));
}

/// Runs statements in which `type` is a constant.
#define FOR_TYPE(type, ...)                     \
  do {                                          \
    if ((type) == HK_ELEMENT_BF16) {            \
      enum { type = HK_ELEMENT_BF16 };  \
      __VA_ARGS__                               \
    } else {                                    \
      enum { type = HK_ELEMENT_F32 };  \
      __VA_ARGS__                               \
    }                                           \
  } while (0)

/// v with `fill` in all lanes from the kth on.
INLINE vfloat fill_from(vfloat v, size_t k, float fill) {
  if (k == LANES) return v;
  return lane_numbers() < (vuint)(uint32_t)k ? v : splat(fill);
}

/// a * b + c, with one rounding where the instruction set has it.
INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) { return a * b + c; }

/// The larger of v and m; m where v is NaN.
INLINE vfloat larger(vfloat v, vfloat m) { return v > m ? v : m; }

typedef float vfloat4 __attribute__((ext_vector_type(4)));

INLINE float reduce_add(vfloat v) {
#if LANES == 16
  __typeof__(v.lo) eight = v.lo + v.hi;
  vfloat4 four = eight.lo + eight.hi;
#elif LANES == 8
  vfloat4 four = v.lo + v.hi;
#else
  vfloat4 four = v;
#endif
  return (four.x + four.z) + (four.y + four.w);
}

INLINE float reduce_max(vfloat v) {
  float result = v[0];
#if LANES == 16
  __typeof__(v.lo) eight = v.lo > v.hi ? v.lo : v.hi;
  vfloat4 four = eight.lo > eight.hi ? eight.lo : eight.hi;
#elif LANES == 8
  vfloat4 four = v.lo > v.hi ? v.lo : v.hi;
#else
  vfloat4 four = v;
#endif
  for (int lane = 0; lane < 4; lane++) result = four[lane] > result ? four[lane] : result;
  return result;
}

INLINE double reduce_add_double(vdouble v) {
  double sum = 0;
  for (int lane = 0; lane < LANES / 2; lane++) sum += v[lane];
  return sum;
}

/// A long sum: the lanes are floats for a few terms, doubles over all of them.
typedef struct long_sum {
  vdouble low, high;
} long_sum;

INLINE void long_sum_add(long_sum *sum, vfloat part) {
  sum->low += __builtin_convertvector(part.lo, vdouble);
  sum->high += __builtin_convertvector(part.hi, vdouble);
}

INLINE double long_sum_value(const long_sum *sum) {
  return reduce_add_double(sum->low + sum->high);
}

/// How many vectors long_sum takes together in floats.
#define SHORT_RUN 16
