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

/// 1 / (1 + exp(-x)).
INLINE vfloat sigmoid(vfloat x) { return 1.0f / (1.0f + exponential(-x)); }
