// Recommending: which rating would user u give to item i, learnt from some of the ratings and nothing else,
//   r(u, i) = mean + b_u + b_i + p_u . q_i,
// with a number b and a vector p or q of `rank` features for each user and each item. The ratings are made
// here, from such vectors of rank `true-rank` and noise, so the best error that any model can have is known:
// the noise itself. A batch looks up few rows of the tables; the optimizer leaves the others alone
// (update_touched_rows_only), the weight decay that keeps the features small included.
// Source: Koren, Bell, Volinsky: "Matrix factorization techniques for recommender systems", 2009.
//
// The full budget reaches an error of 1.047 times the noise; 27,000 numbers learnt from 360,000 ratings cost
// at least a factor of about sqrt(1 + 27 / 360) = 1.037. Guessing the mean: 3.2 times the noise. Some
// seconds.
//   gradus train matrix-factorization
#include <cmath>

#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {
namespace {

struct Factors : nn::Module {
  nn::Embedding user, item, user_bias, item_bias;
  GRADUS_MEMBERS(user, item, user_bias, item_bias)
  double mean;  // of all ratings; not learnt

  Factors(std::int64_t users, std::int64_t items, std::int64_t rank, double mean)
      : user(users, rank), item(items, rank), user_bias(users, 1), item_bias(items, 1), mean(mean) {
    for (nn::Embedding* e : {&user, &item}) nn::init::normal_(e->weight, 0, 0.1);
    for (nn::Embedding* e : {&user_bias, &item_bias}) nn::init::zeros_(e->weight);
  }
  Tensor operator()(const Tensor& u, const Tensor& i) const {
    return mean + squeeze(user_bias(u) + item_bias(i), {-1}) + sum(user(u) * item(i), {-1});
  }
};

struct Ratings {
  Tensor user, item;  // i64 [n]
  Tensor rating;      // f32 [n]
};

// `n` different pairs of user and item, each as likely, and what the user says: between 1 and 5 mostly.
Ratings make_ratings(std::int64_t users, std::int64_t items, std::int64_t rank, std::int64_t n,
                     double noise) {
  const double scale = std::pow(0.5 / static_cast<double>(rank), 0.25);  // p . q has the variance 1/2
  const Tensor score =
      matmul(normal({users, rank}, 0, scale), normal({items, rank}, 0, scale), {.trans_b = true}) +
      normal({users, 1}, 3, 0.4) + normal({1, items}, 0, 0.4);
  const Tensor places = slice(permutation(users * items), 0, 0, n);
  const Tensor item = remainder(places, items),
               user = astype(astype(places, DType::f64) / static_cast<double>(items), DType::i64);
  return {user, item, index_select(flatten(score), 0, places) + normal({n}, 0, noise)};
}

Ratings part(const Ratings& r, std::int64_t start, std::int64_t end) {
  return {slice(r.user, 0, start, end), slice(r.item, 0, start, end), slice(r.rating, 0, start, end)};
}

double rmse(const Factors& model, const Ratings& r) {
  const NoGrad guard;
  return std::sqrt(mse_loss(model(r.user, r.item), r.rating).item());
}

Figures train(Run& run) {
  const std::int64_t users = run.count("users"), items = run.count("items");
  const double noise = run.number("noise");
  const auto n = static_cast<std::int64_t>(run.number("known") * static_cast<double>(users * items));
  const std::int64_t held_out = n / 10;
  if (held_out < 1) throw ValueError("no ratings are held out of so few: raise --known, --users or --items");
  const Ratings all = make_ratings(users, items, run.count("true-rank"), n, noise);
  const Ratings known = part(all, held_out, n), test = part(all, 0, held_out);

  Factors model(users, items, run.count("rank"), mean(known.rating).item());
  optim::AdamW opt(model.parameters(), {.lr = run.number("lr"), .weight_decay = run.number("weight-decay")});
  for (const Tensor& table : model.parameters()) opt.update_touched_rows_only(table);
  data::DataLoader loader(data::TensorDataset(known.user, known.item, known.rating),
                          {.batch_size = run.count("batch"), .shuffle = true});
  const std::int64_t epochs = run.count("epochs"), total = epochs * loader.size();
  optim::Scheduler schedule(opt, optim::cosine_annealing_lr(total));
  std::int64_t step = 0;
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    double sum = 0;
    for (const auto& [user, item, rating] : loader) {
      const Tensor loss = mse_loss(model(user, item), rating);
      opt.zero_grad();
      loss.backward();
      opt.step();
      schedule.step();
      sum += loss.item();
      run.step(++step, total, loss.item());
    }
    run.row("epoch", epoch,
            {{"train rmse", std::sqrt(sum / static_cast<double>(loader.size()))},
             {"test rmse", rmse(model, test)}});
  }
  run.weights("factors", model);

  const double reached = rmse(model, test);
  const Tensor guess = full_like(test.rating, model.mean);
  return {{"rmse of the mean", std::sqrt(mse_loss(guess, test.rating).item())},
          {"test rmse", reached},
          {"test rmse / noise", reached / noise}};
}

Step step(const Values& values, std::int64_t batch) {
  const std::int64_t users = values.count("users"), items = values.count("items");
  const Factors model(users, items, values.count("rank"), 3);
  model.named_parameters();  // names them
  const Tensor user = randint(0, users, {batch}).name("user"), item = randint(0, items, {batch}).name("item");
  const Tensor prediction = model(user, item);
  return {{{"user", user}, {"item", item}}, prediction, mse_loss(prediction, uniform({batch}, 1, 5))};
}

constexpr Option kOptions[] = {
    {"epochs", "Passes over the ratings", 20, 1, 1e4, true},
    {"batch", "Ratings a step", 1024, 1, 1e6, true},
    {"lr", "Learning rate of AdamW, falling to 0", 1e-2, 0, 1},
    {"weight-decay", "How strongly features and biases are drawn to 0", 0.1, 0, 10},
    {"rank", "Features of a user or item in the model", 8, 1, 1024, true},
    {"true-rank", "Features that the ratings are made from", 8, 1, 1024, true},
    {"users", "Users", 2000, 1, 2e4, true},
    {"items", "Items", 1000, 1, 5e3, true},
    {"known", "The part of all ratings that is known; a tenth of them is held out for the test", 0.2, 1e-3,
     1},
    {"noise", "Standard deviation of the noise in a rating", 0.3, 0.01, 10},
};
constexpr std::pair<const char*, double> kSmall[] = {{"epochs", 10},   {"batch", 256}, {"rank", 3},
                                                     {"true-rank", 3}, {"users", 300}, {"items", 200},
                                                     {"known", 0.4}};
constexpr Bound kBounds[] = {{"test rmse / noise", 0.95, 1.15}};

}  // namespace

extern const Example matrix_factorization = {
    .title = "Ratings of users and items from a few features of each (embeddings, sparse rows)",
    .data = "",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = step,
};

}  // namespace gradus::zoo
