// Backpropagation: the derivative of a loss by each number before it, from the last to the first, as products
// of local derivatives. It is exact up to rounding, where finite differences are not: with a step h the
// quotient (f(x + h) - f(x - h)) / 2h is off by h^2 |f'''| / 6, for it is no limit, and by about eps |f| / h,
// for f is rounded; the sum is least at h = (3 eps |f| / |f'''|)^(1/3). It costs about two forward runs
// whatever the number of weights is: a linear layer multiplies once forward, and twice backward, for its
// input and its weight. Sources: D. Rumelhart, G. Hinton, R. Williams: "Learning representations by
// back-propagating errors", 1986; W. Baur, V. Strassen: "The complexity of partial derivatives", 1983, for
// the cost.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "gradus/docs/examples/lecture/backpropagation_net.h"

namespace gradus::lecture {
namespace {

// --- by hand

struct TwoLayers {
  Tensor w1, b1, w2, b2;
};

TwoLayers random_layers(std::int64_t in, std::int64_t hidden, std::int64_t out) {
  const auto random = [](const Shape& shape, double size) {
    return normal(shape, 0, size, {.dtype = DType::f64}).requires_grad(true);
  };
  const double root = 1 / std::sqrt(static_cast<double>(in));
  return {random({hidden, in}, root), random({hidden}, 0.1),
          random({out, hidden}, 1 / std::sqrt(static_cast<double>(hidden))), random({out}, 0.1)};
}

struct Batch {
  Tensor x, target;
};

Tensor loss_of(const TwoLayers& net, const Batch& data) {
  return mse_loss(linear(tanh(linear(data.x, net.w1, net.b1)), net.w2, net.b2), data.target);
}

// The same four derivatives as matrix formulas.
std::array<Tensor, 4> by_hand(const TwoLayers& net, const Batch& data) {
  const NoGrad no_grad;
  const Tensor h = tanh(matmul(data.x, net.w1, {.trans_b = true}) + net.b1);
  const Tensor p = matmul(h, net.w2, {.trans_b = true}) + net.b2;
  const Tensor dp = 2.0 * (p - data.target) / static_cast<double>(p.numel());
  const Tensor dz = matmul(dp, net.w2) * (1.0 - h * h);
  return {matmul(dz, data.x, {.trans_a = true}), sum(dz, {0}), matmul(dp, h, {.trans_a = true}),
          sum(dp, {0})};
}

void formulas(Lab& lab, const TwoLayers& net, const Batch& data) {
  const auto automatic = grad(loss_of(net, data), {net.w1, net.b1, net.w2, net.b2});
  const auto hand = by_hand(net, data);
  constexpr std::array<const char*, 4> kNames = {"first weight", "first bias", "second weight",
                                                 "second bias"};
  for (std::size_t i = 0; i < hand.size(); ++i) {
    lab.check(std::string("the gradient of the ") + kNames[i] + " and its matrix formula: largest difference",
              amax(abs(automatic[i] - hand[i])).item<double>(), 0, 1e-12);
  }
}

// --- by finite differences

// The loss over one number s: the weights are moved by s along a direction.
using AlongLine = std::function<Tensor(const Tensor& s)>;

AlongLine along(const TwoLayers& net, const TwoLayers& direction, const Batch& data, DType dtype) {
  const auto as = [dtype](const Tensor& t) { return astype(t.detach(), dtype); };
  const TwoLayers from{as(net.w1), as(net.b1), as(net.w2), as(net.b2)};
  const TwoLayers d{as(direction.w1), as(direction.b1), as(direction.w2), as(direction.b2)};
  const Batch batch{as(data.x), as(data.target)};
  return [=](const Tensor& s) {
    return loss_of({from.w1 + s * d.w1, from.b1 + s * d.b1, from.w2 + s * d.w2, from.b2 + s * d.b2}, batch);
  };
}

double at(const AlongLine& f, double s, DType dtype) {
  const NoGrad no_grad;
  return astype(f(tensor(s, dtype)), DType::f64).item<double>();
}

// f, f', f'', f''' at 0: each from the graph of the one before.
std::array<double, 4> derivatives(const AlongLine& f) {
  const Tensor s = tensor<double>(0.0).requires_grad(true);
  std::array<double, 4> values{};
  Tensor y = f(s);
  for (std::size_t order = 0; order < values.size(); ++order) {
    values[order] = y.item<double>();
    if (order + 1 < values.size()) y = grad(y, {s}, {.create_graph = true})[0];
  }
  return values;
}

TwoLayers unit(const TwoLayers& d) {
  const double length = std::sqrt(
      (sum(square(d.w1)) + sum(square(d.b1)) + sum(square(d.w2)) + sum(square(d.b2))).item<double>());
  return {d.w1 / length, d.b1 / length, d.w2 / length, d.b2 / length};
}

// The root of the mean square over the directions.
struct Rms {
  double squares = 0;
  std::int64_t count = 0;
  void add(double v) { squares += v * v, ++count; }
  double value() const { return std::sqrt(squares / static_cast<double>(count)); }
};

void differences(Lab& lab, const TwoLayers& net, const Batch& data) {
  constexpr int kSteps = 53;  // four a decade, from 1 to 1e-13
  std::array<Rms, kSteps> central64, one_sided64, central32;
  Rms second, third;
  double value = 0;
  const std::int64_t directions = lab.count("directions");
  for (std::int64_t k = 0; k < directions; ++k) {
    const TwoLayers d = unit(random_layers(net.w1.size(1), net.w1.size(0), net.w2.size(0)));
    const AlongLine f64 = along(net, d, data, DType::f64), f32 = along(net, d, data, DType::f32);
    const auto exact = derivatives(f64);
    value = exact[0];
    second.add(exact[2]);
    third.add(exact[3]);
    for (int i = 0; i < kSteps; ++i) {
      const double h = std::pow(10, -i / 4.0);
      const double up = at(f64, h, DType::f64), down = at(f64, -h, DType::f64);
      const auto n = static_cast<std::size_t>(i);
      central64[n].add((up - down) / (2 * h) - exact[1]);
      one_sided64[n].add((up - exact[0]) / h - exact[1]);
      central32[n].add((at(f32, h, DType::f32) - at(f32, -h, DType::f32)) / (2 * h) - exact[1]);
    }
    lab.progress(k + 1, directions);
  }

  Table errors{"errors",
               {"h", "two-sided f64", "one-sided f64", "two-sided f32", "h^2 f'''/6", "h f''/2",
                "f64 rounding", "f32 rounding"}};
  const auto predicted = [&](double eps) { return std::cbrt(3 * eps * value / third.value()); };
  constexpr double kEps64 = std::numeric_limits<double>::epsilon(),
                   kEps32 = std::numeric_limits<float>::epsilon();
  double best64 = 0, best32 = 0, least64 = HUGE_VAL, least32 = HUGE_VAL;
  for (int i = 0; i < kSteps; ++i) {
    const double h = std::pow(10, -i / 4.0);
    const auto n = static_cast<std::size_t>(i);
    errors.rows.push_back({h, central64[n].value(), one_sided64[n].value(), central32[n].value(),
                           h * h * third.value() / 6, h * second.value() / 2, kEps64 * value / h,
                           kEps32 * value / h});
    if (central64[n].value() < least64) least64 = central64[n].value(), best64 = h;
    if (central32[n].value() < least32) least32 = central32[n].value(), best32 = h;
  }
  const std::vector<double>& thousandth = errors.rows[12];  // h = 1e-3
  lab.check("two-sided differences are off by h^2 f''' / 6 at h = 0.001: error over that",
            thousandth[1] / thousandth[4], 1, 0.01);
  lab.check("one-sided ones by h f'' / 2: error over that", thousandth[2] / thousandth[5], 1, 0.01);
  lab.check_within("the best h in f64 over the predicted (3 eps f / f''')^(1/3)", best64 / predicted(kEps64),
                   0.2, 5);
  lab.check_within("the same in f32", best32 / predicted(kEps32), 0.2, 5);
  lab.check_within("the least error in f64, far above rounding", least64, 1e-13, 1e-9);
  lab.table(std::move(errors));
  lab.table({"best", {"predicted h f64", "predicted h f32"}, {{predicted(kEps64), predicted(kEps32)}}});
  lab.picture(
      {.name = "differences",
       .caption =
           "How far finite differences are from the derivative, over their step h: a long step is no limit "
           "(falling to the left, dashed), a short one drowns in rounding (rising, dotted). Arrows: the best "
           "h as predicted. Backpropagation is off by about 1e-16.",
       .width = 760,
       .height = 460,
       .script = R"(
set logscale xy
set format xy '10^{%L}'
set xlabel 'step h along a direction of length 1'
set ylabel 'error of the derivative'
set xrange [1e-13:1]
set yrange [1e-13:1e2]
set key at graph 0.99, 0.98 top right samplen 2.5
stats $best using 1:2 nooutput
set arrow 1 from STATS_min_x, 1e-12 to STATS_min_x, 1e-13 lt 1 lw 2
set arrow 2 from STATS_min_y, 1e-12 to STATS_min_y, 1e-13 lt 4 lw 2
plot $errors using 1:5 with lines lt 8 lw 1.5 dt 2 title "h^2 f'''/6 and h f''/2", \
     $errors using 1:6 with lines lt 8 lw 1.5 dt 2 notitle, \
     $errors using 1:7 with lines lt 8 lw 1.5 dt 3 title 'eps f / h', \
     $errors using 1:8 with lines lt 8 lw 1.5 dt 3 notitle, \
     $errors using 1:4 with linespoints lt 4 lw 2 pt 7 ps 0.4 title 'two-sided, f32', \
     $errors using 1:3 with linespoints lt 3 lw 2 pt 7 ps 0.4 title 'one-sided, f64', \
     $errors using 1:2 with linespoints lt 1 lw 2 pt 7 ps 0.4 title 'two-sided, f64'
)"});
}

// --- what it costs

// Linear layers of one width, each without a bias and with relu behind it where asked for.
struct Chain {
  std::vector<Tensor> weights;
  Tensor x;
  bool relus;

  Chain(std::int64_t depth, std::int64_t width, std::int64_t batch, bool with_relus)
      : x(normal({batch, width}, 0, 1)), relus(with_relus) {
    const double size = std::sqrt((relus ? 2.0 : 1.0) / static_cast<double>(width));
    for (std::int64_t i = 0; i < depth; ++i)
      weights.push_back(normal({width, width}, 0, size).requires_grad(true));
  }
  Tensor forward() const {
    Tensor y = x;
    for (const Tensor& w : weights) y = relus ? relu(linear(y, w)) : linear(y, w);
    return y;
  }
};

struct Cost {
  double forward, backward;
};

Cost flops(const Chain& chain, bool input_too) {
  const auto of = [](const Profile& profile, ProfiledCall::Kind kind) {
    double total = 0;
    for (const ProfiledCall& c : profile.calls()) total += c.kind == kind ? c.flops : 0;
    return total;
  };
  std::vector<Tensor> targets = chain.weights;
  if (input_too) targets.push_back(chain.x);
  Profile profile;
  const Tensor y = chain.forward();
  const double forward = of(profile, ProfiledCall::Kind::forward);
  const Tensor seed = ones_like(y);
  profile.clear();
  grad(y, targets, {.seeds = std::span(&seed, 1)});
  return {forward, of(profile, ProfiledCall::Kind::rule)};
}

// The least of several runs.
Cost seconds(const Chain& chain, std::int64_t repeats) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point t) {
    return std::chrono::duration<double>(Clock::now() - t).count();
  };
  Cost least{HUGE_VAL, HUGE_VAL};
  for (std::int64_t i = 0; i < repeats; ++i) {
    auto start = Clock::now();
    const Tensor y = chain.forward();
    least.forward = std::min(least.forward, since(start));
    const Tensor seed = ones_like(y);
    start = Clock::now();
    grad(y, chain.weights, {.seeds = std::span(&seed, 1)});
    least.backward = std::min(least.backward, since(start));
  }
  return least;
}

void costs(Lab& lab) {
  const std::int64_t widest = lab.count("widest"), batch = 128;
  Table counted{"flops", {"depth", "forward", "backward", "ratio", "ratio with the gradient of the input"}};
  double worst = 0, worst_with_input = 0;
  for (std::int64_t depth = 1; depth <= 64; depth *= 2) {
    Chain chain(depth, 32, batch, false);
    const Cost cost = flops(chain, false);
    chain.x.requires_grad(true);
    const Cost with_input = flops(chain, true);
    const double ratio = cost.backward / cost.forward, full = with_input.backward / with_input.forward;
    worst = std::max(worst, std::abs(ratio - (2 - 1 / static_cast<double>(depth))));
    worst_with_input = std::max(worst_with_input, std::abs(full - 2));
    counted.rows.push_back({static_cast<double>(depth), cost.forward, cost.backward, ratio, full});
  }
  lab.check("D linear layers: FLOPs backward / forward are 2 - 1/D: largest difference", worst, 0, 1e-10);
  lab.check("and 2 where the input's gradient is computed too: largest difference", worst_with_input, 0,
            1e-10);
  lab.table(std::move(counted));

  constexpr std::array<std::int64_t, 4> kDepths = {2, 4, 8, 16};
  Table measured{"seconds", {"width"}};
  for (const std::int64_t depth : kDepths) {
    for (const char* what : {" forward", " backward", " ratio", " weights"})
      measured.columns.push_back(std::to_string(depth) + " layers:" + what);
  }
  double product = 1;
  for (std::int64_t width = 32; width <= widest; width *= 2) {
    measured.rows.push_back({static_cast<double>(width)});
    for (const std::int64_t depth : kDepths) {
      const Cost cost = seconds(Chain(depth, width, batch, true), lab.count("repeats"));
      const double ratio = cost.backward / cost.forward;
      measured.rows.back().insert(measured.rows.back().end(), {cost.forward, cost.backward, ratio,
                                                               static_cast<double>(depth * width * width)});
      if (2 * width > widest) product *= ratio;
    }
  }
  lab.check_within("seconds backward / forward of the widest nets, geometric mean over depths",
                   std::pow(product, 1.0 / kDepths.size()), 1, 4);
  lab.table(std::move(measured));
  lab.picture(
      {.name = "cost",
       .caption =
           "Left: operations backward over operations forward of D linear layers, measured (points) and "
           "predicted (lines). Right: the same ratio in seconds, of nets with relu on one core.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'layers D'
set ylabel 'FLOPs backward / forward'
set logscale x 2
set yrange [0:3]
set key bottom right
plot [1:64] 2 with lines lt 2 lw 1.5 title '2', 2 - 1/x with lines lt 1 lw 1.5 title '2 - 1/D', \
     $flops using 1:5 with points lt 2 pt 7 ps 0.8 title 'input too', \
     $flops using 1:4 with points lt 1 pt 5 ps 0.8 title 'weights alone'
set xlabel 'width of the layers'
set ylabel 'seconds backward / forward'
set yrange [0:4]
set xrange [*:*]
plot 2 with lines lt 8 lw 1.5 dt 2 notitle, \
     for [i=0:3] $seconds using 1:(column(4*i+4)) with linespoints lt i+1 lw 2 pt i+4 ps 0.8 \
       title sprintf('%d layers', 2**(i+1))
unset multiplot
)"});
}

void run(Lab& lab) {
  draw_net_with_numbers(lab);
  const TwoLayers net = random_layers(8, 16, 4);
  const Batch data{normal({32, 8}, 0, 1, {.dtype = DType::f64}),
                   normal({32, 4}, 0, 1, {.dtype = DType::f64})};
  formulas(lab, net, data);
  differences(lab, net, data);
  costs(lab);
}

constexpr zoo::Option kOptions[] = {
    {"x1", "First input of the net that is drawn", 1, -10, 10},
    {"x2", "Its second input", 2, -10, 10},
    {"target", "What the net should answer", 1, -10, 10},
    {"directions", "Directions along which differences are taken", 64, 4, 10000, true},
    {"widest", "Width of the widest net that is timed", 1024, 64, 4096, true},
    {"repeats", "Runs of which the quickest counts", 15, 1, 1000, true},
};
constexpr std::pair<const char*, double> kQuick[] = {{"directions", 16}, {"widest", 256}, {"repeats", 7}};

}  // namespace

extern const Lesson backpropagation = {
    .number = 9,
    .title = "Backpropagation",
    .claim =
        "The gradient of a loss is a product of local derivatives from the last number back to the first, "
        "summed "
        "over the paths: exact up to rounding, and about two forward runs for all weights at once.",
    .data = "",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
    .measures_time = true,
};

}  // namespace gradus::lecture
