#include "gradus/tools/onnx_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "gradus/base/format.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"

namespace gradus::tools {
namespace {

namespace fs = std::filesystem;

bool draws_numbers(const onnx::Model& model) {
  return std::any_of(model.operators().begin(), model.operators().end(), [](const onnx::OperatorCount& o) {
    return o.name.starts_with("Random") || o.name == "Bernoulli" || o.name == "Multinomial" ||
           o.name == "Dropout";
  });
}

Comparison compare_shape(const Tensor& result, const Tensor& expected) {
  Comparison c;
  if (result.dtype() != expected.dtype()) {
    c.difference = fmt::format("{} where {} is expected", name(result.dtype()), name(expected.dtype()));
  } else if (!(result.shape() == expected.shape())) {
    c.difference =
        fmt::format("{} where {} is expected", format_shape(result.shape()), format_shape(expected.shape()));
  }
  c.same = c.difference.empty();
  return c;
}

// Exact where the dtype is one of whole numbers.
Comparison compare_wholes(const Tensor& result, const Tensor& expected) {
  Comparison c;
  const auto x = astype(result, DType::i64).to_vector<std::int64_t>();
  const auto e = astype(expected, DType::i64).to_vector<std::int64_t>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == e[i]) continue;
    c.largest = std::max(c.largest, std::abs(static_cast<double>(x[i]) - static_cast<double>(e[i])));
    if (c.same) c.difference = fmt::format("element {} is {} where {} is expected", i, x[i], e[i]);
    c.same = false;
  }
  return c;
}

Comparison compare_reals(const Tensor& result, const Tensor& expected, Tolerance tolerance) {
  Comparison c;
  // One unit in the last place: ONNX's data is cut off to bfloat16, gradus rounds. ONNX compares the bits
  // with the same tolerance, which is wider.
  if (result.dtype() == DType::bf16) tolerance.rtol = std::max(tolerance.rtol, 0x1p-7);
  const auto x = astype(result, DType::f64).to_vector<double>();
  const auto e = astype(expected, DType::f64).to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == e[i] || (std::isnan(x[i]) && std::isnan(e[i]))) continue;
    const double difference = std::abs(x[i] - e[i]);
    if (std::isfinite(difference)) c.largest = std::max(c.largest, difference);
    if (difference <= tolerance.atol + tolerance.rtol * std::abs(e[i]) && std::isfinite(e[i])) continue;
    if (c.same) c.difference = fmt::format("element {} is {} where {} is expected", i, x[i], e[i]);
    c.same = false;
  }
  return c;
}

struct Failure {
  CaseOutcome outcome;
  std::string why;
};

Failure from(const absl::Status& s) {
  return {absl::IsUnimplemented(s) ? CaseOutcome::unsupported : CaseOutcome::failed,
          std::string(s.message())};
}

// What is wrong with one data set; passed if nothing is.
Failure run_data_set(const onnx::Model& model, const std::string& folder, Tolerance tolerance) {
  auto inputs = load_tensors(folder, "input");
  if (!inputs.ok()) return from(inputs.status());
  for (std::size_t i = 0; i < std::min(inputs->size(), model.inputs().size()); ++i) {
    (*inputs)[i] = with_type((*inputs)[i], model.inputs()[i].type);
  }
  const auto outputs = model.run(*inputs);
  if (!outputs.ok()) return from(outputs.status());
  const auto expected = load_tensors(folder, "output");
  if (!expected.ok()) return from(expected.status());
  if (outputs->size() != expected->size()) {
    return {CaseOutcome::failed,
            fmt::format("{} outputs where {} are expected", outputs->size(), expected->size())};
  }
  CaseOutcome outcome = CaseOutcome::passed;
  for (std::size_t i = 0; i < outputs->size(); ++i) {
    const Tensor wanted = with_type((*expected)[i], model.outputs()[i].type);
    const Comparison c = compare((*outputs)[i], wanted, tolerance);
    if (c.same) continue;
    if (draws_numbers(model) && compare_shape((*outputs)[i], wanted).same) {
      outcome = CaseOutcome::random;
      continue;
    }
    return {CaseOutcome::failed,
            fmt::format("output {} \"{}\": {}", i, model.outputs()[i].name, c.difference)};
  }
  return {outcome, ""};
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> load_tensors(const std::string& folder, const std::string& stem) {
  std::vector<Tensor> all;
  for (int i = 0;; ++i) {
    const std::string path = fmt::format("{}/{}_{}.pb", folder, stem, i);
    if (!fs::exists(path)) return all;
    absl::StatusOr<NamedTensor> t = onnx::load_tensor(path);
    if (!t.ok()) return t.status();
    all.push_back(std::move(t->tensor));
  }
}

Tensor with_type(const Tensor& t, const std::string& type) {
  if (t.dtype() != DType::u16 || type != "bfloat16") return t;
  Tensor out = empty(t.shape(), DType::bf16);
  std::memcpy(out.impl()->data, t.span<std::uint16_t>().data(), static_cast<std::size_t>(t.numel()) * 2);
  return out;
}

Comparison compare(const Tensor& result, const Tensor& expected, Tolerance tolerance) {
  Comparison c = compare_shape(result, expected);
  if (!c.same) return c;
  return is_floating(result.dtype()) ? compare_reals(result, expected, tolerance)
                                     : compare_wholes(result, expected);
}

const char* outcome_name(CaseOutcome o) {
  switch (o) {
    case CaseOutcome::passed:
      return "passed";
    case CaseOutcome::random:
      return "random";
    case CaseOutcome::failed:
      return "failed";
    case CaseOutcome::unsupported:
      return "unsupported";
  }
  return "";
}

CaseResult run_case(const std::string& folder, Tolerance tolerance) {
  CaseResult result;
  result.name = fs::path(folder).filename().string();
  const absl::StatusOr<onnx::Model> model = onnx::load_model(folder + "/model.onnx");
  const auto say = [&](Failure f) {
    result.outcome = f.outcome;
    result.why = std::move(f.why);
    return result;
  };
  if (!model.ok()) return say(from(model.status()));
  for (const onnx::OperatorCount& o : model->operators()) result.operators.push_back(o.name);
  if (const absl::Status s = model->supported(); !s.ok()) return say(from(s));
  std::vector<std::string> sets;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && entry.path().filename().string().starts_with("test_data_set_")) {
      sets.push_back(entry.path().string());
    }
  }
  std::sort(sets.begin(), sets.end());
  if (sets.empty()) return say({CaseOutcome::failed, "there is no test_data_set_0"});
  result.outcome = CaseOutcome::passed;
  for (const std::string& set : sets) {
    Failure f = run_data_set(*model, set, tolerance);
    if (f.outcome == CaseOutcome::passed) continue;
    say(std::move(f));
    if (result.outcome != CaseOutcome::random) break;
  }
  return result;
}

GradientCheck check_gradients(const std::string& folder, const std::vector<int>& constant) {
  using Outcome = GradientCheck::Outcome;
  absl::StatusOr<onnx::Model> model = onnx::load_model(folder + "/model.onnx");
  if (!model.ok()) return {Outcome::wrong, std::string(model.status().message())};
  model->to_f64();
  const auto loaded = load_tensors(folder + "/test_data_set_0", "input");
  if (!loaded.ok()) return {Outcome::wrong, std::string(loaded.status().message())};
  std::vector<Tensor> inputs;
  std::vector<std::size_t> varied;
  std::int64_t elements = 0;
  for (std::size_t i = 0; i < loaded->size(); ++i) {
    if (i >= model->inputs().size()) return {Outcome::wrong, "there are more inputs than the model has"};
    const Tensor t = with_type((*loaded)[i], model->inputs()[i].type);
    inputs.push_back(t.dtype() == DType::f32 ? astype(t, DType::f64) : t);
    const bool fixed = std::find(constant.begin(), constant.end(), static_cast<int>(i)) != constant.end();
    if (fixed || inputs[i].dtype() != DType::f64) continue;
    varied.push_back(i);
    elements += t.numel();
  }
  if (elements == 0) return {};
  bool depends = false;
  const auto run = [&](std::span<const Tensor> x) {
    std::vector<Tensor> all = inputs;
    for (std::size_t k = 0; k < varied.size(); ++k) all[varied[k]] = x[k];
    absl::StatusOr<std::vector<Tensor>> outputs = model->run(all);
    if (!outputs.ok()) throw ValueError(std::string(outputs.status().message()));
    for (const Tensor& y : *outputs) depends |= y.dtype() == DType::f64 && y.requires_grad();
    return *std::move(outputs);
  };
  std::vector<Tensor> at;
  at.reserve(varied.size());
  for (const std::size_t i : varied) at.push_back(inputs[i]);
  constexpr std::int64_t kFew = 64;  // so many inputs are varied one by one
  constexpr std::uint64_t kDirections = 3;
  GradcheckResult result;
  try {
    if (elements <= kFew) {
      result = gradcheck([&](std::span<const Tensor> x) { return run(x); }, at);
    }
    for (std::uint64_t d = 0; elements > kFew && d < kDirections && result.ok; ++d) {
      std::vector<Tensor> directions;
      for (const Tensor& x : at) {
        Generator g{d + 1, 1000 * directions.size()};
        directions.push_back(uniform(x.shape(), -1, 1, {.dtype = DType::f64, .generator = &g}));
      }
      const auto along = [&](std::span<const Tensor> t) {
        std::vector<Tensor> x;
        for (std::size_t k = 0; k < at.size(); ++k) x.push_back(at[k] + directions[k] * t[0]);
        return run(x);
      };
      const Tensor origin[] = {zeros({}, DType::f64)};
      result = gradcheck(along, origin);
    }
  } catch (const Error& e) {
    return {Outcome::wrong, e.what()};
  }
  if (!depends) return {};
  return {result.ok ? Outcome::right : Outcome::wrong, result.message};
}

std::vector<std::string> find_cases(const std::string& root) {
  std::vector<std::string> all;
  std::error_code error;
  if (fs::exists(root + "/model.onnx", error)) all.push_back(root);
  for (fs::recursive_directory_iterator it(root, error), end; it != end && !error; it.increment(error)) {
    if (it->is_directory() && fs::exists(it->path() / "model.onnx", error))
      all.push_back(it->path().string());
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace gradus::tools
