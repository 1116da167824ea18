#include "gradus/nn/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>
#include <unordered_set>

#include "gradus/base/format.h"
#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/snapshot.h"
#include "gradus/nn/eval_mode.h"

namespace gradus::nn {
namespace {

// What is recorded below a tensor: operations by sequence number, and the bytes that are kept.
class Recorded {
 public:
  Recorded(const Tensor& y, const std::unordered_set<const void*>& parameters) {
    for (const GraphSnapshot::Node& n : snapshot(y, {.infer_modules = false}).nodes) {
      if (!n.is_leaf()) counts_.emplace_back(n.sequence, n.flops);
    }
    std::vector<Node*> open;
    std::unordered_set<const void*> seen;
    const auto meet = [&](Node* n) {
      if (n != nullptr && seen.insert(n).second) open.push_back(n);
    };
    meet(y.impl()->node);
    while (!open.empty()) {
      Node* n = open.back();
      open.pop_back();
      for (int k = 0; k < n->saved; ++k) {
        const Tensor& t = n->saved_slots()[k].value;
        if (!t.defined() || parameters.contains(t.impl()->storage) || !seen.insert(t.impl()->storage).second)
          continue;
        saved_bytes += static_cast<std::int64_t>(t.impl()->storage->bytes);
      }
      for (std::uint32_t i = 0; i < n->inputs; ++i) meet(n->edges()[i].node());
    }
    std::sort(counts_.begin(), counts_.end());
  }

  // Of nodes with before < sequence <= last.
  double flops(std::uint64_t before, std::uint64_t last) const {
    double sum = 0;
    for (auto it = std::upper_bound(counts_.begin(), counts_.end(), std::pair(before, HUGE_VAL));
         it != counts_.end() && it->first <= last; ++it) {
      sum += it->second;
    }
    return sum;
  }

  std::int64_t saved_bytes = 0;

 private:
  std::vector<std::pair<std::uint64_t, double>> counts_;
};

struct Watch {
  Module* module = nullptr;
  int before = 0, after = 0;  // ids of hooks
  std::vector<std::uint64_t> begins;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> calls;
};

class Watches {
 public:
  std::vector<Watch> all;
  Watches() = default;
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;
  ~Watches() {
    for (const Watch& w : all) {
      w.module->remove_hook(w.before);
      w.module->remove_hook(w.after);
    }
  }
};

// Parameters are tracked meanwhile, so that frozen models are recorded too.
class Tracking {
 public:
  explicit Tracking(const NamedTensors& parameters) {
    for (const NamedTensor& p : parameters) {
      if (p.tensor.requires_grad()) continue;
      frozen_.push_back(p.tensor);
      frozen_.back().requires_grad(true);
    }
  }
  ~Tracking() {
    for (Tensor& t : frozen_) t.requires_grad(false);
  }
  Tracking(const Tracking&) = delete;
  Tracking& operator=(const Tracking&) = delete;

 private:
  std::vector<Tensor> frozen_;
};

std::int64_t bytes_of(const Tensor& t) { return t.numel() * static_cast<std::int64_t>(size_of(t.dtype())); }

std::string with_commas(double x) {
  const std::string digits = fmt::format("{:.0f}", x);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string with_commas(std::int64_t x) { return with_commas(static_cast<double>(x)); }

}  // namespace

namespace summary_internal {

Tensor tracked(const Tensor& t) {
  if (!t.defined() || !is_floating(t.dtype())) return t;
  Tensor leaf = t.detach();
  leaf.requires_grad(true);
  return leaf;
}

Summary summarize(Module& model, FunctionRef<Tensor()> run, Location) {
  Summary s;
  Watches watches;
  for (const auto& [name, module] : model.named_modules()) {
    SummaryRow& row = s.rows.emplace_back();
    row.name = name;
    row.type = module->type_name();
    row.depth = name.empty() ? 0 : 1 + static_cast<int>(std::count(name.begin(), name.end(), '.'));
    row.parameters = module->parameter_count();
    watches.all.emplace_back().module = module;
  }
  for (std::size_t i = 0; i < watches.all.size(); ++i) {
    Watch& w = watches.all[i];
    w.before = w.module->add_forward_pre_hook([&w](const Module&, const Tensor&) {
      w.begins.push_back(graph_internal::thread_state.sequence);
      return Tensor();
    });
    w.after = w.module->add_forward_hook([&w, &s, i](const Module&, const Tensor&, const Tensor& y) {
      SummaryRow& row = s.rows[i];
      ++row.calls;
      row.output = {y.shape()};
      row.dtype = y.dtype();
      row.output_bytes += bytes_of(y);
      if (!w.begins.empty()) {
        w.calls.emplace_back(w.begins.back(), graph_internal::thread_state.sequence);
        w.begins.pop_back();
      }
      return Tensor();
    });
  }

  const NamedTensors parameters = model.named_parameters();
  std::unordered_set<const void*> storages;
  for (const NamedTensor& p : parameters) {
    s.parameters += p.tensor.numel();
    if (p.tensor.requires_grad()) s.trainable_parameters += p.tensor.numel();
    s.parameter_bytes += bytes_of(p.tensor);
    storages.insert(p.tensor.impl()->storage);
  }
  for (const NamedTensor& b : model.named_buffers()) {
    s.buffer_bytes += bytes_of(b.tensor);
    storages.insert(b.tensor.impl()->storage);
  }

  const EvalMode eval(model);
  const EnableGrad recording;
  const Tracking tracking(parameters);
  const std::uint64_t begin = graph_internal::thread_state.sequence;
  const Tensor y = run();
  const std::uint64_t end = graph_internal::thread_state.sequence;
  const Recorded recorded(y, storages);
  s.saved_bytes = recorded.saved_bytes;
  s.flops = recorded.flops(begin, end);
  for (std::size_t i = 0; i < s.rows.size(); ++i) {
    for (const auto& [from, to] : watches.all[i].calls) s.rows[i].flops += recorded.flops(from, to);
  }
  // The model was called, whether its operator() calls hooks or not.
  SummaryRow& whole = s.rows.front();
  if (whole.calls == 0) {
    whole.calls = 1;
    whole.output = {y.shape()};
    whole.dtype = y.dtype();
    whole.output_bytes = bytes_of(y);
    whole.flops = s.flops;
  }
  return s;
}

}  // namespace summary_internal

std::string to_string(const Summary& s) {
  std::vector<std::array<std::string, 5>> lines = {
      {"Layer", "Output", "Parameters", "FLOPs", "Output bytes"}};
  for (const SummaryRow& r : s.rows) {
    const std::string label = r.name.empty() ? r.type : r.name.substr(r.name.rfind('.') + 1) + ": " + r.type;
    std::string shape = "-";
    if (!r.output.empty()) {
      const Shape& o = r.output.front();
      shape =
          fmt::format("{} {}", format_shape({o.data(), static_cast<std::size_t>(o.size())}), name(r.dtype));
    }
    const bool called = r.calls > 0;
    lines.push_back({std::string(static_cast<std::size_t>(2 * r.depth), ' ') + label, shape,
                     with_commas(r.parameters), called ? with_commas(r.flops) : "-",
                     called ? with_commas(r.output_bytes) : "-"});
  }
  std::array<std::size_t, 5> widths{};
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) {
    out += fmt::format("{:<{}}  {:<{}}  {:>{}}  {:>{}}  {:>{}}\n", line[0], widths[0], line[1], widths[1],
                       line[2], widths[2], line[3], widths[3], line[4], widths[4]);
  }
  out += fmt::format("parameters: {} ({} trainable), {} bytes; buffers: {} bytes\n",
                     with_commas(s.parameters), with_commas(s.trainable_parameters),
                     with_commas(s.parameter_bytes), with_commas(s.buffer_bytes));
  out += fmt::format("FLOPs: {}; kept for the backward: {} bytes\n", with_commas(s.flops),
                     with_commas(s.saved_bytes));
  return out;
}

std::ostream& operator<<(std::ostream& out, const Summary& s) { return out << to_string(s); }

}  // namespace gradus::nn
