// What the files of ops/ have in common, compiled once: Highway and the *-inl.h headers for every instruction
// set, and the headers of an op. Reading Highway for three instruction sets takes longer than all else in an
// op's file. Only the build includes this header; the files include what they use, and compile without it.
#pragma once

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/precompiled-inl.h"
#include "gradus/ops/kernels/precompiled-inl.h"

// From here on simd-inl.h passes over a file for each instruction set without reading Highway again.
#define GRADUS_SIMD_PRECOMPILED 1
#undef HWY_TARGET_INCLUDE

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "gradus/graph/apply.h"
#include "gradus/graph/op_def.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise/cotangent.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/elementwise/math.h"
