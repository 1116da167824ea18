// A small GPT, a transformer that learns to write, character by character, what comes next in a text:
//   h = tokens[x] + positions
//   h = h + attention(norm1(h));  h = h + down(gelu(up(norm2(h))))        for each block
//   scores = norm(h) tokens^T
// A character sees those before it and itself (causal attention), so one pass over a window of n characters
// gives n predictions to learn from. Sources: A. Vaswani et al.: "Attention is all you need", 2017; A.
// Radford et al.: "Language models are unsupervised multitask learners", 2019, for the norm in front of each
// part, the shared table of tokens and the initial values. Settings for characters: A. Karpathy's nanoGPT, on
// a CPU.
//
//   gradus train gpt
//
// learns from 1.1 million characters of the King James Bible. FIGURES
#include <algorithm>
#include <cmath>
#include <vector>

#include "gradus/docs/examples/zoo/corpus.h"
#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {
namespace {

struct Sizes {
  std::int64_t vocabulary, layers, heads, width, block;
  double dropout;
};

// With a cache the first call takes the text so far and each later one a single character, whose keys and
// values are put behind those that are there.
struct Attention : nn::Module {
  nn::Linear query, key, value, out;
  GRADUS_MEMBERS(query, key, value, out)

  explicit Attention(const Sizes& s)
      : query(s.width, s.width),
        key(s.width, s.width),
        value(s.width, s.width),
        out(s.width, s.width),
        heads(s.heads),
        dropout(s.dropout) {}

  Tensor operator()(const Tensor& x, nn::KeyValueCache* cache) const {
    // [N, T, width] -> [N, heads, T, width / heads]
    const auto split = [&](const Tensor& t) {
      return transpose(reshape(t, {t.size(0), t.size(1), heads, -1}), 1, 2);
    };
    const Tensor q = split(query(x));
    Tensor k = split(key(x)), v = split(value(x));
    const bool first = cache == nullptr || cache->length() == 0;
    if (!first) {
      k = concat({cache->key, k}, 2);
      v = concat({cache->value, v}, 2);
    }
    if (cache != nullptr) *cache = {.key = k, .value = v};
    const Tensor y =
        scaled_dot_product_attention(q, k, v, {.dropout_p = training() ? dropout : 0, .is_causal = first});
    return out(reshape(transpose(y, 1, 2), x.shape()));
  }

  std::int64_t heads;
  double dropout;
};

struct Block : nn::Module {
  nn::LayerNorm norm1, norm2;
  Attention attention;
  nn::Linear up, down;
  nn::Dropout dropout;
  GRADUS_MEMBERS(norm1, attention, norm2, up, down, dropout)

  explicit Block(const Sizes& s)
      : norm1({s.width}),
        norm2({s.width}),
        attention(s),
        up(s.width, 4 * s.width),
        down(4 * s.width, s.width),
        dropout(s.dropout) {}

  Tensor operator()(const Tensor& x, nn::KeyValueCache* cache) const {
    const Tensor h = x + dropout(attention(norm1(x), cache));
    return h + dropout(down(gelu(up(norm2(h)))));
  }
};

struct Gpt : nn::Module {
  nn::Embedding tokens;
  nn::LearnedPositions positions;
  nn::Dropout dropout;
  std::vector<Block> blocks;
  nn::LayerNorm norm;
  GRADUS_MEMBERS(tokens, positions, dropout, blocks, norm)

  explicit Gpt(const Sizes& s)
      : tokens(s.vocabulary, s.width),
        positions(s.width, {.max_len = s.block, .batch_first = true}),
        dropout(s.dropout),
        norm({s.width}) {
    for (std::int64_t i = 0; i < s.layers; ++i) blocks.emplace_back(s);
    // Each block adds to h twice; the smaller weights keep its variance from growing with their number.
    const double last = 0.02 / std::sqrt(2.0 * static_cast<double>(s.layers));
    for (const auto& [name, p] : named_parameters()) {
      const bool adds = name.ends_with("out.weight") || name.ends_with("down.weight");
      if (p.rank() == 2) nn::init::normal_(p, 0, adds ? last : 0.02);
      if (name.ends_with("bias")) nn::init::zeros_(p);
    }
  }

  // Codes [N, T] -> scores of the next ones [N, T, vocabulary]. With caches, one a block, T counts what is
  // new.
  Tensor operator()(const Tensor& codes, std::vector<nn::KeyValueCache>* caches = nullptr) const {
    const std::int64_t past = caches != nullptr ? caches->front().length() : 0;
    Tensor h = dropout(positions(tokens(codes), past));
    for (std::size_t i = 0; i < blocks.size(); ++i)
      h = blocks[i](h, caches != nullptr ? &(*caches)[i] : nullptr);
    return linear(norm(h), tokens.weight);
  }
};

// The mean over all characters of y, [N, T] as x, in nats.
Tensor loss_of(const Tensor& scores, const Tensor& y) {
  return cross_entropy(flatten(scores, 0, 1), flatten(y));
}

// Over all of the text, cut into windows that do not overlap; the last, shorter one is left out.
double validation_loss(Gpt& model, const Tensor& codes, std::int64_t block) {
  const NoGrad no_grad;
  const nn::EvalMode eval(model);
  const std::int64_t windows = (codes.numel() - 1) / block;
  const Tensor x = reshape(slice(codes, 0, 0, windows * block), {windows, block});
  const Tensor y = reshape(slice(codes, 0, 1, windows * block + 1), {windows, block});
  double sum = 0;
  for (auto&& [xs, ys] : data::DataLoader(data::TensorDataset({x, y}), {.batch_size = 64}))
    sum += loss_of(model(xs), ys).item<double>() * static_cast<double>(xs.size(0));
  return sum / static_cast<double>(windows);
}

// Writes behind a line break (code 0, as the smallest). When the window is full, it goes on behind its second
// half.
std::string write(Gpt& model, const data::Vocabulary& vocabulary, const Run& run) {
  const NoGrad no_grad;
  const nn::EvalMode eval(model);
  const std::int64_t block = run.count("block"), length = run.count("sample-length");
  std::vector<std::int64_t> text = {0};
  std::vector<nn::KeyValueCache> caches(model.blocks.size());
  while (static_cast<std::int64_t>(text.size()) <= length) {
    std::int64_t added = 1;
    if (caches.front().length() == block) {
      caches.assign(model.blocks.size(), {});
      added = std::max<std::int64_t>(block / 2, 1);
    }
    const Tensor last = tensor(std::vector(text.end() - added, text.end()), {1, added});
    const Tensor scores = model(last, &caches);
    text.push_back(
        draw_code(flatten(slice(scores, 1, added - 1)), run.number("temperature"), run.count("top-k")));
  }
  return vocabulary.decode(tensor(std::vector(text.begin() + 1, text.end()), {length}));
}

// `options` is a Run or Values.
template <class Options>
Sizes sizes_of(const Options& options, std::int64_t vocabulary) {
  const Sizes s{.vocabulary = vocabulary,
                .layers = options.count("layers"),
                .heads = options.count("heads"),
                .width = options.count("width"),
                .block = options.count("block"),
                .dropout = options.number("dropout")};
  if (s.width % s.heads != 0) {
    throw ValueError("--heads " + std::to_string(s.heads) + " do not divide --width " +
                     std::to_string(s.width) + ": give a width that is a multiple of them");
  }
  return s;
}

// Only matrices decay.
optim::AdamW optimizer_of(const Gpt& model, const Run& run) {
  std::vector<Tensor> matrices, vectors;
  for (const Tensor& p : model.parameters()) (p.rank() > 1 ? matrices : vectors).push_back(p);
  return optim::AdamW({{.params = matrices, .weight_decay = run.number("weight-decay")},
                       {.params = vectors, .weight_decay = 0}},
                      {.lr = run.number("lr"), .betas = {0.9, 0.99}});
}

Figures train(Run& run) {
  const std::int64_t block = run.count("block"), steps = run.count("steps"), warm_up = run.count("warm-up");
  if (warm_up >= steps) throw ValueError("--warm-up takes all the --steps: make it smaller than these");
  const Corpus corpus = load_corpus(run.data(), run.count("characters"), block + 1);
  Gpt model(sizes_of(run, corpus.vocabulary.size()));
  optim::AdamW opt = optimizer_of(model, run);
  optim::Scheduler schedule(
      opt, optim::warmup_lr(warm_up, optim::cosine_annealing_lr(steps - warm_up, run.number("min-lr")),
                            1.0 / static_cast<double>(warm_up + 1)));
  data::DataLoader windows(data::TextWindows(corpus.train, block),
                           {.batch_size = run.count("batch-size"), .shuffle = true});

  double valid = 0, sum = 0;
  std::int64_t step = 0, counted = 0;
  while (step < steps) {
    for (auto&& [x, y] : windows) {
      const Tensor loss = loss_of(model(x), y);
      opt.zero_grad();
      loss.backward();
      optim::clip_grad_norm_(model.parameters(), run.number("clip"));
      opt.step();
      schedule.step();
      sum += loss.item<double>();
      ++counted;
      run.step(++step, steps, loss.item<double>());
      if (step % run.count("eval-interval") == 0 || step == steps) {
        valid = validation_loss(model, corpus.test, block);
        run.row("step", step,
                {{"train loss", sum / static_cast<double>(counted)}, {"validation loss", valid}});
        sum = 0, counted = 0;
      }
      if (step == steps) break;
    }
  }
  run.text("sample", write(model, corpus.vocabulary, run));
  run.weights("weights", model);
  return {{"validation loss", valid}, {"bits per character", valid / std::log(2.0)}};
}

Step step(const Values& values, std::int64_t batch) {
  constexpr std::int64_t kVocabulary = 64;
  const Shape shape = {batch, values.count("block")};
  const Tensor codes = randint(0, kVocabulary, shape).name("codes");
  const Tensor next = randint(0, kVocabulary, shape).name("next");
  const Gpt model(sizes_of(values, kVocabulary));
  Tensor scores = model(codes).name("scores");
  Tensor loss = loss_of(scores, next).name("loss");
  return {.inputs = {{"codes", codes}}, .prediction = std::move(scores), .loss = std::move(loss)};
}

constexpr Option kOptions[] = {
    {"layers", "Blocks", 4, 1, 1000, true},
    {"heads", "Heads of each attention", 4, 1, 1024, true},
    {"width", "Numbers a character, a multiple of the heads", 128, 1, 65536, true},
    {"block", "Characters that the model sees at a time", 64, 1, 65536, true},
    {"dropout", "Probability to drop a number, in training", 0, 0, 0.99},
    {"batch-size", "Windows a step", 12, 1, 65536, true},
    {"steps", "Steps of the optimizer", 2000, 1, 1e9, true},
    {"lr", "Highest learning rate", 1e-3, 0, 10},
    {"min-lr", "Learning rate of the last step", 1e-4, 0, 10},
    {"warm-up", "Steps in which the learning rate rises", 100, 0, 1e9, true},
    {"weight-decay", "Decay of matrices", 0.1, 0, 10},
    {"clip", "Largest norm of all gradients", 1, 0, 1e9},
    {"characters", "Characters of the text to learn from and to test on; 0: all", 1115394, 0, 1e9, true},
    {"eval-interval", "Steps between tests", 500, 1, 1e9, true},
    {"sample-length", "Characters to write in the end", 500, 1, 1e6, true},
    {"temperature", "Divides the scores when writing; 0: the likeliest character", 0.8, 0, 100},
    {"top-k", "Writes one of this many likeliest characters; 0: any", 0, 0, 1e6, true},
};
constexpr std::pair<const char*, double> kSmall[] = {
    {"layers", 2},     {"heads", 2},     {"width", 32},          {"block", 32},
    {"steps", 600},    {"lr", 5e-3},     {"warm-up", 20},        {"characters", 100000},
    {"batch-size", 8}, {"min-lr", 1e-3}, {"eval-interval", 600}, {"sample-length", 100}};
// Better than the frequencies of pairs of characters, which give 2.24.
constexpr Bound kBounds[] = {{"validation loss", 1.0, 2.2}};

}  // namespace

extern const Example gpt = {.title = "A small GPT that learns to write the King James Bible",
                            .data = "bible-kjv",
                            .options = kOptions,
                            .small = kSmall,
                            .bounds = kBounds,
                            .train = train,
                            .step = step};

}  // namespace gradus::zoo
