// Loops over the elements of two tensors, one of which is changed, for what is no step of a fused kernel.
// Internal to optim/.
#pragma once

#include "gradus/base/parallel.h"
#include "gradus/graph/engine_ops.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/tensor.h"

namespace gradus::optim {

// f(double& x, double y) for every element x of `changed` and y of `other`: same shape and dtype, f32 or f64.
// `writer` is a string literal.
template <class F>
void change_by(const Tensor& changed, const Tensor& other, const char* writer, Location where, const F& f) {
  const NoGrad guard;
  const Tensor from = other.is_contiguous() ? other : other.clone_detached();
  const Tensor to = changed.is_contiguous() ? changed : changed.clone_detached();
  const View target = mutate(changed, writer, where);
  const View x = to.view(), y = from.view();
  constexpr std::int64_t kGrain = 32 * 1024;
  const auto run = [&]<class T>(T* a, const T* b) {
    parallel_for(x.numel, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        double value = static_cast<double>(a[i]);
        f(value, static_cast<double>(b[i]));
        a[i] = static_cast<T>(value);
      }
    });
  };
  if (x.dtype == DType::f32)
    run(static_cast<float*>(x.data), static_cast<const float*>(y.data));
  else
    run(static_cast<double*>(x.data), static_cast<const double*>(y.data));
  if (!to.is(changed)) kEngineOps.copy(target, x);
}

}  // namespace gradus::optim
