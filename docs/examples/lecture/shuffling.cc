// The same network, the same images, the same learning rate; the order alone differs. Sorted by class, a
// batch shows one class and its gradient says: call everything that. At the very start this has a closed
// form: the bias of the scores has the gradient softmax - mean of the one-hot labels, which is 1/10 - 1 for
// the class of the batch and 1/10 for all others. Over an epoch at fixed weights the gradients of the batches
// have the same mean in any order, the full gradient. But weights are not fixed: each class unlearns the one
// before. Sources: L. Bottou: "Curiously fast convergence of some stochastic gradient descent algorithms",
// 2009, on the order; M. McCloskey, N. Cohen: "Catastrophic interference in connectionist networks", 1989.
#include <algorithm>
#include <array>
#include <cmath>

#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {
namespace {

constexpr std::int64_t kClasses = 10;

// `each` images of every class, sorted by class.
Images sorted_images(const Lab& lab, std::int64_t each) {
  const Images all = load_images(lab, 60000);
  const auto labels = all.y.to_vector<std::int64_t>();
  std::vector<std::int64_t> places;
  for (std::int64_t c = 0; c < kClasses; ++c) {
    std::int64_t found = 0;
    for (std::size_t i = 0; i < labels.size() && found < each; ++i)
      if (labels[i] == c) places.push_back(static_cast<std::int64_t>(i)), ++found;
  }
  return pick(all, tensor(places));
}

double cosine(const Tensor& a, const Tensor& b) {
  return inner(a, b) / std::sqrt(squared_norm(a) * squared_norm(b));
}

// What the batches of an epoch say at fixed weights.
struct Epoch {
  Tensor mean;           // of their gradients
  double square = 0;     // mean |g_b|^2
  double deviation = 0;  // mean |g_b - g|^2
  double along = 0;      // mean <g_b, g> / |g|^2
  double cosine = 0;     // mean
};

Epoch look(const SmallNet& model, const Images& images, std::int64_t size, const Tensor& full) {
  const std::int64_t n = images.y.numel();
  const double weight = static_cast<double>(size) / static_cast<double>(n);
  Epoch e{zeros_like(full)};
  for (std::int64_t at = 0; at < n; at += size) {
    const Tensor g = flat_gradient(model, part(images, at, at + size));
    e.mean = e.mean + weight * g;
    e.square += weight * squared_norm(g);
    e.deviation += weight * squared_norm(g - full);
    e.along += weight * inner(g, full) / squared_norm(full);
    e.cosine += weight * cosine(g, full);
  }
  return e;
}

// The closed forms, in f64.
void fixed_weights(Lab& lab, const Images& sorted, std::int64_t size) {
  const Images images{astype(sorted.x, DType::f64), sorted.y};
  const Images mixed = pick(images, permutation(images.y.numel()));
  SmallNet model(lab.count("hidden"), DType::f64);
  const Tensor full = flat_gradient(model, images);
  const Epoch in_order = look(model, images, size, full), shuffled = look(model, mixed, size, full);
  const auto differs = [&](const Tensor& g) {
    return std::sqrt(squared_norm(g - full) / squared_norm(full));
  };
  lab.check("the mean of the batches' gradients is the full gradient, shuffled: relative difference",
            differs(shuffled.mean), 0, 1e-13);
  lab.check("and sorted", differs(in_order.mean), 0, 1e-13);
  lab.check("so that batches point along it by its own length on average, sorted ones too", in_order.along, 1,
            1e-12);
  lab.check("by Pythagoras the mean |g_b|^2 is |g|^2 and the mean |g_b - g|^2: relative difference",
            in_order.square / (squared_norm(full) + in_order.deviation), 1, 1e-12);
  lab.check_within("but sorted batches lie farther from it: mean |g_b - g|^2, sorted over shuffled",
                   in_order.deviation / shuffled.deviation, 5, HUGE_VAL);

  {
    const NoGrad no_grad;
    model.fc2.weight.fill_(0);
    model.fc2.bias.fill_(0);
  }
  const Images batch = part(images, 0, size);
  const auto bias = grad(cross_entropy(model(batch.x), batch.y), {model.fc2.bias})[0].to_vector<double>();
  double worst = std::abs(bias[0] - (0.1 - 1));
  for (std::size_t c = 1; c < bias.size(); ++c) worst = std::max(worst, std::abs(bias[c] - 0.1));
  lab.check("with equal scores a batch of one class gives the bias 1/10 - 1 there, 1/10 elsewhere", worst, 0,
            1e-14);
}

// The order of an epoch's images.
enum class Order { sorted, shuffled_once, shuffled_each };

struct Row {
  double epoch, loss, cosine;
  std::array<double, kClasses> accuracy;  // of the images of each class
  std::array<double, kClasses> named;     // the part of all images that the model takes for it
};

Row look_at(const SmallNet& model, const Images& images, double epoch, double cosine) {
  const NoGrad no_grad;
  const Tensor scores = model(images.x);
  Row row{epoch, cross_entropy(scores, images.y).item<double>(), cosine, {}, {}};
  const auto guess = argmax(scores, 1).to_vector<std::int64_t>(), label = images.y.to_vector<std::int64_t>();
  const auto n = static_cast<double>(guess.size());
  for (std::size_t i = 0; i < guess.size(); ++i) {
    row.named[static_cast<std::size_t>(guess[i])] += 1 / n;
    if (guess[i] == label[i]) row.accuracy[static_cast<std::size_t>(label[i])] += kClasses / n;
  }
  return row;
}

// A row after every batch, and one before the first.
std::vector<Row> train(Lab& lab, const Images& sorted, SmallNet model, Order order) {
  const std::int64_t n = sorted.y.numel(), size = lab.count("batch-size"), epochs = lab.count("epochs");
  Images images = order == Order::sorted ? sorted : pick(sorted, permutation(n));
  optim::SGD optimizer(model.parameters(), {.lr = lab.number("lr")});
  std::vector<Row> rows = {look_at(model, sorted, 0, 0)};
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    if (order == Order::shuffled_each) images = pick(sorted, permutation(n));
    for (std::int64_t at = 0; at < n; at += size) {
      const Images batch = part(images, at, at + size);
      const double along = cosine(flat_gradient(model, batch), flat_gradient(model, sorted));
      optimizer.zero_grad();
      cross_entropy(model(batch.x), batch.y).backward();
      optimizer.step();
      const double done =
          static_cast<double>(epoch) + static_cast<double>(at + size) / static_cast<double>(n);
      rows.push_back(look_at(model, sorted, done, along));
    }
  }
  return rows;
}

double accuracy(const Row& row) {
  double sum = 0;
  for (const double a : row.accuracy) sum += a / kClasses;
  return sum;
}

double mean_cosine(const std::vector<Row>& rows) {
  double sum = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) sum += rows[i].cosine / static_cast<double>(rows.size() - 1);
  return sum;
}

double mean_loss_from(const std::vector<Row>& rows, std::size_t begin) {
  double sum = 0;
  for (std::size_t i = begin; i < rows.size(); ++i)
    sum += rows[i].loss / static_cast<double>(rows.size() - begin);
  return sum;
}

Table class_table(const std::vector<Row>& sorted, const std::vector<Row>& shuffled) {
  Table table{"classes",
              {"epoch", "class", "its accuracy, sorted", "images taken for it, sorted",
               "its accuracy, shuffled", "images taken for it, shuffled"}};
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    for (std::size_t c = 0; c < kClasses; ++c) {
      table.rows.push_back({sorted[i].epoch, static_cast<double>(c), sorted[i].accuracy[c],
                            sorted[i].named[c], shuffled[i].accuracy[c], shuffled[i].named[c]});
    }
  }
  return table;
}

void pictures(Lab& lab) {
  lab.picture(
      {.name = "training",
       .caption =
           "Loss of all images after each batch of the first four epochs, and the cosine between a batch's "
           "gradient and the full one. "
           "Sorted, each batch undoes what those before it did.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'epoch'
set ylabel 'mean cross entropy (nats)'
set xrange [0:4]
set yrange [0:*]
set key tmargin center horizontal samplen 1.2
plot $training using 1:2 with lines lt 2 lw 1.2 title 'sorted', \
     $training using 1:4 with lines lt 3 lw 1.5 title 'shuffled once', \
     $training using 1:6 with lines lt 1 lw 1.5 title 'each epoch'
set ylabel 'cosine of the batch and the full gradient'
set yrange [-1:1]
plot $training using 1:3 every 2 with points lt 2 pt 7 ps 0.3 notitle, \
     $training using 1:7 every 2 with points lt 1 pt 7 ps 0.3 notitle, 0 with lines lt 8 lw 1 notitle, \
     2 with points lt 2 pt 7 ps 0.9 title 'sorted', 2 with points lt 1 pt 7 ps 0.9 title 'shuffled each epoch'
unset multiplot
)"});
  lab.picture({.name = "classes",
               .caption = "Accuracy of each class over the first three epochs. Sorted, only the class at "
                          "hand and those that "
                          "look like it are known; shuffled, all are learnt together.",
               .script = R"(
set multiplot layout 1,2
set palette defined (0 '#ffffff', 0.5 '#56b4e9', 1 '#08306b')
set cbrange [0:1]
set cblabel 'accuracy'
set xlabel 'epoch'
set ytics ('T-shirt' 0, 'trouser' 1, 'pullover' 2, 'dress' 3, 'coat' 4, 'sandal' 5, 'shirt' 6, 'sneaker' 7, 'bag' 8, 'boot' 9)
set yrange [-0.5:9.5]
stats $classes using 1 nooutput
set xrange [0:(STATS_max < 3 ? STATS_max : 3)]
unset key
set title 'sorted'
plot $classes using 1:2:3 with image
set title 'shuffled each epoch'
plot $classes using 1:2:5 with image
unset multiplot
)"});
  lab.picture(
      {.name = "named",
       .caption =
           "What the two networks take the images for, batch by batch over the first epoch. A tenth of the "
           "images belongs to each class (line).",
       .height = 400,
       .script = R"(
stats $classes using ($1 <= 1 ? $1 : NaN) nooutput
batches = STATS_records / 10 - 1
batch = int(batches * (frame + 1) / 30)
from = 10 * batch
to = from + 9
set multiplot layout 1,2
set style fill solid 0.8 noborder
set boxwidth 0.8
set ylabel 'part of the images taken for it'
set yrange [0:1]
set xrange [-0.6:9.6]
set xtics ('T-shirt' 0, 'trouser' 1, 'pullover' 2, 'dress' 3, 'coat' 4, 'sandal' 5, 'shirt' 6, 'sneaker' 7, 'bag' 8, 'boot' 9) rotate by -40
unset key
set title sprintf('sorted, %d of %d batches', batch, batches)
plot $classes using 2:4 every ::from::to with boxes lt 2, 0.1 with lines lt 8 lw 1.5 dt 2
set title sprintf('shuffled, %d of %d batches', batch, batches)
plot $classes using 2:6 every ::from::to with boxes lt 1, 0.1 with lines lt 8 lw 1.5 dt 2
unset multiplot
)",
       .frames = 30});
}

void run(Lab& lab) {
  const std::int64_t each = lab.count("images-a-class"), size = lab.count("batch-size");
  if (each % size != 0) {
    throw ValueError("--images-a-class must be a multiple of --batch-size, so that a batch is of one class");
  }
  const Images sorted = sorted_images(lab, each);
  fixed_weights(lab, sorted, size);

  const SmallNet start(lab.count("hidden"));
  std::array<std::vector<Row>, 3> runs;
  side_by_side(lab, 3, [&](std::int64_t i) {
    runs[static_cast<std::size_t>(i)] = train(lab, sorted, start, static_cast<Order>(i));
  });
  const auto& [in_order, once, each_epoch] = runs;

  Table table{"training",
              {"epoch", "loss, sorted", "cosine, sorted", "loss, shuffled once", "cosine, shuffled once",
               "loss, shuffled each epoch", "cosine, shuffled each epoch"}};
  for (std::size_t i = 1; i < in_order.size(); ++i) {
    table.rows.push_back({in_order[i].epoch, in_order[i].loss, in_order[i].cosine, once[i].loss,
                          once[i].cosine, each_epoch[i].loss, each_epoch[i].cosine});
  }
  lab.table(std::move(table));
  lab.table(class_table(in_order, each_epoch));

  const auto first = static_cast<std::size_t>(kClasses * each / size);  // the row at the end of epoch 1
  lab.check_within("sorted, after an epoch the first class is forgotten: its accuracy",
                   in_order[first].accuracy[0], 0, 0.2);
  lab.check_within("and most images are taken for the last one: this part", in_order[first].named[9], 0.5, 1);
  lab.check_within("accuracy at the end, sorted", accuracy(in_order.back()), 0.05, 0.55);
  lab.check_within("shuffled", accuracy(each_epoch.back()), 0.7, 1);
  lab.check_within(
      "to shuffle once is nearly as good: loss over the last epoch, over that of each epoch",
      mean_loss_from(once, once.size() - first) / mean_loss_from(each_epoch, once.size() - first), 0.85,
      1.18);
  lab.check_within("cosine of the batch and the full gradient over the training, shuffled: mean",
                   mean_cosine(each_epoch), 0.3, 1);
  lab.check_within("sorted", mean_cosine(in_order), -1, 0.2);
  pictures(lab);
}

constexpr zoo::Option kOptions[] = {
    {"images-a-class", "Images of each class, a multiple of the batch size", 600, 10, 6000, true},
    {"batch-size", "Images a step", 60, 2, 6000, true},
    {"epochs", "Passes over the images", 6, 1, 1000, true},
    {"hidden", "Units of the hidden layer", 32, 1, 1024, true},
    {"lr", "Learning rate", 0.05, 1e-6, 1},
};
constexpr std::pair<const char*, double> kQuick[] = {
    {"images-a-class", 200}, {"batch-size", 20}, {"epochs", 3}, {"hidden", 16}};

}  // namespace

extern const Lesson shuffling = {
    .number = 7,
    .title = "Shuffling",
    .claim =
        "In any order the gradients of an epoch's batches have the full gradient as their mean; but trained "
        "on images sorted by class, a network forgets each class while it learns the next.",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
};

}  // namespace gradus::lecture
