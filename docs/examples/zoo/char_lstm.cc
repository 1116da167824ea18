// A recurrent network that learns to write, character by character, what comes next in a text:
//   h, c = lstm(embedding[x], h, c);  scores = head(h)
// The text is read as `batch-size` strands side by side, `unroll` characters a step. The state is carried
// from step to step, but gradients end where a step began (truncated back-propagation through time), so that
// what the network remembers may be older than what it learns from at once. Sources: S. Hochreiter, J.
// Schmidhuber: "Long short-term memory", 1997; R. Williams, J. Peng: "An efficient gradient-based algorithm
// for on-line training of recurrent network trajectories", 1990; A. Graves: "Generating sequences with
// recurrent neural networks", 2013.
//
//   gradus train char-lstm
//
// learns from 1.1 million characters of the King James Bible. After 4 passes (170 seconds of a busy core) the
// loss on text that it has not seen is 1.161 nats, 1.67 bits a character.
#include <cmath>
#include <vector>

#include "gradus/docs/examples/zoo/corpus.h"
#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {
namespace {

// The state between two calls, [layers, N, hidden]; undefined at the start of a text: zeros.
struct State {
  Tensor h, c;
};

struct CharLstm : nn::Module {
  nn::Embedding embedding;
  nn::LSTM lstm;
  nn::Linear head;
  GRADUS_MEMBERS(embedding, lstm, head)

  CharLstm(std::int64_t vocabulary, std::int64_t width, std::int64_t hidden, std::int64_t layers)
      : embedding(vocabulary, width),
        lstm(width, hidden, {.num_layers = layers, .batch_first = true}),
        head(hidden, vocabulary) {}

  // Codes [N, T] -> scores of the next ones [N, T, vocabulary]; the state moves on by T characters.
  Tensor operator()(const Tensor& codes, State& state) const {
    const LstmResult r = lstm(embedding(codes), {.h0 = state.h, .c0 = state.c});
    state = {r.h_n.detach(), r.c_n.detach()};
    return head(r.output);
  }
};

// `options` is a Run or Values.
template <class Options>
CharLstm model_of(const Options& options, std::int64_t vocabulary) {
  return {vocabulary, options.count("width"), options.count("hidden"), options.count("layers")};
}

// A text cut into strands of equal length: x [N, T], and y, which is one character further.
struct Strands {
  Strands(const Tensor& codes, std::int64_t n) {
    const std::int64_t length = (codes.numel() - 1) / n;
    x = reshape(slice(codes, 0, 0, n * length), {n, length});
    y = reshape(slice(codes, 0, 1, n * length + 1), {n, length});
  }
  Tensor x, y;
};

Tensor loss_of(const Tensor& scores, const Tensor& y) {
  return cross_entropy(flatten(scores, 0, 1), flatten(y));
}

double test_loss(const CharLstm& model, const Strands& text, std::int64_t unroll) {
  const NoGrad no_grad;
  State state;
  double sum = 0;
  for (std::int64_t t = 0; t < text.x.size(1); t += unroll) {
    const Tensor y = slice(text.y, 1, t, t + unroll);
    const Tensor scores = model(slice(text.x, 1, t, t + unroll), state);
    sum += loss_of(scores, y).item<double>() * static_cast<double>(y.numel());
  }
  return sum / static_cast<double>(text.y.numel());
}

// Writes behind a line break (code 0, as the smallest); each character that it writes is what it reads next.
std::string write(const CharLstm& model, const data::Vocabulary& vocabulary, std::int64_t length,
                  double temperature) {
  const NoGrad no_grad;
  State state;
  std::vector<std::int64_t> text = {0};
  while (static_cast<std::int64_t>(text.size()) <= length) {
    const Tensor scores = model(full({1, 1}, text.back(), DType::i64), state);
    text.push_back(draw_code(flatten(scores), temperature));
  }
  return vocabulary.decode(tensor(std::vector(text.begin() + 1, text.end()), {length}));
}

Figures train(Run& run) {
  const std::int64_t n = run.count("batch-size"), unroll = run.count("unroll");
  const Corpus corpus = load_corpus(run.data(), run.count("characters"), n + 1);
  const Strands text(corpus.train, n), test(corpus.test, n);
  CharLstm model = model_of(run, corpus.vocabulary.size());
  optim::Adam opt(model.parameters(), {.lr = run.number("lr")});

  const std::int64_t length = text.x.size(1), steps = (length + unroll - 1) / unroll;
  const std::int64_t epochs = run.count("epochs");
  optim::Scheduler schedule(opt, optim::cosine_annealing_lr(epochs * steps));
  double loss_on_test = 0;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    State state;
    double sum = 0;
    for (std::int64_t i = 0; i < steps; ++i) {
      const std::int64_t t = i * unroll;
      const Tensor scores = model(slice(text.x, 1, t, t + unroll), state);
      const Tensor loss = loss_of(scores, slice(text.y, 1, t, t + unroll));
      opt.zero_grad();
      loss.backward();
      optim::clip_grad_norm_(model.parameters(), run.number("clip"));
      opt.step();
      schedule.step();
      sum += loss.item<double>();
      run.step(epoch * steps + i + 1, epochs * steps, loss.item<double>());
    }
    loss_on_test = test_loss(model, test, unroll);
    run.row("epoch", epoch + 1,
            {{"train loss", sum / static_cast<double>(steps)}, {"test loss", loss_on_test}});
  }
  run.text("sample", write(model, corpus.vocabulary, run.count("sample-length"), run.number("temperature")));
  run.weights("weights", model);
  return {{"test loss", loss_on_test}, {"bits per character", loss_on_test / std::log(2.0)}};
}

Step step(const Values& values, std::int64_t batch) {
  constexpr std::int64_t kVocabulary = 64;
  const Shape shape = {batch, values.count("unroll")};
  const Tensor codes = randint(0, kVocabulary, shape).name("codes");
  const Tensor next = randint(0, kVocabulary, shape).name("next");
  const CharLstm model = model_of(values, kVocabulary);
  model.named_parameters();  // gives them their names
  State state;
  Tensor scores = model(codes, state).name("scores");
  Tensor loss = loss_of(scores, next).name("loss");
  return {.inputs = {{"codes", codes}}, .prediction = std::move(scores), .loss = std::move(loss)};
}

constexpr Option kOptions[] = {
    {"layers", "LSTMs on top of each other", 1, 1, 100, true},
    {"width", "Numbers a character", 64, 1, 65536, true},
    {"hidden", "Units of each LSTM", 256, 1, 65536, true},
    {"batch-size", "Strands of the text that are read side by side", 32, 1, 65536, true},
    {"unroll", "Characters a step, as far as gradients go back", 64, 1, 65536, true},
    {"epochs", "Passes over the text", 4, 1, 1e6, true},
    {"lr", "Learning rate at the start; it falls as a cosine", 4e-3, 0, 10},
    {"clip", "Largest norm of all gradients", 1, 0, 1e9},
    {"characters", "Characters of the text to learn from and to test on; 0: all", 1115394, 0, 1e9, true},
    {"sample-length", "Characters to write in the end", 500, 1, 1e6, true},
    {"temperature", "Divides the scores when writing; 0: the likeliest character", 0.8, 0, 100},
};
constexpr std::pair<const char*, double> kSmall[] = {
    {"hidden", 48}, {"width", 16}, {"batch-size", 16},    {"unroll", 32},
    {"epochs", 2},  {"lr", 1e-2},  {"characters", 60000}, {"sample-length", 100}};
// Better than the frequencies of pairs of characters, which give 2.25.
constexpr Bound kBounds[] = {{"test loss", 1.0, 2.2}};

}  // namespace

extern const Example char_lstm = {.title = "An LSTM that learns to write the King James Bible",
                                  .data = "bible-kjv",
                                  .options = kOptions,
                                  .small = kSmall,
                                  .bounds = kBounds,
                                  .train = train,
                                  .step = step};

}  // namespace gradus::zoo
