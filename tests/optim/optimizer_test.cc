// What all optimizers share: groups, parameters without gradient, duplicates, state.
#include "gradus/optim/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/base/parallel.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "gradus/optim/optim.h"
#include "gradus/tests/optim/trajectory.h"

namespace gradus::optim {
namespace {

using namespace optim_test;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <class E, class F>
std::string message(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(Groups, OptionsResolveFieldByField) {
  Tensor a = leaf({1.0}), b = leaf({1.0}), c = leaf({1.0});
  AdamW opt({{.params = {a}, .weight_decay = 0.5}, {.params = {b, c}, .lr = 3e-3, .betas = {{0.5, 0.6}}}},
            {.lr = 1e-2, .eps = 1e-4});
  ASSERT_EQ(opt.groups().size(), 2U);
  EXPECT_EQ(opt.groups()[0].lr, 1e-2);
  EXPECT_EQ(opt.groups()[0].weight_decay, 0.5);
  EXPECT_EQ(opt.groups()[0].eps, 1e-4);
  EXPECT_EQ(opt.groups()[1].lr, 3e-3);
  EXPECT_EQ(opt.groups()[1].weight_decay, 1e-2);  // AdamW's own default
  EXPECT_EQ(opt.groups()[1].betas[1], 0.6);
  EXPECT_EQ(opt.params(1).size(), 2U);
  EXPECT_TRUE(opt.params(1)[1].is(c));
}

TEST(Groups, ChangesBetweenStepsTakeEffect) {
  Tensor a = leaf({1.0}), b = leaf({1.0});
  SGD opt({{.params = {a}}, {.params = {b}}}, {.lr = 0.5});
  set_gradient(a, {1.0});
  set_gradient(b, {1.0});
  opt.groups()[1].lr = 0.25;
  opt.step();
  EXPECT_EQ(a.item(), 0.5);
  EXPECT_EQ(b.item(), 0.75);
  // A bad value is noticed before anything has changed.
  opt.groups()[1].lr = -1.0;
  EXPECT_THROW(opt.step(), ValueError);
  EXPECT_EQ(a.item(), 0.5);
}

TEST(Groups, AreAddedLater) {
  Tensor a = leaf({1.0}), b = leaf({1.0});
  SGD opt({a}, {.lr = 0.5, .momentum = 0.5});
  set_gradient(a, {1.0});
  opt.step();
  opt.add_group({.params = {b}, .lr = 0.125});
  set_gradient(b, {1.0});
  opt.step();
  EXPECT_EQ(opt.groups()[1].momentum, 0.5);
  EXPECT_EQ(a.item(), 1.0 - 0.5 - 0.5 * 1.5);
  EXPECT_EQ(b.item(), 1.0 - 0.125);
  EXPECT_EQ(opt.state_of(0, 0).steps, 2);
  EXPECT_EQ(opt.state_of(1, 0).steps, 1);
  EXPECT_THROW(opt.add_group({.params = {leaf({1.0})}, .lr = -1.0}), ValueError);
  EXPECT_EQ(opt.groups().size(), 2U);
  EXPECT_EQ(opt.group_count(), 2U);
}

TEST(Groups, AParameterTwiceIsAnError) {
  Tensor a = leaf({1.0}), b = leaf({1.0});
  a.name("w");
  const std::string within = message<ValueError>([&] { Adam opt({b, a, a}, {}); });
  EXPECT_THAT(within, AllOf(HasSubstr("optimizer_test.cc:"), HasSubstr("Adam: parameter \"w\" [1] f64"),
                            HasSubstr("in group 0 (index 1) and in group 0 (index 2)")));
  const std::string between = message<ValueError>([&] {
    Adam opt({{.params = {a}}, {.params = {b, a}}}, {});
  });
  EXPECT_THAT(between, HasSubstr("in group 0 (index 0) and in group 1 (index 1)"));
  Adam opt({a}, {});
  EXPECT_THROW(opt.add_group({.params = {a}}), ValueError);
  EXPECT_EQ(opt.group_count(), 1U);
  EXPECT_EQ(opt.groups().size(), 1U);
}

TEST(Groups, TakeOnlyFloatingLeaves) {
  EXPECT_THROW(SGD({Tensor()}, {}), ValueError);
  EXPECT_THROW(SGD({empty({2}, DType::i64)}, {}), DtypeError);
  EXPECT_THROW(SGD({empty({2}, DType::f16)}, {}), DtypeError);
  Tensor a = leaf({1.0});
  const Tensor y = a * a;
  EXPECT_THAT(message<GraphError>([&] { SGD opt({y}, {}); }), HasSubstr("was computed by an op"));
}

TEST(Step, SkipsWhatHasNoGradient) {
  Tensor a = leaf({1.0, 2.0}), b = leaf({3.0, 4.0});
  AdamW opt({a, b}, {.lr = 0.1, .weight_decay = 0.5});
  set_gradient(a, {1.0, 1.0});
  opt.step();
  EXPECT_NE(a.to_vector<double>(), (std::vector<double>{1.0, 2.0}));
  EXPECT_EQ(b.to_vector<double>(), (std::vector<double>{3.0, 4.0}));
  EXPECT_EQ(opt.state_of(0, 1).steps, 0);
  EXPECT_FALSE(opt.state_of(0, 1).slots[0].defined());
  // A zero gradient is another thing: decay acts, and the step counts.
  set_gradient(b, {0.0, 0.0});
  opt.step();
  EXPECT_EQ(opt.state_of(0, 1).steps, 1);
  EXPECT_NEAR(b.span<double>()[0], 3.0 * (1.0 - 0.05), 1e-15);
}

// Step counts belong to the parameter: one that joins late is corrected as from its own first step.
TEST(Step, CountsPerParameter) {
  Tensor a = leaf({1.0}), b = leaf({1.0}), c = leaf({1.0});
  Adam both({a, b}, {.lr = 0.1});
  for (int i = 0; i < 5; ++i) {
    set_gradient(a, {0.3});
    both.step();
  }
  set_gradient(b, {0.7});
  a.clear_grad();
  both.step();
  Adam alone({c}, {.lr = 0.1});
  set_gradient(c, {0.7});
  alone.step();
  EXPECT_EQ(b.item(), c.item());
}

TEST(Step, ZeroGradMakesGradientsUndefined) {
  Tensor a = leaf({1.0});
  set_gradient(a, {1.0});
  SGD opt({a}, {.lr = 0.1});
  opt.zero_grad();
  EXPECT_FALSE(a.grad().defined());
}

TEST(Step, IsAChangeInPlaceWithAPlace) {
  Tensor w = leaf({1.0, 2.0});
  w.name("w");
  const Tensor loss = sum(w * w);
  loss.backward({.retain_graph = true});
  SGD opt({w}, {.lr = 0.1});
  opt.step();
  const std::string text = message<GraphError>([&] { loss.backward(); });
  EXPECT_THAT(text, AllOf(HasSubstr("\"w\""), HasSubstr("changed in place"),
                          HasSubstr("SGD::step at optimizer_test.cc:")));
}

TEST(Step, EmptyParametersAreFine) {
  Tensor w = leaf({});
  set_gradient(w, {});
  AdamW opt({w}, {});
  opt.step();
  EXPECT_EQ(opt.state_of(0, 0).steps, 1);
}

// After a few steps the state goes into another optimizer over equal weights; from then on both do the same.
template <class Optimizer>
void continues(const typename Optimizer::Options& o) {
  Tensor a = leaf(start(5)), b = leaf(start(5));
  a.name("layer.weight");
  b.name("layer.weight");
  Optimizer first({a}, o), second({b}, [&] {
    typename Optimizer::Options other;
    if constexpr (requires { other.use_muon; }) other.use_muon = o.use_muon;  // a vector is no matrix
    return other;
  }());
  for (int i = 0; i < 4; ++i) {
    set_gradient(a, gradient(a.to_vector<double>(), i));
    first.step();
  }
  {
    const NoGrad guard;
    b.copy_(a);
  }
  second.load_state(first.state());
  for (int i = 4; i < 8; ++i) {
    set_gradient(a, gradient(a.to_vector<double>(), i));
    set_gradient(b, gradient(b.to_vector<double>(), i));
    first.step();
    second.step();
  }
  EXPECT_EQ(a.to_vector<double>(), b.to_vector<double>()) << first.name();
}

TEST(State, TrainingContinuesFromIt) {
  continues<SGD>({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true});
  continues<Adam>({.lr = 0.1, .betas = {0.8, 0.9}, .amsgrad = true});
  continues<AdamW>({.lr = 0.1, .weight_decay = 0.2, .maximize = true});
  continues<Adamax>({.lr = 0.1, .betas = {0.8, 0.9}});
  continues<NAdam>({.lr = 0.1, .momentum_decay = 0.3});
  continues<RAdam>({.lr = 0.1, .betas = {0.8, 0.9}});
  continues<Adagrad>({.lr = 0.1, .lr_decay = 0.1, .initial_accumulator_value = 0.2});
  continues<Adadelta>({.rho = 0.5});
  continues<RMSprop>({.momentum = 0.9, .centered = true});
  continues<Rprop>({.lr = 0.2});
  continues<ASGD>({.lr = 0.1, .lambd = 0.1, .t0 = 2});
  continues<Lion>({.lr = 0.1, .maximize = true});
  continues<Adafactor>({.lr = 0.1});
  continues<Muon>({.lr = 0.1, .use_muon = false});
}

// Every way in which a state can be wrong is refused, and the optimizer goes on as if nothing had been tried.
template <class Optimizer>
void refuses_bad_states(const typename Optimizer::Options& o) {
  Tensor a = leaf(start(5)), b = leaf(start(5));
  Optimizer opt({a}, o), twin({b}, o);
  const auto step = [&](int i) {
    set_gradient(a, gradient(a.to_vector<double>(), i));
    set_gradient(b, gradient(b.to_vector<double>(), i));
    opt.step();
    twin.step();
  };
  step(0);
  step(1);
  const NamedTensors good = opt.state();
  const auto refused = [&](const NamedTensors& state, const std::string& what) {
    EXPECT_THROW(opt.load_state(state), Error) << opt.name() << ": " << what;
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    NamedTensors bad = good;
    bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
    refused(bad, "without " + good[i].name);
    bad = good;
    bad[i].name += "x";
    refused(bad, "renamed " + good[i].name);
    bad = good;
    bad[i].tensor = empty({2, 3}, good[i].tensor.dtype());
    refused(bad, "misshapen " + good[i].name);
    if constexpr (std::is_same_v<Optimizer, Adamax>) {
      bad[i].tensor = empty({0}, good[i].tensor.dtype());
      refused(bad, "empty " + good[i].name);
    }
    bad = good;
    bad[i].tensor = empty(good[i].tensor.shape(), DType::f32);
    refused(bad, "of another dtype " + good[i].name);
    bad = good;
    bad[i].tensor = bad[i].tensor.clone_detached();
    if (bad[i].tensor.dtype() == DType::f64) {
      for (double& x : bad[i].tensor.template mutable_span<double>()) x = NAN;
      refused(bad, "NaN in " + good[i].name);
    } else {
      bad[i].tensor.template mutable_span<std::int64_t>()[0] = -1;
      refused(bad, "negative " + good[i].name);
    }
  }
  NamedTensors bad = good;
  bad.push_back({"param_groups.1.lr", good[0].tensor});
  refused(bad, "an extra group");
  Tensor c = leaf({1.0});
  opt.add_group({.params = {c}});
  refused(good, "a group too few");
  step(2);
  EXPECT_EQ(a.to_vector<double>(), b.to_vector<double>()) << opt.name();
}

TEST(State, EveryWrongEntryIsRefused) {
  refuses_bad_states<SGD>({.lr = 0.1, .momentum = 0.9});
  refuses_bad_states<Adam>({.lr = 0.1, .amsgrad = true});
  refuses_bad_states<AdamW>({.lr = 0.1});
  refuses_bad_states<Adamax>({});
  refuses_bad_states<NAdam>({});
  refuses_bad_states<RAdam>({});
  refuses_bad_states<Adagrad>({});
  refuses_bad_states<Adadelta>({});
  refuses_bad_states<RMSprop>({.momentum = 0.9, .centered = true});
  refuses_bad_states<Rprop>({});
  refuses_bad_states<ASGD>({});
  refuses_bad_states<Lion>({});
  refuses_bad_states<Adafactor>({});
  refuses_bad_states<Muon>({.use_muon = false});
}

// A slot that the steps so far had no use for, though the next one has.
TEST(State, ASlotThatIsNotMadeYet) {
  Tensor a = leaf({1.0, 2.0}), b = leaf({1.0, 2.0});
  SGD first({a}, {.lr = 0.125}), second({b}, {.lr = 0.125});
  set_gradient(a, {1.0, 1.0});
  first.step();
  first.groups()[0].momentum = 0.5;
  first.groups()[0].dampening = 0.5;
  second.load_state(first.state());
  set_gradient(b, {1.0, 1.0});
  first.step();
  second.step();  // the first gradient enters undamped in both
  EXPECT_EQ(b.to_vector<double>(), (std::vector<double>{0.875, 1.875}));
  EXPECT_EQ(a.to_vector<double>(), (std::vector<double>{0.75, 1.75}));
}

// Untouched rows stay bit for bit, with their state; touched ones go the way of a dense step.
TEST(TouchedRows, OthersStayAsTheyAre) {
  for (const std::int64_t columns : {1, 3, 20'000}) {
    const std::int64_t rows = 6;
    const auto make = [&] {
      Tensor t = empty({rows, columns}, DType::f64);
      const std::vector<double> values = start(static_cast<std::size_t>(t.numel()));
      std::copy(values.begin(), values.end(), t.mutable_span<double>().begin());
      t.requires_grad(true);
      return t;
    };
    Tensor table = make(), dense = make();
    const AdamOptions o{.lr = 0.1, .weight_decay = 0.1};
    Adam sparse({table}, o), reference({dense}, o);
    sparse.update_touched_rows_only(table);
    // Rows 1, 2 and 5 are touched in every step, the others never.
    const auto is_touched = [](std::int64_t row) { return row == 1 || row == 2 || row == 5; };
    const std::vector<double> before = table.to_vector<double>();
    for (int step = 0; step < 3; ++step) {
      std::vector<double> g = gradient(before, step);
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) {
          if (!is_touched(r)) g[static_cast<std::size_t>(r * columns + c)] = c % 2 == 0 ? 0.0 : -0.0;
        }
      }
      set_gradient(table, g);
      set_gradient(dense, g);
      sparse.step();
      reference.step();
    }
    const std::vector<double> got = table.to_vector<double>(), all = dense.to_vector<double>();
    for (std::size_t i = 0; i < got.size(); ++i) {
      const bool touched = is_touched(static_cast<std::int64_t>(i) / columns);
      ASSERT_EQ(got[i], touched ? all[i] : before[i]) << i << " of " << columns;
      if (!touched) {
        ASSERT_EQ(sparse.state_of(0, 0).slots[1].span<double>()[i], 0.0);
      }
    }
    EXPECT_EQ(sparse.state_of(0, 0).steps, 3);
    sparse.update_touched_rows_only(table, false);
    sparse.step();
    EXPECT_NE(table.span<double>()[0], before[0]);  // decay
  }
}

TEST(TouchedRows, RefuseWhatHasNone) {
  Tensor w = leaf({1.0, 2.0}), other = leaf({1.0}), scalar = empty({}, DType::f64);
  scalar.requires_grad(true);
  SGD opt({w, scalar});
  opt.update_touched_rows_only(w);
  EXPECT_THAT(message<ValueError>([&] { opt.update_touched_rows_only(other); }),
              HasSubstr("SGD::update_touched_rows_only: [1] f64 is no parameter of this optimizer"));
  EXPECT_THROW(opt.update_touched_rows_only(Tensor()), ValueError);
  EXPECT_THAT(message<ValueError>([&] { opt.update_touched_rows_only(scalar); }), HasSubstr("has no rows"));
  Adafactor whole({w});
  EXPECT_THAT(message<ValueError>([&] { whole.update_touched_rows_only(w); }),
              HasSubstr("Adafactor looks at a parameter as a whole"));
}

TEST(Options, AreReadAndSetByName) {
  Tensor a = leaf({1.0});
  Adam opt({a}, {.lr = 0.5, .amsgrad = true});
  EXPECT_EQ(opt.option(0, "lr"), 0.5);
  EXPECT_EQ(opt.option(0, "beta2"), 0.999);
  EXPECT_EQ(opt.option(0, "amsgrad"), 1.0);
  EXPECT_FALSE(opt.option(0, "momentum").has_value());
  opt.set_option(0, "beta1", 0.5);
  EXPECT_EQ(opt.groups()[0].betas[0], 0.5);
  EXPECT_THAT(message<ValueError>([&] { opt.set_option(0, "momentum", 0.5); }),
              HasSubstr("Adam::set_option: there is no option \"momentum\""));
  EXPECT_THAT(message<ValueError>([&] { opt.set_option(0, "beta1", 1.0); }),
              HasSubstr("beta1 is 1; it must be >= 0 and < 1"));
  EXPECT_EQ(opt.groups()[0].betas[0], 0.5);
  SGD sgd({leaf({1.0})}, {.momentum = 0.5, .nesterov = true});
  EXPECT_THAT(message<ValueError>([&] { sgd.set_option(0, "momentum", 0.0); }), HasSubstr("nesterov needs"));
  EXPECT_EQ(sgd.groups()[0].momentum, 0.5);
}

// Parameters of all sizes share one parallel region; what they hold does not depend on who computed it.
TEST(Step, ManyParametersOnSeveralThreads) {
  const auto run = [](int count) {
    set_threads(count);
    std::vector<Tensor> params;
    for (const std::int64_t n : {1, 0, 70'000, 63, 65, 128, 33'000, 7, 200'000}) {
      Tensor w = empty({n}, n % 2 == 0 ? DType::f32 : DType::f64);
      w.fill_(1.0);
      w.requires_grad(true);
      set_gradient(w, start(static_cast<std::size_t>(n)));
      params.push_back(w);
    }
    AdamW opt(params, {.weight_decay = 0.01, .amsgrad = true});
    for (int step = 0; step < 3; ++step) opt.step();
    std::vector<std::vector<double>> out;
    for (const Tensor& p : params) {
      Tensor wide = empty(p.shape(), DType::f64);
      wide.copy_(p);
      out.push_back(wide.to_vector<double>());
    }
    return out;
  };
  const int before = threads();
  const auto one = run(1);
  for (const auto& w : one) {
    for (const double x : w) EXPECT_NE(x, 1.0);
  }
  EXPECT_EQ(one, run(2));
  EXPECT_EQ(one, run(3));
  set_threads(before);
}

TEST(State, HasReadableNames) {
  Tensor a = leaf({1.0}), b = leaf({1.0});
  a.name("fc.weight");
  set_gradient(a, {1.0});
  Adam opt({a, b}, {});
  opt.step();
  std::vector<std::string> names;
  for (const NamedTensor& t : opt.state()) names.push_back(t.name);
  EXPECT_THAT(names, ::testing::ElementsAre(
                         "param_groups.0.lr", "param_groups.0.beta1", "param_groups.0.beta2",
                         "param_groups.0.eps", "param_groups.0.weight_decay", "param_groups.0.amsgrad",
                         "param_groups.0.maximize", "state.fc.weight.step", "state.fc.weight.exp_avg",
                         "state.fc.weight.exp_avg_sq", "state.0.1.step"));
}

TEST(State, ABadOneChangesNothing) {
  Tensor a = leaf({1.0, 2.0});
  set_gradient(a, {1.0, 1.0});
  Adam opt({a}, {.lr = 0.1});
  opt.step();
  const NamedTensors good = opt.state();
  const auto index = [&](const std::string& name) {
    for (std::size_t i = 0; i < good.size(); ++i) {
      if (good[i].name == name) return i;
    }
    ADD_FAILURE() << name;
    return std::size_t{0};
  };
  const auto refused = [&](const NamedTensors& state) {
    std::string text;
    try {
      opt.load_state(state);
    } catch (const Error& e) {
      text = e.what();
    }
    EXPECT_EQ(opt.groups()[0].lr, 0.1);
    EXPECT_EQ(opt.state_of(0, 0).steps, 1);
    return text;
  };
  NamedTensors bad = good;
  bad.erase(bad.begin());
  EXPECT_THAT(refused(bad), HasSubstr("the state lacks \"param_groups.0.lr\""));
  bad = good;
  bad.push_back({"param_groups.1.lr", good[0].tensor});
  EXPECT_THAT(refused(bad), HasSubstr("the state holds \"param_groups.1.lr\", which belongs to no"));
  bad = good;
  bad.push_back(good[0]);
  EXPECT_THAT(refused(bad), HasSubstr("twice"));
  bad = good;
  bad[index("state.0.0.exp_avg")].tensor = empty({3}, DType::f64);
  EXPECT_THAT(refused(bad), HasSubstr("has another shape than its parameter"));
  bad = good;
  bad[index("state.0.0.exp_avg")].tensor = empty({2}, DType::f32);
  EXPECT_THAT(refused(bad), HasSubstr("has another dtype than its parameter"));
  bad = good;
  Tensor negative = empty({}, DType::f64);
  negative.fill_(-1.0);
  bad[index("param_groups.0.lr")].tensor = negative;
  EXPECT_THAT(refused(bad), HasSubstr("lr is -1"));
  bad = good;
  bad[0].tensor = Tensor();
  EXPECT_THAT(refused(bad), HasSubstr("empty handle"));
  opt.load_state(good);
}

}  // namespace
}  // namespace gradus::optim
