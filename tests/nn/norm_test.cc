// Normalisations against torch: outputs, gradients, running statistics.
#include "gradus/nn/norm.h"

#include "gradus/ops/creation.h"
#include "gradus/tests/nn/reference.h"

namespace gradus::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The reference calls the module twice in training.
template <class M>
void check_twice(const std::string& name, M m) {
  const Reference r("norm", name);
  r.check(m, [&] {
    m(r.in("x").detach() * 2.0 + 1.0);
    return Outputs{{"y", m(r.in("x"))}};
  });
}

template <class M>
M evaluated(M m) {
  m.eval();
  return m;
}

TEST(BatchNorm, RunningStatisticsAsTorch) {
  check_twice("BatchNorm1d", BatchNorm1d(3, {.dtype = DType::f64}));
  check_twice("BatchNorm1d_places", BatchNorm1d(3, {.momentum = 0.4, .dtype = DType::f64}));
  check_twice("BatchNorm2d", BatchNorm2d(3, {.momentum = std::nullopt, .dtype = DType::f64}));
  check_twice("BatchNorm3d", BatchNorm3d(2, {.affine = false, .dtype = DType::f64}));
  check_twice("InstanceNorm2d",
              InstanceNorm2d(3, {.affine = true, .track_running_stats = true, .dtype = DType::f64}));
}

TEST(BatchNorm, EvalModeAsTorch) {
  Reference("norm", "BatchNorm2d_eval").check(evaluated(BatchNorm2d(3, {.dtype = DType::f64})));
  Reference("norm", "BatchNorm2d_stateless")
      .check(evaluated(BatchNorm2d(3, {.track_running_stats = false, .dtype = DType::f64})));
}

TEST(Norms, AsTorch) {
  Reference("norm", "InstanceNorm1d").check(InstanceNorm1d(3, {.dtype = DType::f64}));
  Reference("norm", "InstanceNorm3d").check(InstanceNorm3d(2, {.affine = true, .dtype = DType::f64}));
  Reference("norm", "LayerNorm").check(LayerNorm({3, 4}, {.dtype = DType::f64}));
  Reference("norm", "LayerNorm_no_bias")
      .check(LayerNorm({4}, {.eps = 0.1, .bias = false, .dtype = DType::f64}));
  Reference("norm", "RMSNorm").check(RMSNorm({4}, {.dtype = DType::f64}));
  Reference("norm", "GroupNorm").check(GroupNorm(2, 6, {.dtype = DType::f64}));
  Reference("norm", "LocalResponseNorm").check(LocalResponseNorm(3, {.alpha = 0.2}));
}

TEST(BatchNorm, BuffersAreSavedAndNotTrained) {
  BatchNorm1d m(3);
  std::vector<std::string> names, buffers;
  for (const NamedTensor& t : m.named_parameters()) names.push_back(t.name);
  for (const NamedTensor& t : m.named_buffers()) buffers.push_back(t.name);
  EXPECT_THAT(names, ElementsAre("weight", "bias"));
  EXPECT_THAT(buffers, ElementsAre("running_mean", "running_var", "num_batches_tracked"));
  EXPECT_EQ(m.state_dict().size(), 5U);
  m(tensor({{1.0F, 2.0F, 3.0F}, {3.0F, 2.0F, 1.0F}}));
  EXPECT_EQ(m.num_batches_tracked.item<std::int64_t>(), 1);
  EXPECT_FALSE(m.running_mean.requires_grad());
  EXPECT_NEAR(m.running_mean.to_vector<float>()[0], 0.2, 1e-6);
  BatchNorm1d other(3);
  other.load_state_dict(m.state_dict());
  EXPECT_EQ(other.running_var.to_vector<float>(), m.running_var.to_vector<float>());
  m.reset_running_stats();
  EXPECT_EQ(m.running_var.to_vector<float>(), (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(m.num_batches_tracked.item<std::int64_t>(), 0);
}

TEST(BatchNorm, ABatchThatIsRefusedChangesNothing) {
  BatchNorm1d m(3);
  EXPECT_THROW(m(ones({1, 3})), ValueError);
  EXPECT_EQ(m.num_batches_tracked.item<std::int64_t>(), 0);
  EXPECT_EQ(m.running_mean.to_vector<float>(), (std::vector<float>{0, 0, 0}));
  m.eval();
  EXPECT_TRUE((m(ones({1, 3})).shape() == Shape{1, 3}));
  EXPECT_EQ(m.num_batches_tracked.item<std::int64_t>(), 0);
}

TEST(InstanceNorm, TakesASampleWithoutABatch) {
  const InstanceNorm1d m(2);
  const Tensor x = tensor({{1.0F, 2.0F, 4.0F}, {0.0F, 5.0F, 1.0F}});
  const Tensor batch = tensor({{{1.0F, 2.0F, 4.0F}, {0.0F, 5.0F, 1.0F}}});
  EXPECT_EQ(m(x).to_vector<float>(), m(batch).to_vector<float>());
}

TEST(Norms, CopiesAreDeep) {
  BatchNorm2d a(3);
  expect_deep_copy(a);
  InstanceNorm1d b(3, {.affine = true, .track_running_stats = true});
  expect_deep_copy(b);
  LayerNorm c({3, 4});
  expect_deep_copy(c);
  GroupNorm d(2, 4);
  expect_deep_copy(d);
  RMSNorm e({4});
  expect_deep_copy(e);
  // Training one leaves the other's statistics alone.
  BatchNorm2d copy = a;
  copy(ones({2, 3, 2, 2}) * 4.0);
  EXPECT_EQ(a.running_mean.to_vector<float>(), (std::vector<float>{0, 0, 0}));
}

TEST(Norms, BadInput) {
  EXPECT_THAT(message_of<ShapeError>([] {
                BatchNorm2d(3)(ones({2, 3}));
              }),
              HasSubstr("BatchNorm2d: takes [N, C, H, W]: [2, 3] f32"));
  EXPECT_THAT(message_of<ShapeError>([] {
                BatchNorm1d(3)(ones({2, 4}));
              }),
              HasSubstr("BatchNorm1d: has 3 features, the input 4 on axis 1: [2, 4] f32"));
  EXPECT_THAT(message_of<ValueError>([] { GroupNorm(4, 6); }),
              HasSubstr("GroupNorm: 4 groups do not divide 6 channels"));
  EXPECT_THAT(message_of<ValueError>([] { BatchNorm1d(3, {.momentum = 1.5}); }),
              HasSubstr("BatchNorm1d: momentum is 1.5; it lies in [0, 1]"));
  EXPECT_THAT(message_of<ValueError>([] { LayerNorm({3}, {.eps = -1}); }),
              HasSubstr("LayerNorm: eps is -1; it must not be negative"));
  EXPECT_THROW(LayerNorm({}), ValueError);
  EXPECT_THROW(BatchNorm3d(0), ValueError);
  EXPECT_THROW(InstanceNorm1d(3)(ones({2, 4, 5})), ShapeError);
  EXPECT_THROW(LayerNorm({4})(ones({2, 3})), ShapeError);
  EXPECT_THROW(LocalResponseNorm(0), ValueError);
}

}  // namespace
}  // namespace gradus::nn
