// The kernels for the target's baseline: vectors of 16 bytes, SSE2 or NEON.
#include "tables.h"

#include <math.h>
#include <string.h>

#define LANES 4
#define KERNEL_TABLE hk_kernels_portable

#include "kernels.h"
