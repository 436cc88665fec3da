// Every kernel, written once. Each instruction set's .c file includes this with LANES (floats in a
// vector) and KERNEL_TABLE (the name of its table) defined, inside the target attribute it needs.
#pragma once

#include "vector.h"

#include "exponential.h"

#include "kernels_elementwise.h"

#include "kernels_adamw.h"

#include "kernels_dropout.h"

#include "kernels_rows.h"

#include "kernels_softmax.h"

#include "kernels_convert.h"

const hk_kernels KERNEL_TABLE = {
    .add = add,
    .mul = mul,
    .scale = scale,
    .axpy = axpy,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .dropout = dropout,
    .sum_of_squares = sum_of_squares,
    .adamw = adamw,
    .adamw_8bit = adamw_8bit,
    .rmsnorm = rmsnorm,
    .rmsnorm_backward = rmsnorm_backward,
    .scale_columns = scale_columns,
    .add_bias = add_bias,
    .add_column_sums = add_column_sums,
    .rope = rope,
    .cross_entropy = cross_entropy,
    .f32_from_bf16 = f32_from_bf16,
    .f32_from_f16 = f32_from_f16,
    .bf16_from_f32 = bf16_from_f32,
    .f16_from_f32 = f16_from_f32,
};
