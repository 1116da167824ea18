// The instruction sets that kernels are compiled for, in this one place: a portable baseline, AVX2 and
// AVX-512. Every further set is another compilation of each kernel file, and SSSE3/SSE4-only machines are
// served well enough by the baseline. Included before any Highway header; see simd-inl.h.
#pragma once

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#endif
