#include "gradus/nn/dropout.h"

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"

namespace gradus::nn {
namespace {

double checked(double p, const char* layer, Location where) {
  if (!(p >= 0.0 && p < 1.0)) {
    throw_error<ValueError>(where, layer, "p is {}; it must be >= 0 and < 1", p);
  }
  return p;
}

std::string text_of(double p) { return fmt::format("p={}", p); }

// The sizes of the first `kept` axes, 1 for the others.
Shape mask_shape(const Tensor& x, int kept) {
  Shape s = x.shape();
  for (int i = kept; i < s.rank(); ++i) s[i] = 1;
  return s;
}

// a (x mask + low (1 - mask)) + b.
Tensor alpha_dropout(const Operand& x, double p, int kept) {
  const Tensor t = Tensor::share(x.impl);
  constexpr double kLow = -1.7580993408473766;  // -scale alpha of SELU
  const double a = 1.0 / std::sqrt((1.0 - p) * (1.0 + p * kLow * kLow));
  const double b = -a * kLow * p;
  const Tensor mask = bernoulli(mask_shape(t, kept), 1.0 - p, {.dtype = t.dtype()}, x.where);
  const Tensor shift = (1.0 - mask) * (a * kLow) + b;
  return mul(x, Operand(mask * a, x.where)) + shift;
}

}  // namespace

Dropout::Dropout(double p, Location where) : p(checked(p, "Dropout", where)) {}

Tensor Dropout::forward(Operand x) const {
  return training() ? dropout(x, p, /*training=*/true) : Tensor::share(x.impl);
}

std::string Dropout::options_text() const { return text_of(p); }

template <int spatial>
ChannelDropout<spatial>::ChannelDropout(double p, Location where)
    : p(checked(p, fmt::format("Dropout{}d", spatial).c_str(), where)) {}

template <int spatial>
Tensor ChannelDropout<spatial>::forward(Operand x) const {
  Tensor t = Tensor::share(x.impl);
  if (t.rank() != spatial + 1 && t.rank() != spatial + 2) {
    throw_error<ShapeError>(x.where, type_name(),
                            "takes [batch, channels, {0} axes] or [channels, {0} axes]: {1}", spatial,
                            describe(t));
  }
  if (!training() || p == 0.0) return t;
  const Tensor ones = gradus::ones(mask_shape(t, t.rank() - spatial), t.dtype(), x.where);
  return mul(x, dropout(Operand(ones, x.where), p, /*training=*/true));
}

template <int spatial>
std::string ChannelDropout<spatial>::type_name() const {
  return fmt::format("Dropout{}d", spatial);
}

template <int spatial>
std::string ChannelDropout<spatial>::options_text() const {
  return text_of(p);
}

template struct ChannelDropout<1>;
template struct ChannelDropout<2>;
template struct ChannelDropout<3>;

AlphaDropout::AlphaDropout(double p, Location where) : p(checked(p, "AlphaDropout", where)) {}

Tensor AlphaDropout::forward(Operand x) const {
  if (!training() || p == 0.0) return Tensor::share(x.impl);
  return alpha_dropout(x, p, kMaxRank);
}

std::string AlphaDropout::options_text() const { return text_of(p); }

FeatureAlphaDropout::FeatureAlphaDropout(double p, Location where)
    : p(checked(p, "FeatureAlphaDropout", where)) {}

Tensor FeatureAlphaDropout::forward(Operand x) const {
  Tensor t = Tensor::share(x.impl);
  if (t.rank() < 2) {
    throw_error<ShapeError>(x.where, "FeatureAlphaDropout", "takes [batch, channels, ...]: {}", describe(t));
  }
  if (!training() || p == 0.0) return t;
  return alpha_dropout(x, p, 2);
}

std::string FeatureAlphaDropout::options_text() const { return text_of(p); }

}  // namespace gradus::nn
