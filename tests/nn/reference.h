// Cases of tests/nn/data/*.safetensors, which make_torch_data.py wrote with torch: a layer is given torch's
// state by name, and its outputs, gradients and buffers afterwards must be torch's.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gradus/data/format/safetensors.h"
#include "gradus/nn/module.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"

namespace gradus::nn {

inline void expect_near(const Tensor& got, const Tensor& expected, const std::string& what,
                        double tolerance = 1e-12) {
  ASSERT_TRUE(got.defined()) << what;
  ASSERT_TRUE(got.shape() == expected.shape()) << what;
  ASSERT_EQ(got.dtype(), expected.dtype()) << what;
  if (got.dtype() == DType::i64) {
    EXPECT_EQ(got.to_vector<std::int64_t>(), expected.to_vector<std::int64_t>()) << what;
    return;
  }
  const std::vector<double> a = got.to_vector<double>(), b = expected.to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0, std::abs(b[i]))) << what << ", element " << i;
  }
}

class Reference {
 public:
  Reference(const std::string& file, std::string name) : name_(std::move(name)) {
    const auto all = data::load_safetensors(GRADUS_SOURCE_DIR "/tests/nn/data/" + file + ".safetensors");
    EXPECT_TRUE(all.ok()) << all.status();
    const std::string prefix = name_ + "/";
    for (const NamedTensor& t : *all) {
      if (!t.name.starts_with(prefix)) continue;
      tensors_.push_back({t.name.substr(prefix.size()), t.tensor});
      if (tensors_.back().name.starts_with("in.") && t.tensor.dtype() == DType::f64) {
        tensors_.back().tensor.requires_grad(true);
      }
    }
    EXPECT_FALSE(tensors_.empty()) << name_;
  }

  // Those whose names begin with `prefix`, without it.
  NamedTensors below(const std::string& prefix) const {
    NamedTensors out;
    for (const NamedTensor& t : tensors_) {
      if (t.name.starts_with(prefix)) out.push_back({t.name.substr(prefix.size()), t.tensor});
    }
    return out;
  }
  Tensor operator[](const std::string& name) const {
    for (const NamedTensor& t : tensors_) {
      if (t.name == name) return t.tensor;
    }
    ADD_FAILURE() << "no " << name << " in " << name_;
    return {};
  }
  Tensor in(const std::string& name) const { return (*this)["in." + name]; }

  // call() gives the outputs under torch's names.
  template <class M, class F>
  void check(M& m, F call, double tolerance = 1e-12) const {
    SCOPED_TRACE(name_);
    m.load_state_dict(below("state."));
    std::vector<std::string> names, expected;
    for (const NamedTensor& t : m.state_dict()) names.push_back(t.name);
    for (const NamedTensor& t : below("state.")) expected.push_back(t.name);
    EXPECT_THAT(names, ::testing::UnorderedElementsAreArray(expected));

    const std::vector<std::pair<std::string, Tensor>> outputs = call();
    ASSERT_EQ(outputs.size(), below("out.").size());
    Tensor loss;
    for (const auto& [name, y] : outputs) {
      expect_near(y, (*this)["out." + name], "output " + name, tolerance);
      const Tensor part = sum(y * (*this)["seed." + name]);
      loss = loss.defined() ? loss + part : part;
    }
    if (loss.requires_grad()) loss.backward();
    std::map<std::string, Tensor> grads;
    for (const NamedTensor& p : m.named_parameters()) grads[p.name] = p.tensor.grad();
    for (const NamedTensor& g : below("grad.")) {
      expect_near(grads[g.name], g.tensor, "gradient of " + g.name, tolerance);
    }
    for (const NamedTensor& g : below("grad_in.")) {
      expect_near(in(g.name).grad(), g.tensor, "gradient of input " + g.name, tolerance);
    }
    std::map<std::string, Tensor> buffers;
    for (const NamedTensor& b : m.named_buffers()) buffers[b.name] = b.tensor;
    for (const NamedTensor& b : below("after.")) expect_near(buffers[b.name], b.tensor, b.name, tolerance);
  }

  // Of layers that take "x" and give "y".
  template <class M>
  void check(M m, double tolerance = 1e-12) const {
    check(
        m,
        [&] {
          return std::vector<std::pair<std::string, Tensor>>{{"y", m(in("x"))}};
        },
        tolerance);
  }

 private:
  std::string name_;
  NamedTensors tensors_;
};

using Outputs = std::vector<std::pair<std::string, Tensor>>;

// A copy shares nothing with its original, has its values, and its hooks are its own.
template <class M>
void expect_deep_copy(M& m) {
  M copy = m;
  const NamedTensors a = m.state_dict(), b = copy.state_dict();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    expect_near(astype(b[i].tensor, DType::f64), astype(a[i].tensor, DType::f64), a[i].name);
  }
  const std::vector<Tensor> p = m.parameters(), q = copy.parameters();
  ASSERT_EQ(p.size(), q.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    EXPECT_NE(p[i].impl()->storage, q[i].impl()->storage);
    EXPECT_EQ(p[i].requires_grad(), q[i].requires_grad());
  }
  const NamedTensors u = m.named_buffers(), v = copy.named_buffers();
  for (std::size_t i = 0; i < u.size(); ++i)
    EXPECT_NE(u[i].tensor.impl()->storage, v[i].tensor.impl()->storage);
  // Assigning writes into the tensors that are there.
  copy = m;
  for (std::size_t i = 0; i < q.size(); ++i) EXPECT_TRUE(copy.parameters()[i].is(q[i]));
}

// The message of what `f` throws, which must be an E.
template <class E, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace gradus::nn
