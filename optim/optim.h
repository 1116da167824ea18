// All optimizers and clipping.
#pragma once

#include "gradus/optim/adadelta.h"
#include "gradus/optim/adagrad.h"
#include "gradus/optim/adam.h"
#include "gradus/optim/adamax.h"
#include "gradus/optim/adamw.h"
#include "gradus/optim/asgd.h"
#include "gradus/optim/clip.h"
#include "gradus/optim/lion.h"
#include "gradus/optim/nadam.h"
#include "gradus/optim/radam.h"
#include "gradus/optim/rmsprop.h"
#include "gradus/optim/rprop.h"
#include "gradus/optim/sgd.h"
