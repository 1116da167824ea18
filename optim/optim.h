// All optimizers and clipping.
#pragma once

#include "gradus/optim/adam.h"
#include "gradus/optim/adamw.h"
#include "gradus/optim/clip.h"
#include "gradus/optim/sgd.h"
