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

struct TruncNormalOptions {
  double mean = 0.0;
  double std = 1.0;
  double a = -2.0, b = 2.0;  // bounds of the values, not in deviations
  Generator* generator = nullptr;
};
// Normal, but within [a, b]: by the inverse of the distribution function, without rejection.
Tensor trunc_normal_(Tensor t, const TruncNormalOptions& options = {}, Location where = Location::current());

// gain Q with orthonormal rows or columns, whichever are fewer, uniform among all such; axes behind the first
// count as one. A. Saxe, J. McClelland, S. Ganguli: "Exact solutions to the nonlinear dynamics of learning",
// 2013. Errors: ShapeError below two axes.
Tensor orthogonal_(Tensor t, double gain = 1.0, Generator* generator = nullptr,
                   Location where = Location::current());

// Ones on the diagonal of a matrix. Errors: ShapeError.
Tensor eye_(Tensor t, Location where = Location::current());

// A weight [out, in / groups, kernel...] of a convolution that keeps its channels, as many as there are on
// both sides in each group. Errors: ShapeError unless it has 3 to 5 axes, ValueError where groups do not
// divide the outputs.
Tensor dirac_(Tensor t, std::int64_t groups = 1, Location where = Location::current());

// Normal with mean 0, but in each column of a matrix ceil(sparsity rows) elements, drawn at random, are 0.
// J. Martens: "Deep learning via Hessian-free optimization", 2010. Errors: ShapeError for another rank,
// ValueError for a sparsity outside [0, 1].
Tensor sparse_(Tensor t, double sparsity, double std = 0.01, Generator* generator = nullptr,
               Location where = Location::current());

}  // namespace gradus::nn::init
