#include "halter_kernels.h"
