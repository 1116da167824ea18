#include "gradus/docs/examples/lecture/backpropagation_net.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace gradus::lecture {
namespace {

// A number of the net, where it stands in the picture, and the frames from which on its value and the slope
// of the loss over it are shown.
struct Number {
  const char* name;
  Tensor value;
  double x, y;
  int value_frame, slope_frame;
  double slope = 0;
};

// `to` is computed from `from`; `local` is its derivative by it with all else held.
struct Edge {
  std::size_t from, to;
  double local;
};

Tensor leaf(double value) { return tensor<double>(value).requires_grad(true); }

std::string text(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", v == 0 ? 0 : v);
  return buffer;
}

enum : std::uint8_t {
  kX1,
  kX2,
  kZ1,
  kZ2,
  kH1,
  kH2,
  kP,
  kLoss,
  kW11,
  kW12,
  kB1,
  kW21,
  kW22,
  kB2,
  kV1,
  kV2,
  kC
};
constexpr std::size_t kNodes = 8;  // the first ones; the others are weights

struct Net {
  std::vector<Number> numbers;
  std::vector<Edge> edges;
};

Net make_net(double first, double second, double target) {
  const Tensor x1 = leaf(first), x2 = leaf(second);
  const Tensor w11 = leaf(0.5), w12 = leaf(-0.2), b1 = leaf(0.1);
  const Tensor w21 = leaf(-0.3), w22 = leaf(0.4), b2 = leaf(0);
  const Tensor v1 = leaf(0.6), v2 = leaf(-1), c = leaf(0.3);

  const Tensor z1 = w11 * x1 + w12 * x2 + b1;
  const Tensor z2 = w21 * x1 + w22 * x2 + b2;
  const Tensor h1 = tanh(z1), h2 = tanh(z2);
  const Tensor p = v1 * h1 + v2 * h2 + c;
  const Tensor loss = square(p - target);

  Net net{.numbers = {{"x1", x1, 7, 44, 0, 16},
                      {"x2", x2, 7, 16, 0, 16},
                      {"z1", z1, 34, 44, 1, 12},
                      {"z2", z2, 34, 16, 2, 13},
                      {"h1", h1, 57, 44, 3, 10},
                      {"h2", h2, 57, 16, 4, 11},
                      {"p", p, 79, 30, 5, 8},
                      {"L", loss, 94, 30, 6, 7},
                      {"w11", w11, 20.5, 48.2, 0, 14},
                      {"w12", w12, 23.5, 22.5, 0, 14},
                      {"b1", b1, 34, 37, 0, 14},
                      {"w21", w21, 23.5, 37.5, 0, 15},
                      {"w22", w22, 20.5, 13.6, 0, 15},
                      {"b2", b2, 34, 9, 0, 15},
                      {"v1", v1, 71, 41.5, 0, 9},
                      {"v2", v2, 71, 18.5, 0, 9},
                      {"c", c, 79, 23, 0, 9}},
          .edges = {}};
  constexpr std::pair<std::size_t, std::size_t> kEdges[] = {
      {kX1, kZ1}, {kX2, kZ1},  {kW11, kZ1}, {kW12, kZ1}, {kB1, kZ1}, {kX1, kZ2},
      {kX2, kZ2}, {kW21, kZ2}, {kW22, kZ2}, {kB2, kZ2},  {kZ1, kH1}, {kZ2, kH2},
      {kH1, kP},  {kH2, kP},   {kV1, kP},   {kV2, kP},   {kC, kP},   {kP, kLoss}};
  for (const auto& [from, to] : kEdges) {
    const Tensor& end = net.numbers[to].value;
    net.edges.push_back(
        {from, to, grad(end, {net.numbers[from].value}, {.retain_graph = true})[0].item<double>()});
  }
  return net;
}

// Backpropagation is this loop: from the last edge to the first one, the slope at the end of an edge times
// the local derivative is added to the slope at its beginning.
void backpropagate(Net& net) {
  net.numbers[kLoss].slope = 1;
  for (auto e = net.edges.rbegin(); e != net.edges.rend(); ++e)
    net.numbers[e->from].slope += net.numbers[e->to].slope * e->local;
}

// What happens in each frame, in words and numbers.
std::vector<std::string> sentences(const Net& net, double target) {
  const auto v = [&](std::size_t i) { return text(net.numbers[i].value.item<double>()); };
  const auto d = [&](std::size_t i) { return text(net.numbers[i].slope); };
  const auto local = [&](std::size_t from, std::size_t to) {
    return text(
        std::ranges::find_if(net.edges, [&](const Edge& e) { return e.from == from && e.to == to; })->local);
  };
  const auto name = [&](std::size_t i) { return std::string(net.numbers[i].name); };
  // z1 = w11 x1 + w12 x2 + b1 = 0.5 · 1 + ..
  const auto weighted = [&](std::size_t out, std::size_t a, std::size_t x, std::size_t b, std::size_t y,
                            std::size_t bias) {
    return name(out) + " = " + name(a) + " " + name(x) + " + " + name(b) + " " + name(y) + " + " +
           name(bias) + " = (" + v(a) + ") (" + v(x) + ") + (" + v(b) + ") (" + v(y) + ") + (" + v(bias) +
           ") = " + v(out);
  };
  // dL/dz1 = dL/dh1 · dh1/dz1 = -0.3 · 0.9 = -0.27
  const auto chain = [&](std::size_t from, std::size_t to) {
    return "dL/d" + name(from) + " = dL/d" + name(to) + " · d" + name(to) + "/d" + name(from) + " = (" +
           d(to) + ") (" + local(from, to) +
           ") = " + text(net.numbers[to].slope * std::stod(local(from, to)));
  };
  const auto weights = [&](std::size_t out, std::size_t a, std::size_t x, std::size_t b, std::size_t y,
                           std::size_t bias) {
    const auto one = [&](std::size_t w, const std::string& by) {
      return "dL/d" + name(w) + " = dL/d" + name(out) + " · " + by + " = " + d(w);
    };
    return one(a, name(x)) + ",   " + one(b, name(y)) + ",   " + one(bias, "1");
  };
  return {
      "Given: the inputs, the weights, and the target " + text(target) + ". Forward now, number by number.",
      weighted(kZ1, kW11, kX1, kW12, kX2, kB1),
      weighted(kZ2, kW21, kX1, kW22, kX2, kB2),
      "h1 = tanh(z1) = tanh(" + v(kZ1) + ") = " + v(kH1),
      "h2 = tanh(z2) = tanh(" + v(kZ2) + ") = " + v(kH2),
      weighted(kP, kV1, kH1, kV2, kH2, kC),
      "L = (p - target)² = (" + v(kP) + " - (" + text(target) + "))² = " + v(kLoss),
      "Backward now: how much does L change with each number? With itself: dL/dL = 1.",
      "dL/dp = dL/dL · 2 (p - target) = 1 · " + local(kP, kLoss) + " = " + d(kP),
      weights(kP, kV1, kH1, kV2, kH2, kC),
      chain(kH1, kP),
      chain(kH2, kP),
      chain(kZ1, kH1) + ",   since dtanh(z)/dz = 1 - tanh(z)²",
      chain(kZ2, kH2) + ",   since dtanh(z)/dz = 1 - tanh(z)²",
      weights(kZ1, kW11, kX1, kW12, kX2, kB1),
      weights(kZ2, kW21, kX1, kW22, kX2, kB2),
      "x1 acts on L by two paths, and they add up: dL/dx1 = dL/dz1 · w11 + dL/dz2 · w21 = " + d(kX1)};
}

void tables_of(Lab& lab, const Net& net) {
  Table nodes{"nodes",
              {"place x", "place y", "value", "slope of the loss", "frame of value", "frame of slope"}};
  Table weights{"weights", nodes.columns};
  for (std::size_t i = 0; i < net.numbers.size(); ++i) {
    const Number& n = net.numbers[i];
    (i < kNodes ? nodes : weights)
        .rows.push_back({n.x, n.y, n.value.item<double>(), n.slope, static_cast<double>(n.value_frame),
                         static_cast<double>(n.slope_frame)});
  }
  Table edges{"edges", {"from x", "from y", "to x", "to y", "local derivative"}};
  for (const Edge& e : net.edges) {
    if (e.from >= kNodes) continue;
    const Number &a = net.numbers[e.from], &b = net.numbers[e.to];
    edges.rows.push_back({a.x, a.y, b.x, b.y, e.local});
  }
  lab.table(std::move(nodes));
  lab.table(std::move(weights));
  lab.table(std::move(edges));
}

}  // namespace

void draw_net_with_numbers(Lab& lab) {
  const double target = lab.number("target");
  Net net = make_net(lab.number("x1"), lab.number("x2"), target);
  backpropagate(net);

  std::vector<Tensor> all;
  for (const Number& n : net.numbers) all.push_back(n.value);
  const auto slopes = grad(net.numbers[kLoss].value, all);
  double largest = 1, worst = 0;
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    largest = std::max(largest, std::abs(slopes[i].item<double>()));
    worst = std::max(worst, std::abs(slopes[i].item<double>() - net.numbers[i].slope));
  }
  lab.check("products of local derivatives, summed over the paths, are the gradient: relative difference",
            worst / largest, 0, 1e-12);
  tables_of(lab, net);

  std::string say;
  const auto lines = sentences(net, target);
  for (const std::string& line : lines) say += (say.empty() ? "'" : ", \\\n  '") + line + "'";
  lab.picture(
      {.name = "net",
       .caption =
           "Every number of a small net. Forward: the values (blue), each from those before it. Backward: "
           "the slope of the loss over each number (orange), each the product of the slope behind it and "
           "a local derivative (green).",
       .width = 1100,
       .height = 560,
       .script = "array say[" + std::to_string(lines.size()) + "] = [" + say + "]\n" + R"(
node(i) = word('x1 x2 z1 z2 h1 h2 p L', i)
weight(i) = word('w11 w12 b1 w21 w22 b2 v1 v2 c', i)
unset border
unset tics
unset grid
unset key
set margins 1, 1, 1, 1
set xrange [0:100]
set yrange [0:60]
set style fill solid 1.0
set label 1 (frame < 7 ? 'forward: values' : 'backward: slopes of the loss') at 50, 57 center font ',18'
set label 2 say[frame+1] at 50, 2.6 center font ',15'
set label 3 'value' at 88, 57 tc lt 1
set label 4 'slope of L' at 88, 54.6 tc lt 2
set label 5 'local derivative' at 88, 52.2 tc lt 3
plot $edges using 1:2:($3-$1):($4-$2) with vectors nohead lt 8 lw 1.5, \
     $edges every ::4::5 using (($1+$3)/2):($2+3.9):(frame < 6+$0+6 ? '' : \
       sprintf("dh%d/dz%d\n= %.4g", $0+1, $0+1, $5)) with labels tc lt 3, \
     $nodes using 1:2:(5.2):(4.8):($5 == frame ? 0x0072b2 : $6 == frame ? 0xd55e00 : 0xffffff) \
       with boxxyerror lc rgb variable, \
     $nodes using 1:2:(4.9):(4.5) with boxxyerror fc rgb '#f4f6f8' lc rgb '#9aa4af', \
     $nodes using 1:($2+2.7):(node(int($0)+1)) with labels font ',15', \
     $nodes using 1:2:($5 <= frame ? sprintf('%.4g', $3) : '') with labels tc lt 1 font ',14', \
     $nodes using 1:($2-2.7):($6 <= frame ? sprintf('%.4g', $4) : '') with labels tc lt 2 font ',14', \
     $weights using 1:2:(sprintf('%s = %.4g', weight(int($0)+1), $3)) with labels tc lt 1, \
     $weights using 1:($2-2.3):($6 <= frame ? sprintf('%.4g', $4) : '') with labels tc lt 2
)",
       .frames = static_cast<int>(lines.size()),
       .frame_ms = 2500});
}

}  // namespace gradus::lecture
