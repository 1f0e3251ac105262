/* simd.c  The switch that hides the vector instructions beyond the baseline */
#include "simd.h"

bool bl_simd_baseline;
