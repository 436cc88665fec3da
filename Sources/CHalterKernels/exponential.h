// exp(x) of a vector of floats.
#pragma once

/// exp(x) within 2 units in the last place: +inf above 88.73, subnormals then 0 below -87.3, NaN
/// for NaN. x = n ln 2 + r with |r| <= ln(2)/2; exp(r) is a polynomial (minimax, Cephes' degree),
/// scaled by 2^n in two exact halves so that the result may be subnormal.
INLINE vfloat exponential(vfloat x) {
  // The comparisons are false for NaN, which so passes through.
  x = x < splat(-110.0f) ? splat(-110.0f) : x;
  x = x > splat(90.0f) ? splat(90.0f) : x;
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
  const vfloat shifter = splat(0x1.8p23f);
  vfloat shifted = multiply_add(x, splat(0x1.715476p0f), shifter);
  vfloat n = shifted - shifter;
  vfloat r = multiply_add(n, splat(-0x1.62e4p-1f), x);
  r = multiply_add(n, splat(-0x1.7f7d1cp-20f), r);
  vfloat q = splat(1.9875691500e-4f);
  q = multiply_add(q, r, splat(1.3981999507e-3f));
  q = multiply_add(q, r, splat(8.3334519073e-3f));
  q = multiply_add(q, r, splat(4.1665795894e-2f));
  q = multiply_add(q, r, splat(1.6666665459e-1f));
  q = multiply_add(q, r, splat(5.0000001201e-1f));
  vfloat power = multiply_add(multiply_add(q, r, splat(1.0f)), r, splat(1.0f));
#if LANES == 16
  return _mm512_scalef_ps(power, n);
#else
  vint exponent = (vint)(bits_of(shifted) - bits_of(shifter));
  vint half = exponent >> 1;
  vuint first = (vuint)half + 127;
  vuint second = (vuint)exponent - (vuint)half + 127;
  return power * float_of(first << 23) * float_of(second << 23);
#endif
}

/// exp(x) for x up to about 0, in half the instructions of `exponential`: within (3 + |x|) / 2^24 of
/// it, 1 for 0, NaN for NaN, and as much as 2^-126 where it is less. With x / ln 2 = floor + f, 2^f is
/// a polynomial (minimax of the relative error, 1 at 0).
INLINE vfloat quick_exponential(vfloat x) {
  x *= splat(0x1.715476p0f);
#if LANES == 16
  const vfloat f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#else
  x = x < splat(-126.0f) ? splat(-126.0f) : x;
  const vfloat shifter = splat(0x1.8p23f);
  const vfloat nearest = x + shifter - shifter;
  const vfloat whole = nearest > x ? nearest - 1.0f : nearest;
  const vfloat f = x - whole;
#endif
  vfloat p = splat(1.8671300706e-3f);
  p = multiply_add(p, f, splat(9.0170303205e-3f));
  p = multiply_add(p, f, splat(5.5799913106e-2f));
  p = multiply_add(p, f, splat(2.4016445015e-1f));
  p = multiply_add(p, f, splat(6.9315131180e-1f));
  p = multiply_add(p, f, splat(1.0f));
#if LANES == 16
  return _mm512_scalef_ps(p, x);
#else
  return p * float_of((vuint)(__builtin_convertvector(whole, vint) + 127) << 23);
#endif
}

/// 1 / (1 + exp(-x)).
INLINE vfloat sigmoid(vfloat x) { return 1.0f / (1.0f + exponential(-x)); }
