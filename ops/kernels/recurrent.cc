#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/recurrent.cc"
#include "gradus/ops/kernels/recurrent.h"

#include <algorithm>

#include "gradus/ops/kernels/math-inl.h"

GRADUS_SIMD_BEGIN

// Reads and writes of one place of a row: a whole vector, or the first `count` lanes of one.
template <class T, bool kWhole>
struct Access {
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  D d;
  std::size_t count;

  HWY_INLINE V load(const T* p) const {
    if constexpr (kWhole)
      return hn::LoadU(d, p);
    else
      return load_first(d, p, count);
  }
  HWY_INLINE void store(V v, T* p) const {
    if constexpr (kWhole)
      hn::StoreU(v, d, p);
    else
      store_first(v, d, p, count);
  }
  // a + b, each of which may be missing.
  HWY_INLINE V sum(const T* a, const T* b, std::int64_t at) const {
    if (a == nullptr) return b == nullptr ? hn::Zero(d) : load(b + at);
    return b == nullptr ? load(a + at) : hn::Add(load(a + at), load(b + at));
  }
  HWY_INLINE V add_if(V v, const T* p, std::int64_t at) const {
    return p == nullptr ? v : hn::Add(v, load(p + at));
  }
};

// step(access, row, unit) over all rows.
template <class T, class Step>
HWY_INLINE void each_unit(std::int64_t rows, std::int64_t hidden, const Step& step) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int64_t j = 0;
    const Access<T, true> whole{d, 0};
    for (; j + lanes <= hidden; j += lanes) step(whole, r, j);
    if (j < hidden) step(Access<T, false>{d, static_cast<std::size_t>(hidden - j)}, r, j);
  }
}

template <class T>
struct LstmForward {
  const LstmStep& s;
  template <class A>
  HWY_INLINE void operator()(const A& at, std::int64_t r, std::int64_t j) const {
    const auto d = at.d;
    const std::int64_t h = s.hidden, unit = r * h + j, gate = 4 * r * h + j;
    const T *pre = static_cast<const T*>(s.pre), *bias = static_cast<const T*>(s.bias);
    T* gates = static_cast<T*>(s.gates);
    const auto i = math::Sigmoid(d, at.add_if(at.load(pre + gate), bias, j));
    const auto f = math::Sigmoid(d, at.add_if(at.load(pre + gate + h), bias, j + h));
    const auto g = math::Tanh(d, at.add_if(at.load(pre + gate + 2 * h), bias, j + 2 * h));
    const auto o = math::Sigmoid(d, at.add_if(at.load(pre + gate + 3 * h), bias, j + 3 * h));
    const auto c = hn::MulAdd(f, at.load(static_cast<const T*>(s.c_prev) + unit), hn::Mul(i, g));
    at.store(i, gates + gate);
    at.store(f, gates + gate + h);
    at.store(g, gates + gate + 2 * h);
    at.store(o, gates + gate + 3 * h);
    at.store(c, static_cast<T*>(s.c) + unit);
    at.store(hn::Mul(o, math::Tanh(d, c)), static_cast<T*>(s.h) + unit);
  }
};

// v (1 - v) and 1 - v^2: the derivatives of sigmoid and tanh from their values.
template <class D, class V>
HWY_INLINE V sigmoid_slope(D d, V v) {
  return hn::Mul(v, hn::Sub(math::Const(d, 1), v));
}
template <class D, class V>
HWY_INLINE V tanh_slope(D d, V v) {
  return hn::NegMulAdd(v, v, math::Const(d, 1));
}

template <class T>
struct LstmBackward {
  const LstmStepBackward& s;
  template <class A>
  HWY_INLINE void operator()(const A& at, std::int64_t r, std::int64_t j) const {
    const auto d = at.d;
    const std::int64_t h = s.hidden, unit = r * h + j, gate = 4 * r * h + j;
    const T *gates = static_cast<const T*>(s.gates), *extra = static_cast<const T*>(s.g_gates);
    T* da = static_cast<T*>(s.da);
    const auto i = at.load(gates + gate), f = at.load(gates + gate + h), g = at.load(gates + gate + 2 * h),
               o = at.load(gates + gate + 3 * h);
    const auto c_prev = at.load(static_cast<const T*>(s.c_prev) + unit);
    const auto tc = math::Tanh(d, at.load(static_cast<const T*>(s.c) + unit));
    const auto dh = at.sum(static_cast<const T*>(s.gh), static_cast<const T*>(s.dh), unit);
    const auto dc = hn::MulAdd(hn::Mul(dh, o), tanh_slope(d, tc),
                               at.sum(static_cast<const T*>(s.gc), static_cast<const T*>(s.dc), unit));
    const auto di = at.add_if(hn::Mul(dc, g), extra, gate);
    const auto df = at.add_if(hn::Mul(dc, c_prev), extra, gate + h);
    const auto dg = at.add_if(hn::Mul(dc, i), extra, gate + 2 * h);
    const auto d_o = at.add_if(hn::Mul(dh, tc), extra, gate + 3 * h);
    at.store(hn::Mul(di, sigmoid_slope(d, i)), da + gate);
    at.store(hn::Mul(df, sigmoid_slope(d, f)), da + gate + h);
    at.store(hn::Mul(dg, tanh_slope(d, g)), da + gate + 2 * h);
    at.store(hn::Mul(d_o, sigmoid_slope(d, o)), da + gate + 3 * h);
    at.store(hn::Mul(dc, f), static_cast<T*>(s.dc_prev) + unit);
  }
};

template <class T>
struct GruForward {
  const GruStep& s;
  template <class A>
  HWY_INLINE void operator()(const A& at, std::int64_t r, std::int64_t j) const {
    const auto d = at.d;
    const std::int64_t h = s.hidden, unit = r * h + j;
    const T *bias_i = static_cast<const T*>(s.bias_i), *bias_h = static_cast<const T*>(s.bias_h);
    const T* pre_i = static_cast<const T*>(s.pre_i) + r * s.ld_i;
    const T* pre_h = static_cast<const T*>(s.pre_h) + 3 * r * h;
    T* gates = static_cast<T*>(s.gates) + 4 * r * h;
    const auto input = [&](std::int64_t k) HWY_ATTR { return at.add_if(at.load(pre_i + k), bias_i, k); };
    const auto state = [&](std::int64_t k) HWY_ATTR { return at.add_if(at.load(pre_h + k), bias_h, k); };
    const auto reset = math::Sigmoid(d, hn::Add(input(j), state(j)));
    const auto z = math::Sigmoid(d, hn::Add(input(j + h), state(j + h)));
    const auto m = state(j + 2 * h);
    const auto n = math::Tanh(d, hn::MulAdd(reset, m, input(j + 2 * h)));
    at.store(reset, gates + j);
    at.store(z, gates + j + h);
    at.store(n, gates + j + 2 * h);
    at.store(m, gates + j + 3 * h);
    const auto h_prev = at.load(static_cast<const T*>(s.h_prev) + unit);
    at.store(hn::MulAdd(z, hn::Sub(h_prev, n), n), static_cast<T*>(s.h) + unit);
  }
};

template <class T>
struct GruBackward {
  const GruStepBackward& s;
  template <class A>
  HWY_INLINE void operator()(const A& at, std::int64_t r, std::int64_t j) const {
    const auto d = at.d;
    const std::int64_t h = s.hidden, unit = r * h + j, gate = 4 * r * h + j, half = 3 * r * h + j;
    const T *gates = static_cast<const T*>(s.gates), *extra = static_cast<const T*>(s.g_gates);
    const auto reset = at.load(gates + gate), z = at.load(gates + gate + h),
               n = at.load(gates + gate + 2 * h), m = at.load(gates + gate + 3 * h);
    const auto h_prev = at.load(static_cast<const T*>(s.h_prev) + unit);
    const auto dh = at.sum(static_cast<const T*>(s.gh), static_cast<const T*>(s.dh), unit);
    const auto dn = at.add_if(hn::NegMulAdd(dh, z, dh), extra, gate + 2 * h);
    const auto dz = at.add_if(hn::Mul(dh, hn::Sub(h_prev, n)), extra, gate + h);
    const auto an = hn::Mul(dn, tanh_slope(d, n));
    const auto az = hn::Mul(dz, sigmoid_slope(d, z));
    const auto ar = hn::Mul(at.add_if(hn::Mul(an, m), extra, gate), sigmoid_slope(d, reset));
    const auto am = at.add_if(hn::Mul(an, reset), extra, gate + 3 * h);
    T *da_i = static_cast<T*>(s.da_i) + half, *da_h = static_cast<T*>(s.da_h) + half;
    at.store(ar, da_i);
    at.store(az, da_i + h);
    at.store(an, da_i + 2 * h);
    at.store(ar, da_h);
    at.store(az, da_h + h);
    at.store(am, da_h + 2 * h);
    at.store(hn::Mul(dh, z), static_cast<T*>(s.dh_prev) + unit);
  }
};

template <class T>
struct RnnForward {
  const RnnStep& s;
  template <class A>
  HWY_INLINE void operator()(const A& at, std::int64_t r, std::int64_t j) const {
    const auto d = at.d;
    T* h = static_cast<T*>(s.h) + r * s.hidden + j;
    const auto x = at.add_if(at.load(h), static_cast<const T*>(s.bias), j);
    at.store(s.relu ? math::Max(d, x, hn::Zero(d)) : math::Tanh(d, x), h);
  }
};

template <class T>
struct RnnBackward {
  const RnnStepBackward& s;
  template <class A>
  HWY_INLINE void operator()(const A& at, std::int64_t r, std::int64_t j) const {
    const auto d = at.d;
    const std::int64_t unit = r * s.hidden + j;
    const auto h = at.load(static_cast<const T*>(s.h) + unit);
    const auto dh = at.sum(static_cast<const T*>(s.gh), static_cast<const T*>(s.dh), unit);
    // A NaN lets its cotangent through, as relu() does.
    const auto da = s.relu ? hn::IfThenZeroElse(hn::Le(h, hn::Zero(d)), dh) : hn::Mul(dh, tanh_slope(d, h));
    at.store(da, static_cast<T*>(s.da) + unit);
  }
};

template <template <class> class Step, class S>
void run(DType dtype, const S& s) {
  if (dtype == DType::f32)
    each_unit<float>(s.rows, s.hidden, Step<float>{s});
  else
    each_unit<double>(s.rows, s.hidden, Step<double>{s});
}

void lstm_forward(DType dtype, const LstmStep& s) { run<LstmForward>(dtype, s); }
void lstm_backward(DType dtype, const LstmStepBackward& s) { run<LstmBackward>(dtype, s); }
void gru_forward(DType dtype, const GruStep& s) { run<GruForward>(dtype, s); }
void gru_backward(DType dtype, const GruStepBackward& s) { run<GruBackward>(dtype, s); }
void rnn_forward(DType dtype, const RnnStep& s) { run<RnnForward>(dtype, s); }
void rnn_backward(DType dtype, const RnnStepBackward& s) { run<RnnBackward>(dtype, s); }

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(lstm_forward);
GRADUS_EXPORT(lstm_backward);
GRADUS_EXPORT(gru_forward);
GRADUS_EXPORT(gru_backward);
GRADUS_EXPORT(rnn_forward);
GRADUS_EXPORT(rnn_backward);

}  // namespace

void lstm_step(DType dtype, const LstmStep& s) { k_lstm_forward.get()(dtype, s); }
void lstm_step_backward(DType dtype, const LstmStepBackward& s) { k_lstm_backward.get()(dtype, s); }
void gru_step(DType dtype, const GruStep& s) { k_gru_forward.get()(dtype, s); }
void gru_step_backward(DType dtype, const GruStepBackward& s) { k_gru_backward.get()(dtype, s); }
void rnn_step(DType dtype, const RnnStep& s) { k_rnn_forward.get()(dtype, s); }
void rnn_step_backward(DType dtype, const RnnStepBackward& s) { k_rnn_backward.get()(dtype, s); }

}  // namespace gradus::kernels

#endif  // HWY_ONCE
