// All layers, modules and initialisers.
#pragma once

#include "gradus/nn/activation.h"
#include "gradus/nn/dropout.h"
#include "gradus/nn/flatten.h"
#include "gradus/nn/init.h"
#include "gradus/nn/linear.h"
#include "gradus/nn/module.h"
#include "gradus/nn/sequential.h"
