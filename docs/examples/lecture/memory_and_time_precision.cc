// Elements of eight, four and two bytes. f64 has 53 bits of significand, f32 24, f16 11 and bf16 8: rounding
// changes a number by up to 2^-53, 2^-24, 2^-11 or 2^-8 of its size. bf16 has the range of f32, but f16 ends
// at 2^-24, below half of which a number is 0: so small gradients are lost, unless the loss is multiplied by
// a large factor first. Sources: IEEE 754-2019, section 3; P. Micikevicius et al.: "Mixed precision
// training", 2018.
#include <algorithm>
#include <cmath>

#include "gradus/docs/examples/lecture/image_batches.h"
#include "gradus/docs/examples/lecture/memory_and_time.h"

namespace gradus::lecture {
namespace {

struct Precision {
  DType dtype;
  int bits;  // of the significand, with the leading one
};
constexpr Precision kPrecisions[] = {{DType::f64, 53}, {DType::f32, 24}, {DType::f16, 11}, {DType::bf16, 8}};

// The largest k with 1 + 2^-k > 1.
int last_place(DType dtype) {
  const Tensor one = ones({}, dtype);
  for (int k = 0;; ++k) {
    const Tensor step = full({}, std::ldexp(1, -k - 1), dtype);
    if ((one + step).item<double>() == 1) return k;
  }
}

SmallNet converted(const SmallNet& model, std::int64_t hidden, DType dtype) {
  const NoGrad no_grad;
  SmallNet result(hidden, dtype);
  const std::vector<Tensor> from = model.parameters();
  std::vector<Tensor> to = result.parameters();
  for (std::size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
  return result;
}

// The part of the scores' gradients that are 0 in f16 though they are not, with the loss times `scale`; and
// the part that lies below half of the smallest number there is.
std::pair<double, double> lost(const Tensor& scores, const Tensor& labels, double scale) {
  const auto gradient = [&](DType dtype) {
    const Tensor at = astype(scores, dtype).requires_grad(true);
    return grad(cross_entropy(at, labels) * scale, {at})[0];
  };
  const Tensor exact = gradient(DType::f64), half = gradient(DType::f16);
  const auto n = static_cast<double>(exact.numel());
  const auto share = [&](const Tensor& which) { return sum(which).item<double>() / n; };
  return {share(eq(half, 0.0)), share(lt(abs(exact), std::ldexp(1, -25)))};
}

void small_gradients(Lab& lab) {
  // A model that is sure of most of its answers.
  const Tensor scores =
      astype(astype(normal({4096, 10}, 0, 4, {.dtype = DType::f64}), DType::f16), DType::f64);
  const Tensor labels = argmax(scores + normal({4096, 10}, 0, 1, {.dtype = DType::f64}), 1);
  Table table{"lost", {"log2 of the factor", "lost", "below 2^-25"}};
  double worst = 0;
  for (int k = 0; k <= 16; k += 2) {
    const auto [measured, predicted] = lost(scores, labels, std::ldexp(1, k));
    table.rows.push_back({static_cast<double>(k), measured, predicted});
    worst = std::max(worst, std::abs(measured - predicted));
  }
  lab.check("f16 loses the gradients below 2^-25: part that is lost, largest difference from the part below",
            worst, 0, 0.01);
  lab.check_within("without a factor it loses a part of", table.rows.front()[1], 0.1, 1);
  lab.check_within("with 2^16 a part of", table.rows.back()[1], 0, 0.02);
  lab.table(std::move(table));
}

}  // namespace

void precision(Lab& lab) {
  constexpr std::int64_t kRows = 4096, kHidden = 256;
  const Tensor x = uniform({kRows, 784}, 0, 1, {.dtype = DType::f64}), y = randint(0, 10, {kRows});
  const SmallNet exact(kHidden, DType::f64);
  const Tensor gradient = flat_gradient(exact, {x, y});
  Table table{"precision",
              {"bytes an element", "bits of significand", "kept bytes", "peak bytes", "seconds a step",
               "relative error of the gradient"}};
  for (const auto& [dtype, bits] : kPrecisions) {
    const std::string type = name(dtype);
    lab.check(type + ": the largest k with 1 + 2^-k above 1", last_place(dtype), bits - 1, 0);
    const SmallNet model = converted(exact, kHidden, dtype);
    const Images images{astype(x, dtype), y};
    const double before = bytes_in_use();
    double kept = 0;
    {
      const Tensor scores = model(images.x);
      kept = bytes_in_use() - before;
    }
    const double peak = peak_bytes([&] { flat_gradient(model, images); });
    const double seconds = median_seconds([&] { flat_gradient(model, images); },
                                          std::max<std::int64_t>(3, lab.count("repeats") / 2));
    const Tensor difference = astype(flat_gradient(model, images), DType::f64) - gradient;
    const double error = std::sqrt(squared_norm(difference) / squared_norm(gradient));
    table.rows.push_back(
        {static_cast<double>(size_of(dtype)), static_cast<double>(bits), kept, peak, seconds, error});
    if (dtype == DType::f64) continue;
    lab.check(type + ": kept activations, f64's bytes over its own", table.rows[0][2] / kept,
              8.0 / static_cast<double>(size_of(dtype)), 0);
    lab.check_within(type + ": error of the gradient over one rounding, 2^-" + std::to_string(bits),
                     error / std::ldexp(1, -bits), 0.1, 30);
  }
  lab.table(std::move(table));
  small_gradients(lab);
  lab.picture({.name = "precision",
               .caption = "A step of a network 784-256-10 on 4,096 images in four precisions: time and peak "
                          "memory, the error "
                          "of its gradient beside that of one rounding, and the part of small gradients that "
                          "f16 loses by the "
                          "factor on the loss.",
               .width = 1100,
               .height = 400,
               .script = R"(
set multiplot layout 1,3
set xrange [-0.6:3.6]
set xtics ('f64' 0, 'f32' 1, 'f16' 2, 'bf16' 3) font ',11'
set style fill solid 0.8 noborder
set boxwidth 0.35
set ylabel 'time of a step (ms)'
set y2label 'peak memory (MB)'
set yrange [0:*]
set y2range [0:*]
set ytics nomirror
set y2tics
set key tmargin center horizontal samplen 1.5
plot $precision using ($0 - 0.19):($5 * 1e3) with boxes lt 1 title 'time', \
     $precision using ($0 + 0.19):($4 / 1e6) axes x1y2 with boxes lt 4 title 'memory'
unset y2tics
unset y2label
set ytics mirror
set logscale y
set yrange [1e-17:1]
set format y '10^{%L}'
set ylabel 'relative error of the gradient'
set key bottom right
plot $precision using 0:($6 > 0 ? $6 : NaN) with points lt 2 pt 7 ps 1.2 title 'measured', \
     $precision using 0:(2**(-$2)) with points lt 8 pt 2 ps 1.2 lw 1.5 title 'one rounding'
unset logscale y
set format y '%g'
set xrange [*:*]
set xtics autofreq font ',13'
set yrange [0:*]
set xlabel 'log_2 of the factor on the loss'
set ylabel 'part of the gradients that f16 loses'
set key top right
plot $lost using 1:2 with points lt 2 pt 7 title 'measured', \
     $lost using 1:3 with lines lt 8 lw 1.5 title 'below 2^{-25}'
unset multiplot
)"});
}

}  // namespace gradus::lecture
