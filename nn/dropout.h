// Dropout and its relatives: in training they zero elements, or whole channels, with probability p and scale
// the rest so that the mean stays; in eval mode each gives its operand itself. Errors of the constructors:
// ValueError unless 0 <= p < 1.
#pragma once

#include "gradus/nn/unary_module.h"

namespace gradus::nn {

// Each element by itself.
struct Dropout : UnaryModule {
  GRADUS_MEMBERS()
  explicit Dropout(double p = 0.5, Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double p;
};

// Whole channels: [N, C, places...] or [C, places...] with `spatial` axes of places. J. Tompson et al.:
// "Efficient object localization using convolutional networks", 2015. Errors: ShapeError for another rank.
template <int spatial>
struct ChannelDropout : UnaryModule {
  GRADUS_MEMBERS()
  explicit ChannelDropout(double p = 0.5, Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string type_name() const override;
  std::string options_text() const override;

  double p;
};
using Dropout1d = ChannelDropout<1>;
using Dropout2d = ChannelDropout<2>;
using Dropout3d = ChannelDropout<3>;
extern template struct ChannelDropout<1>;
extern template struct ChannelDropout<2>;
extern template struct ChannelDropout<3>;

// For networks of SELUs: what is dropped becomes the value that SELU goes to at -infinity, and the result is
// scaled and shifted so that mean 0 and variance 1 stay. G. Klambauer et al.: "Self-normalizing neural
// networks", 2017, section 2. Floating.
struct AlphaDropout : UnaryModule {
  GRADUS_MEMBERS()
  explicit AlphaDropout(double p = 0.5, Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double p;
};

// The same of whole channels, axis 1 of [N, C, places...].
struct FeatureAlphaDropout : UnaryModule {
  GRADUS_MEMBERS()
  explicit FeatureAlphaDropout(double p = 0.5, Location where = Location::current());
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  double p;
};

}  // namespace gradus::nn
