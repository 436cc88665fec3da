// Kernels over n elements, each on its own; sum_of_squares reduces them.
#pragma once

static void add(size_t n, const float *a, const float *b, float *y) {
  FOR_VECTORS(i, k, n, { store(y + i, k, load(a + i, k) + load(b + i, k)); });
}

static void mul(size_t n, const float *a, const float *b, float *y) {
  FOR_VECTORS(i, k, n, { store(y + i, k, load(a + i, k) * load(b + i, k)); });
}

static void scale(size_t n, float s, const float *x, float *y) {
  FOR_VECTORS(i, k, n, { store(y + i, k, s * load(x + i, k)); });
}

static void axpy(size_t n, float s, const float *x, float *y) {
  const vfloat factor = splat(s);
  FOR_VECTORS(i, k, n, {
    store(y + i, k, multiply_add(factor, load(x + i, k), load(y + i, k)));
  });
}

static void swiglu(size_t n, hk_element type, const void *gate, const void *up, void *y) {
  FOR_TYPE(type, FOR_VECTORS(i, k, n, {
    const vfloat g = load_as(type, gate, i, k);
    store_as(type, y, i, k, g / (1.0f + exponential(-g)) * load_as(type, up, i, k));
  }););
}

static void swiglu_backward(size_t n, hk_element type, const void *gate, const void *up,
                            const void *dy, void *dgate, void *dup) {
  FOR_TYPE(type, FOR_VECTORS(i, k, n, {
    const vfloat g = load_as(type, gate, i, k);
    const vfloat u = load_as(type, up, i, k);
    const vfloat d = load_as(type, dy, i, k);
    const vfloat s = sigmoid(g);
    // silu'(g) = s (1 + g (1 - s))
    const vfloat slope = s * multiply_add(g, 1.0f - s, splat(1.0f));
    store_as(type, dgate, i, k, d * u * slope);
    store_as(type, dup, i, k, d * (g * s));
  }););
}

static double sum_of_squares(size_t n, const float *x) {
  vdouble low = 0;
  vdouble high = 0;
  FOR_VECTORS(i, k, n, {
    const vfloat v = load(x + i, k);
    const vdouble a = __builtin_convertvector(v.lo, vdouble);
    const vdouble b = __builtin_convertvector(v.hi, vdouble);
    low = a * a + low;
    high = b * b + high;
  });
  return reduce_add_double(low + high);
}

static void adamw(size_t n, const hk_adamw_constants *c, const float *g, float *p, float *m,
                  float *v) {
  const vfloat beta1 = splat(c->beta1);
  const vfloat beta2 = splat(c->beta2);
  const vfloat rest1 = 1.0f - beta1;
  const vfloat rest2 = 1.0f - beta2;
  const vfloat decay = splat(1.0f - c->learning_rate * c->weight_decay);
  const vfloat step = splat(c->learning_rate / c->bias_correction1);
  const vfloat root_scale = splat(1.0f / c->sqrt_bias_correction2);
  const vfloat epsilon = splat(c->epsilon);
  FOR_VECTORS(i, k, n, {
    const vfloat gradient = c->gradient_scale * load(g + i, k);
    const vfloat first = multiply_add(beta1, load(m + i, k), rest1 * gradient);
    const vfloat second = multiply_add(beta2, load(v + i, k), rest2 * gradient * gradient);
    const vfloat root = __builtin_elementwise_sqrt(second);
    const vfloat divisor = multiply_add(root, root_scale, epsilon);
    store(p + i, k, load(p + i, k) * decay - step * first / divisor);
    store(m + i, k, first);
    store(v + i, k, second);
  });
}
