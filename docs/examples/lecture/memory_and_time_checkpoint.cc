// The backward needs what the forward computed, so that a network of L layers keeps L activations.
// Checkpointing cuts it into segments of s layers, keeps their inputs and computes a segment again when the
// backward comes to it: L / s inputs and s activations at a time, least at s = sqrt(L), for one more forward.
// A forward is about a third of a step. Source: T. Chen et al.: "Training deep nets with sublinear memory
// cost", 2016.
#include <algorithm>
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

  const auto step = [&](std::size_t segment) { return grad(loss(model, x, segment), parameters); };
  const std::vector<Tensor> plain = step(0);
  const double plain_peak = peak_bytes([&] { step(0); }) / activation;
  const double plain_seconds = median_seconds([&] { step(0); }, lab.count("repeats"));

  Table table{"checkpoints",
              {"layers a segment", "peak in activations", "counted", "seconds over those without",
               "peak without", "elements that differ"}};
  double differing = 0, least = HUGE_VAL, farthest = 0, most_seconds = 0;
  for (std::size_t segment = 1; segment <= count; segment *= 2) {
    const double different = differences(step(segment), plain);
    const double peak = peak_bytes([&] { step(segment); }) / activation;
    const double seconds = median_seconds([&] { step(segment); }, lab.count("repeats"));
    const double counted =
        std::ceil(static_cast<double>(count) / static_cast<double>(segment)) + static_cast<double>(segment);
    table.rows.push_back(
        {static_cast<double>(segment), peak, counted, seconds / plain_seconds, plain_peak, different});
    differing += different;
    least = std::min(least, peak);
    farthest = std::max(farthest, std::abs(peak - counted));
    most_seconds = std::max(most_seconds, seconds / plain_seconds);
    lab.progress(2, 10);
  }
  lab.check("checkpointing gives the same gradients bit for bit: elements that differ", differing, 0, 0);
  lab.check("without it a network of L layers keeps L activations: peak in activations", plain_peak,
            static_cast<double>(count), 4);
  lab.check("with it L / s + s: largest difference of the peak from that", farthest, 0, 4);
  lab.check_within("at the best segment the peak is about 2 sqrt(L): over that",
                   least / (2 * std::sqrt(static_cast<double>(count))), 0.9, 1.7);
  lab.check_within("for one more forward: time over that without, at most", most_seconds, 1.05, 2);
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
           "with segments of sqrt(L). Right: its peak for each length of segments, and the time.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'layers passed, forward and back'
set ylabel 'memory in use (MB)'
set yrange [0:*]
set key top right
plot $kept using 1:($2 / 1e6) with lines lt 2 lw 2 title 'all kept', \
     $again using 1:($2 / 1e6) with lines lt 1 lw 2 title 'segments of sqrt(L)'
set logscale x 2
set xlabel 'layers a segment, s'
set ylabel 'peak (activations)'
set y2label 'time (without checkpoints = 1)'
set y2range [0:2]
set y2tics
set ytics nomirror
set key bottom right
plot $checkpoints using 1:2 with points lt 1 pt 7 title 'peak', \
     $checkpoints using 1:3 with lines lt 1 lw 1.5 title 'L / s + s', \
     $checkpoints using 1:5 with lines lt 2 lw 1.5 dt 2 title 'peak without', \
     $checkpoints using 1:4 axes x1y2 with linespoints lt 3 lw 1.5 pt 9 title 'time (right)'
unset multiplot
)"});
}

}  // namespace gradus::lecture
