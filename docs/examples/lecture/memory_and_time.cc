// What a training step costs. Its time is a fixed part, to walk through the ops, and a part for each image;
// its memory is that of the parameters and an amount for each image, the activations that the backward needs.
// With that the batch size, checkpointing and the precision of elements can be weighed against each other.
#include "gradus/docs/examples/lecture/memory_and_time.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {

double bytes_in_use() {
  reset_peak_memory();  // to what is in use
  return static_cast<double>(memory_stats().peak_bytes);
}

double peak_bytes(const std::function<void()>& f) {
  const double before = bytes_in_use();
  f();
  return static_cast<double>(memory_stats().peak_bytes) - before;
}

double median_seconds(const std::function<void()>& f, std::int64_t repeats) {
  f();
  std::vector<double> seconds;
  for (std::int64_t i = 0; i < repeats; ++i) {
    const double begin = core_seconds();
    f();
    seconds.push_back(core_seconds() - begin);
  }
  const auto middle = seconds.begin() + repeats / 2;
  std::ranges::nth_element(seconds, middle);
  return *middle;
}

namespace {

// 784-256-256-10 with relu.
struct Net : nn::UnaryModule {
  nn::Linear fc1{784, 256}, fc2{256, 256}, fc3{256, 10};
  GRADUS_MEMBERS(fc1, fc2, fc3)

  Tensor forward(Operand x) const override { return fc3(relu(fc2(relu(fc1(x))))); }
};

void batches(Lab& lab) {
  const std::int64_t most = lab.count("most-images"), repeats = lab.count("repeats");
  const Net model;
  optim::SGD optimizer(model.parameters(), {.lr = 1e-3});
  Table table{"batches",
              {"batch size", "seconds a step", "seconds an image", "peak bytes", "peak bytes an image"}};
  for (std::int64_t size = 1; size <= most; size *= 2) {
    const Tensor x = uniform({size, 784}), y = randint(0, 10, {size});
    const auto step = [&] {
      optimizer.zero_grad();
      cross_entropy(model(x), y).backward();
      optimizer.step();
    };
    const double seconds = median_seconds(step, std::max(repeats, 256 * repeats / size));
    optimizer.zero_grad();
    const double bytes = peak_bytes(step);
    const auto images = static_cast<double>(size);
    table.rows.push_back({images, seconds, seconds / images, bytes, bytes / images});
    lab.progress(size, most);
  }
  const auto& rows = table.rows;
  const std::size_t n = rows.size();
  const auto slope = [&](std::size_t i) {
    return (rows[i][3] - rows[i - 1][3]) / (rows[i][0] - rows[i - 1][0]);
  };
  lab.check(
      "memory is a constant and an amount for each image: that amount, at the last doubling over the last "
      "but one",
      slope(n - 1) / slope(n - 2), 1, 0.02);
  double least = HUGE_VAL;
  for (const auto& row : rows) least = std::min(least, row[2]);
  lab.check_within("an image alone takes longer than one in a batch: so many times", rows[0][2] / least, 3,
                   HUGE_VAL);
  lab.check_within("past that a batch twice as large takes twice as long: the last doubling",
                   rows[n - 1][1] / rows[n - 2][1], 1.4, 3);
  lab.table(std::move(table));
  lab.picture({.name = "batches",
               .caption = "A training step of a network 784-256-256-10 in f32 on one core: its time and the "
                          "time of an image, "
                          "and the most memory beside images and parameters.",
               .script = R"(
set multiplot layout 1,2
set logscale xy
set xlabel 'batch size'
set ylabel 'time (microseconds)'
set key tmargin center horizontal samplen 1.5
set format '10^{%L}'
plot $batches using 1:($2 * 1e6) with linespoints lt 1 lw 2 pt 7 ps 0.7 title 'of a step', \
     $batches using 1:($3 * 1e6) with linespoints lt 2 lw 2 pt 5 ps 0.7 title 'of an image'
set ylabel 'peak memory of a step (MB)'
set key tmargin center
set format y '%g'
plot $batches using 1:($4 / 1e6) with linespoints lt 4 lw 2 pt 7 ps 0.7 title 'memory'
unset multiplot
)"});
}

void run(Lab& lab) {
  const auto power_of_two = [&](const char* option) {
    return std::has_single_bit(static_cast<std::uint64_t>(lab.count(option)));
  };
  if (!power_of_two("layers") || !power_of_two("rows")) {
    throw ValueError(
        "--layers and --rows must be powers of two, so that segments are equal and bytes can be counted");
  }
  batches(lab);
  checkpointing(lab);
  precision(lab);
}

constexpr zoo::Option kOptions[] = {
    {"most-images", "The largest batch", 8192, 2048, 65536, true},
    {"layers", "Layers of the deep network that is checkpointed", 64, 4, 1024, true},
    {"rows", "Rows of its batch", 2048, 512, 65536, true},
    {"repeats", "How often a step is timed, at least", 9, 3, 10000, true},
};
constexpr std::pair<const char*, double> kQuick[] = {
    {"most-images", 2048}, {"layers", 16}, {"rows", 1024}, {"repeats", 5}};

}  // namespace

extern const Lesson memory_and_time = {
    .number = 13,
    .title = "Memory and time",
    .claim =
        "Memory and time can be traded: a larger batch costs less time an image and more memory, "
        "checkpointing keeps about 2 sqrt(L) of L layers for a third more work, and half the bits are half "
        "the bytes.",
    .data = "",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
    .measures_time = true,
};

}  // namespace gradus::lecture
