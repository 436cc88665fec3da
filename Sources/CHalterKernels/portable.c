// The kernels for the target's baseline: vectors of 16 bytes, SSE2 or NEON.
#include "tables.h"

#include <math.h>
#include <string.h>

#define LANES 4
#define KERNEL_TABLE hk_kernels_portable
#define ENGINE hk_engine_portable
#define WORD_ELEMENTS 1

#include "kernels.h"

#include "kernels_product.h"
