// Highway's foreach_target.h for a file that got Highway and all *-inl.h headers precompiled, for all
// instruction sets: includes HWY_TARGET_INCLUDE once for each set but the static one. HWY_TARGET_TOGGLE stays
// as it is, so that the headers, which are there already, are passed over; only the macros of
// set_macros-inl.h change.
#ifndef GRADUS_OPS_KERNELS_FOREACH_PRECOMPILED_H_
#define GRADUS_OPS_KERNELS_FOREACH_PRECOMPILED_H_

#ifdef HWY_TARGET_TOGGLE
#error "an even number of instruction sets besides the static one is expected here; see targets.h"
#endif

#undef HWY_ONCE
#define HWY_ONCE 0

#if (HWY_TARGETS & HWY_AVX2) && HWY_STATIC_TARGET != HWY_AVX2
#undef HWY_TARGET
#define HWY_TARGET HWY_AVX2
#undef HWY_SET_MACROS_PER_TARGET
#include "hwy/ops/set_macros-inl.h"
#include HWY_TARGET_INCLUDE
#endif

#if (HWY_TARGETS & HWY_AVX3) && HWY_STATIC_TARGET != HWY_AVX3
#undef HWY_TARGET
#define HWY_TARGET HWY_AVX3
#undef HWY_SET_MACROS_PER_TARGET
#include "hwy/ops/set_macros-inl.h"
#include HWY_TARGET_INCLUDE
#endif

#undef HWY_ONCE
#define HWY_ONCE 1
#undef HWY_TARGET
#define HWY_TARGET HWY_STATIC_TARGET
#undef HWY_SET_MACROS_PER_TARGET
#include "hwy/ops/set_macros-inl.h"

#endif
