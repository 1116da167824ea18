#include "written.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "gradus/base/file.h"
#include "gradus/base/format.h"
#include "gradus/data/format/onnx/model.h"
#include "gradus/data/format/onnx/proto.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/elementwise.h"

namespace gradus::onnx {
namespace {

struct Tolerance {
  double relative, absolute;
};

Tolerance tolerance(DType t) {
  switch (t) {
    case DType::f64:
      return {1e-10, 1e-12};
    case DType::f32:
      return {2e-5, 2e-6};
    case DType::f16:
      return {0x1p-9, 2e-4};
    default:
      return {0x1p-6, 2e-3};
  }
}

}  // namespace

std::string objections(const std::string& bytes) {
  ::onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) return "it cannot be parsed";
  try {
    ::onnx::checker::check_model(model);
    // Types are checked and every shape must be found.
    ::onnx::shape_inference::InferShapes(model, ::onnx::OpSchemaRegistry::Instance(), {true, 1, true});
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

std::string difference(const Tensor& result, const Tensor& given) {
  // u64 is read as i64.
  const Tensor expected = given.dtype() == DType::u64 ? astype(given, DType::i64) : given;
  if (result.dtype() != expected.dtype() || result.shape() != expected.shape()) {
    const Shape a = result.shape(), b = expected.shape();
    return fmt::format("{} {} where {} {} is expected",
                       format_shape({a.data(), static_cast<std::size_t>(a.rank())}), name(result.dtype()),
                       format_shape({b.data(), static_cast<std::size_t>(b.rank())}), name(expected.dtype()));
  }
  if (!is_floating(result.dtype())) {
    const auto x = astype(result, DType::i64).to_vector<std::int64_t>();
    const auto y = astype(expected, DType::i64).to_vector<std::int64_t>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] != y[i]) return fmt::format("element {} is {} where {} is expected", i, x[i], y[i]);
    }
    return "";
  }
  const Tolerance allowed = tolerance(result.dtype());
  const auto x = astype(result, DType::f64).to_vector<double>();
  const auto y = astype(expected, DType::f64).to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    if (std::abs(x[i] - y[i]) <= allowed.absolute + allowed.relative * std::abs(y[i]) &&
        std::isfinite(y[i])) {
      continue;
    }
    return fmt::format("element {} is {} where {} is expected", i, x[i], y[i]);
  }
  return "";
}

std::string run_and_compare(const std::string& bytes, const std::vector<Tensor>& inputs,
                            const std::vector<Tensor>& expected) {
  const NoGrad no_grad;
  const auto model = parse_model(bytes, "written.onnx");
  if (!model.ok()) return std::string(model.status().message());
  std::vector<Tensor> given;
  given.reserve(inputs.size());
  for (const Tensor& t : inputs) given.push_back(t.dtype() == DType::u64 ? astype(t, DType::i64) : t);
  const auto outputs = model->run(given);
  if (!outputs.ok()) return std::string(outputs.status().message());
  if (outputs->size() != expected.size()) return fmt::format("{} outputs", outputs->size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string d = difference((*outputs)[i], expected[i]);
    if (!d.empty()) return fmt::format("output {}: {}", i, d);
  }
  return "";
}

void keep_case(const std::string& name, const std::string& bytes, const std::vector<Tensor>& inputs,
               const std::vector<Tensor>& expected) {
  const char* root = std::getenv("GRADUS_ONNX_CASES");
  if (root == nullptr) return;
  const std::string folder = fmt::format("{}/{}", root, name), set = folder + "/test_data_set_0";
  ASSERT_TRUE(make_folder(set).ok());
  // Not by write_file(): thousands of small files are not worth the wait for the disk.
  const auto write = [](const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  };
  const auto write_tensors = [&](const char* stem, const std::vector<Tensor>& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      pb::TensorProto proto;
      encode_tensor(tensors[i], proto);
      write(fmt::format("{}/{}_{}.pb", set, stem, i), to_bytes(proto));
    }
  };
  write(folder + "/model.onnx", bytes);
  write_tensors("input", inputs);
  write_tensors("output", expected);
}

}  // namespace gradus::onnx
