// Initial values of parameters, in place. Names, arguments and formulas are those of torch.nn.init. A given
// generator is advanced; nullptr means the default one, so that manual_seed() makes a model reproducible.
// Floating dtypes; every function returns its tensor. Errors of all: DtypeError, ValueError for numbers
// outside their domain, GraphError for a tensor that is part of a graph.
#pragma once

#include "gradus/base/random.h"
#include "gradus/graph/tensor.h"

namespace gradus::nn::init {

enum class Mode { fan_in, fan_out };
enum class Nonlinearity { linear, sigmoid, tanh, relu, leaky_relu, selu };

// Factor by which a nonlinearity shrinks the deviation of its input: linear and sigmoid 1, tanh 5/3,
// relu sqrt(2), leaky_relu sqrt(2 / (1 + slope^2)), selu 3/4. `slope` is leaky_relu's alone.
double calculate_gain(Nonlinearity nonlinearity, double slope = 0.01);

struct Fans {
  std::int64_t in, out;
};
// Of a weight [out, in, kernel...]. Errors: ShapeError below two axes.
Fans calculate_fans(const Tensor& t, Location where = Location::current());

Tensor uniform_(Tensor t, double low = 0.0, double high = 1.0, Generator* generator = nullptr,
                Location where = Location::current());
Tensor normal_(Tensor t, double mean = 0.0, double std = 1.0, Generator* generator = nullptr,
               Location where = Location::current());
Tensor constant_(Tensor t, double value, Location where = Location::current());
Tensor zeros_(Tensor t, Location where = Location::current());
Tensor ones_(Tensor t, Location where = Location::current());

// Glorot, Bengio: "Understanding the difficulty of training deep feedforward neural networks", 2010:
// deviation gain sqrt(2 / (fan_in + fan_out)); uniform in +- sqrt(3) of it.
Tensor xavier_uniform_(Tensor t, double gain = 1.0, Generator* generator = nullptr,
                       Location where = Location::current());
Tensor xavier_normal_(Tensor t, double gain = 1.0, Generator* generator = nullptr,
                      Location where = Location::current());

struct KaimingOptions {
  double a = 0.0;  // slope of leaky_relu
  Mode mode = Mode::fan_in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
  Generator* generator = nullptr;
};
// He, Zhang, Ren, Sun: "Delving deep into rectifiers", 2015: deviation gain / sqrt(fan).
Tensor kaiming_uniform_(Tensor t, const KaimingOptions& options = {}, Location where = Location::current());
Tensor kaiming_normal_(Tensor t, const KaimingOptions& options = {}, Location where = Location::current());

}  // namespace gradus::nn::init
