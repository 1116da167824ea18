// Weight norm and spectral norm against torch, and what a parametrised module is as a value.
#include "gradus/nn/parametrize.h"

#include "gradus/nn/embedding.h"
#include "gradus/nn/linear.h"
#include "gradus/nn/sequential.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/linalg.h"
#include "gradus/tests/nn/reference.h"

namespace gradus::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const LinearOptions kLinear{.dtype = DType::f64};

TEST(WeightNorm, AsTorch) {
  Reference("parametrized", "weight_norm_linear").check(weight_norm(Linear(3, 4, kLinear)));
  Reference("parametrized", "weight_norm_whole")
      .check(weight_norm(Linear(3, 4, {.bias = false, .dtype = DType::f64}), std::nullopt));
  Reference("parametrized", "weight_norm_conv").check(weight_norm(Conv2d(2, 3, 2, {.dtype = DType::f64}), 1));
}

TEST(SpectralNorm, AsTorch) {
  Reference("parametrized", "spectral_norm_linear").check(spectral_norm(Linear(3, 4, kLinear)));
  SpectralNorm evaluated(Linear(3, 4, kLinear));
  evaluated.eval();
  Reference("parametrized", "spectral_norm_eval").check(std::move(evaluated));
  Reference("parametrized", "spectral_norm_conv")
      .check(spectral_norm(Conv2d(2, 3, 2, {.dtype = DType::f64}), {.n_power_iterations = 2}));
  Reference("parametrized", "spectral_norm_transpose")
      .check(spectral_norm(ConvTranspose1d(2, 3, 2, {.dtype = DType::f64})));
}

TEST(WeightNorm, StartsAsTheLayerIs) {
  const Linear fc(3, 4, kLinear);
  const WeightNorm m(fc);
  expect_near(m.weight(), fc.weight, "weight", 1e-15);
  const Linear plain = m.unwrap();
  expect_near(plain.weight, fc.weight, "unwrapped", 1e-15);
  EXPECT_TRUE(plain.weight.requires_grad());
  EXPECT_TRUE(plain.weight.is_leaf());
  EXPECT_EQ(to_string(m), "WeightNorm(Linear(in_features=3, out_features=4, bias=True))");
}

TEST(SpectralNorm, TheLargestSingularValueIsOne) {
  manual_seed(4);
  SpectralNorm m(Linear(6, 5, kLinear), {.n_power_iterations = 50});
  m(ones({1, 6}, DType::f64));
  EXPECT_NEAR(linalg::svdvals(m.weight()).to_vector<double>()[0], 1.0, 1e-6);
  expect_near(m.unwrap().weight, m.weight(), "unwrapped");
  // In eval mode the vectors stay.
  m.eval();
  const std::vector<double> u = m.u.to_vector<double>();
  m(ones({1, 6}, DType::f64));
  EXPECT_EQ(u, m.u.to_vector<double>());
}

TEST(SpectralNorm, TwoCallsInOneGraphDoNotDisturbEachOther) {
  SpectralNorm m(Linear(3, 3, kLinear));
  const Tensor x = ones({1, 3}, DType::f64);
  sum(m(x) + m(x)).backward();
  EXPECT_TRUE(m.original.grad().defined());
}

TEST(Parametrize, NamesBuffersAndCopies) {
  Sequential model(weight_norm(Linear(2, 3)), spectral_norm(Linear(3, 4)));
  std::vector<std::string> parameters, buffers;
  for (const NamedTensor& p : model.named_parameters()) parameters.push_back(p.name);
  for (const NamedTensor& p : model.named_buffers()) buffers.push_back(p.name);
  EXPECT_THAT(parameters, ElementsAre("0.bias", "0.parametrizations.weight.original0",
                                      "0.parametrizations.weight.original1", "1.bias",
                                      "1.parametrizations.weight.original"));
  EXPECT_THAT(buffers, ElementsAre("1.parametrizations.weight.0._u", "1.parametrizations.weight.0._v"));
  expect_deep_copy(model);
  EXPECT_TRUE((weight_norm(Embedding(4, 3))(tensor({1, 2}, DType::i64)).shape() == Shape{2, 3}));
}

TEST(Parametrize, BadInput) {
  EXPECT_THAT(message_of<ShapeError>([] { WeightNorm(Linear(2, 3), 2); }),
              HasSubstr("WeightNorm: dim 2 is not an axis of the weight [3, 2] f32"));
  EXPECT_THAT(message_of<ValueError>([] { SpectralNorm(Linear(2, 3), {.n_power_iterations = 0}); }),
              HasSubstr("SpectralNorm: n_power_iterations is 0; it must be 1 at least"));
  EXPECT_THROW(SpectralNorm(Linear(2, 3), {.eps = -1.0}), ValueError);
  EXPECT_THROW(SpectralNorm(Linear(0, 3)), ValueError);
}

}  // namespace
}  // namespace gradus::nn
