// All elementwise functions and operators.
#pragma once

#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/classify.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/elementwise/operators.h"
#include "gradus/ops/elementwise/special.h"
