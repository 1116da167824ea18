// The backward needs what the forward computed, so that a network of L layers keeps L activations.
// Checkpointing cuts it into segments of s layers, keeps their inputs and computes a segment again when the
// backward comes to it: L / s inputs and s activations at a time, least at s = sqrt(L), for one more forward.
// A forward is about a third of a step. Source: T. Chen et al.: "Training deep nets with sublinear memory
// cost", 2016.
#include <algorithm>
#include <bit>
#include <cmath>

#include "gradus/docs/examples/lecture/memory_and_time.h"

namespace gradus::lecture {
namespace {

constexpr std::int64_t kWidth = 128;

struct Deep : nn::Module {
  std::vector<nn::Linear> layers;
  GRADUS_MEMBERS(layers)

  explicit Deep(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) layers.emplace_back(kWidth, kWidth);
  }
};

// Bytes in use after each layer, forward and backward.
using Timeline = std::vector<double>;

Tensor some_layers(const Deep& model, Tensor x, std::size_t begin, std::size_t end, Timeline* timeline) {
  for (std::size_t i = begin; i < end; ++i) {
    x = tanh(model.layers[i](x));
    if (timeline == nullptr) continue;
    timeline->push_back(bytes_in_use());
    if (!x.requires_grad()) continue;
    x.add_hook([timeline](const Tensor&) {
      timeline->push_back(bytes_in_use());
      return Tensor();
    });
  }
  return x;
}

// In segments of `segment` layers, each a checkpoint; 0: none.
Tensor loss(const Deep& model, const Tensor& x, std::size_t segment, Timeline* timeline = nullptr) {
  const std::size_t count = model.layers.size();
  if (segment == 0) return mean(square(some_layers(model, x, 0, count, timeline)));
  Tensor h = x;
  for (std::size_t at = 0; at < count; at += segment) {
    const std::size_t end = std::min(at + segment, count);
    h = nn::checkpoint(
        [&model, at, end, timeline](const Tensor& in) { return some_layers(model, in, at, end, timeline); },
        h);
  }
  return mean(square(h));
}

// Elements of the gradients that differ in any bit.
double differences(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += sum(ne(a[i], b[i])).item<double>();
  return count;
}

Timeline timeline_of(const Deep& model, const Tensor& x, std::size_t segment) {
  Timeline timeline;
  const double before = bytes_in_use();
  grad(loss(model, x, segment, &timeline), model.parameters());
  for (double& bytes : timeline) bytes -= before;
  return timeline;
}

}  // namespace

void checkpointing(Lab& lab) {
  const auto count = static_cast<std::size_t>(lab.count("layers"));
  const std::int64_t rows = lab.count("rows");
  const Deep model(static_cast<std::int64_t>(count));
  const std::vector<Tensor> parameters = model.parameters();
  const Tensor x = normal({rows, kWidth});
  const auto activation = static_cast<double>(rows * kWidth * 4);  // bytes
  // At the peak two gradients of activations are there, the one that arrives and the one that leaves; where
  // a segment is computed again, that of a layer's weights too.
  const double gradients = 2, weights = static_cast<double>(kWidth * kWidth * 4) / activation;

  const auto step = [&](std::size_t segment) { return grad(loss(model, x, segment), parameters); };
  const std::vector<Tensor> plain = step(0);
  const double plain_peak = peak_bytes([&] { step(0); }) / activation;

  Table table{"checkpoints",
              {"layers a segment", "peak in activations", "counted", "seconds over those without",
               "peak without", "elements that differ"}};
  double differing = 0, least = HUGE_VAL, farthest = 0, seconds = 0;
  for (std::size_t segment = 1; segment <= count; segment *= 2) {
    const double different = differences(step(segment), plain);
    const double peak = peak_bytes([&] { step(segment); }) / activation;
    // Both after each other, for what a machine does at a time changes.
    const double ratio = median_seconds([&] { step(segment); }, lab.count("repeats")) /
                         median_seconds([&] { step(0); }, lab.count("repeats"));
    // A segment that is done frees its input and leaves the gradients of its weights: where these are larger,
    // the peak is at the last one.
    const auto segments = static_cast<double>(count / segment), layers = static_cast<double>(segment);
    const double counted =
        segments + layers + gradients + weights + std::max(0.0, (segments - 1) * (layers * weights - 1));
    table.rows.push_back({static_cast<double>(segment), peak, counted, ratio, plain_peak, different});
    differing += different;
    least = std::min(least, peak);
    farthest = std::max(farthest, std::abs(peak - counted));
    seconds += ratio;
    lab.progress(std::bit_width(segment), std::bit_width(count));
  }
  lab.check("checkpointing gives the same gradients bit for bit: elements that differ", differing, 0, 0);
  lab.check("without it L activations and 2 gradients are the peak: in activations", plain_peak,
            static_cast<double>(count) + gradients, 1e-9);
  lab.check("with segments of s layers L / s + s and gradients: largest difference from what is counted",
            farthest, 0, 1e-9);
  lab.check_within("the best segment brings the peak down to this part", least / plain_peak, 0,
                   4 / std::sqrt(static_cast<double>(count)));
  lab.check_within("for one more forward: time over that without, mean of all lengths",
                   seconds / static_cast<double>(table.rows.size()), 1.05, 1.8);
  lab.table(std::move(table));

  const auto best = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(count))));
  for (const auto& [name, segment] : {std::pair{"kept", std::size_t{0}}, {"again", best}}) {
    Table line{name, {"layers passed", "bytes"}};
    for (const double bytes : timeline_of(model, x, segment))
      line.rows.push_back({static_cast<double>(line.rows.size() + 1), bytes});
    lab.table(std::move(line));
  }
  lab.picture(
      {.name = "checkpoints",
       .caption =
           "Left: memory in use as a step goes through the layers, forward and back, without checkpoints and "
           "with segments of sqrt(L) layers. Then its peak and the time for each length of segments.",
       .width = 1100,
       .height = 400,
       .script = R"(
set multiplot layout 1,3
set xlabel 'layers passed, forward and back'
set ylabel 'memory in use (MB)'
set yrange [0:*]
set xtics 50
set key tmargin center horizontal samplen 1.5
plot $kept using 1:($2 / 1e6) with lines lt 2 lw 2 title 'all kept', \
     $again using 1:($2 / 1e6) with lines lt 1 lw 2 title 'segments'
set logscale x 2
set xtics autofreq
set xlabel 'layers a segment, s'
set ylabel 'peak (activations)'
plot $checkpoints using 1:3 with lines lt 1 lw 1.5 title 'counted', \
     $checkpoints using 1:2 with points lt 1 pt 7 title 'measured', \
     $checkpoints using 1:5 with lines lt 2 lw 2 title 'all kept'
set ylabel 'time (all kept = 1)'
set yrange [0.8:1.8]
set key tmargin center
plot $checkpoints using 1:4 with linespoints lt 3 lw 2 pt 9 title 'time', 1 with lines lt 2 lw 2 notitle
unset multiplot
)"});
}

}  // namespace gradus::lecture
