#include "gradus/tools/train_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/data/checkpoint.h"
#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

constexpr std::int64_t kColumns = 5;  // of a row of the history

Tensor text_tensor(const std::string& text) {
  Tensor t = empty({static_cast<std::int64_t>(text.size())}, DType::u8);
  std::copy(text.begin(), text.end(), t.mutable_span<std::uint8_t>().begin());
  return t;
}

Tensor history_tensor(const std::vector<Epoch>& history) {
  Tensor t = empty({static_cast<std::int64_t>(history.size()), kColumns}, DType::f64);
  auto to = t.mutable_span<double>().begin();
  for (const Epoch& e : history) {
    for (const double v :
         {static_cast<double>(e.epoch), e.train_loss, e.test_loss, e.test_accuracy, e.seconds}) {
      *to++ = v;
    }
  }
  return t;
}

Tensor progress_tensor(const TrainState& s) {
  Tensor t = empty({3}, DType::f64);
  const auto to = t.mutable_span<double>();
  to[0] = s.loss_sum, to[1] = static_cast<double>(s.seen), to[2] = s.seconds;
  return t;
}

}  // namespace

void save_train_state(const std::string& path, const std::string& options, const nn::Module& model,
                      const optim::Optimizer& optimizer, const optim::Scheduler& schedule,
                      const TrainLoader& loader, const TrainState& state) {
  const absl::Status s = data::save_checkpoint(path, {{"model", model.state_dict()},
                                                      {"optimizer", optimizer.state()},
                                                      {"schedule", schedule.state()},
                                                      {"loader", loader.state()},
                                                      {"random", data::random_state()},
                                                      {"run",
                                                       {{"options", text_tensor(options)},
                                                        {"history", history_tensor(state.history)},
                                                        {"epoch", progress_tensor(state)}}}});
  if (!s.ok()) throw UsageError(std::string(s.message()));
}

TrainState load_train_state(const std::string& path, const std::string& options, nn::Module& model,
                            optim::Optimizer& optimizer, optim::Scheduler& schedule, TrainLoader& loader) {
  const absl::StatusOr<data::Checkpoint> file = data::load_checkpoint(path);
  if (!file.ok()) throw UsageError(std::string(file.status().message()));
  const auto entry = [&](std::string_view name, DType dtype) {
    for (const NamedTensor& t : file->part("run")) {
      if (t.name == name && t.tensor.dtype() == dtype) return t.tensor;
    }
    throw UsageError(fmt::format("{}: part \"run\" has no {} of {}", path, name, gradus::name(dtype)));
  };
  const std::vector<std::uint8_t> text = entry("options", DType::u8).to_vector<std::uint8_t>();
  if (const std::string saved(text.begin(), text.end()); saved != options) {
    throw UsageError(
        fmt::format("{}: its run had other options: {}; this one has: {}", path, saved, options));
  }
  const Tensor history = entry("history", DType::f64), progress = entry("epoch", DType::f64);
  if (history.rank() != 2 || history.size(1) != kColumns || progress.numel() != 3) {
    throw UsageError(fmt::format("{}: part \"run\" has another shape than this version writes", path));
  }
  model.load_state_dict(file->part("model"));
  optimizer.load_state(file->part("optimizer"));
  schedule.load_state(file->part("schedule"));
  loader.load_state(file->part("loader"));
  data::load_random_state(file->part("random"));

  TrainState out;
  const std::vector<double> h = history.to_vector<double>(), p = progress.to_vector<double>();
  for (std::size_t i = 0; i < h.size(); i += kColumns) {
    out.history.push_back({static_cast<int>(h[i]), h[i + 1], h[i + 2], h[i + 3], h[i + 4]});
  }
  out.loss_sum = p[0], out.seen = static_cast<std::int64_t>(p[1]), out.seconds = p[2];
  return out;
}

}  // namespace gradus::tools
