// pinv: the Moore-Penrose inverse y = v diag(1 / s) u^T over the singular values above a tolerance.
// Derivative, where the rank does not change: G. H. Golub, V. Pereyra, "The differentiation of
// pseudo-inverses and nonlinear least squares problems whose variables separate", SIAM J. Numer. Anal. 10
// (1973), (4.12): dy = -y da y + (1 - y a) da^T y^T y + y y^T da^T (1 - a y); no singular value is divided
// by, so equal ones do not matter. As PyTorch's, it takes a singular value that is cut off for 0.
#include <limits>

#include "gradus/base/format.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/elementwise/infer.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/linalg/linalg.h"
#include "gradus/ops/linalg/matrices.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

double epsilon(DType dtype) {
  return dtype != DType::f64 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

double relative_tolerance(double rtol, std::int64_t m, std::int64_t n, DType dtype) {
  return rtol >= 0 ? rtol : static_cast<double>(std::max(m, n)) * epsilon(dtype);
}

// Scratch memory of one slot.
struct Room {
  Room(std::int64_t m, std::int64_t n, DType dtype)
      : matrix(room(m * n, dtype)),
        u(room(m * std::min(m, n), dtype)),
        vh(room(n * std::min(m, n), dtype)),
        s(room(std::min(m, n), dtype)),
        work(kernels::svd_work(m, n, kernels::Vectors::reduced, dtype)) {}
  std::size_t all() const { return matrix + u + vh + s + work; }
  std::size_t matrix, u, vh, s, work;
};

void infer(InferContext& c) {
  require_matrices(c, 0);
  require_svd_fits(c, 0);
  const auto& attrs = c.attrs<PinvAttrs>();
  if (!(attrs.atol >= 0)) c.value_error(fmt::format("atol is {}; a tolerance is not negative", attrs.atol));
  Shape shape = c.shape(0);
  const int last = shape.rank() - 1;
  const std::int64_t m = shape[last - 1], n = shape[last];
  shape[last - 1] = n;
  shape[last] = m;
  c.set_out(0, c.dtype(0), shape);
  if (c.numel(0) == 0) return;
  c.set_scratch(slot_bytes(Room(m, n, c.dtype(0)).all()) *
                static_cast<std::size_t>(slots_of(c.numel(0) / (m * n))));
}

template <class T>
void invert(const KernelContext& c, const Matrices& a, std::int64_t i, std::byte* memory, T* out) {
  const std::int64_t m = a.rows(), n = a.cols(), k = std::min(m, n);
  const Room room(m, n, c.in[0].dtype);
  T* copy = reinterpret_cast<T*>(memory);
  T* u = reinterpret_cast<T*>(memory += room.matrix);
  T* vh = reinterpret_cast<T*>(memory += room.u);
  T* s = reinterpret_cast<T*>(memory += room.vh);
  a.load(i, copy);
  require_finite_matrix(c, i, copy, m, n);
  if (!kernels::svd(m, n, kernels::Vectors::reduced, copy, s, u, vh, memory + room.s)) {
    c.fail_value("the singular values of " + matrix_name(c, 0, i) + " do not converge");
  }
  const auto& attrs = c.attrs<PinvAttrs>();
  const double least =
      std::max(attrs.atol, relative_tolerance(attrs.rtol, m, n, c.in[0].dtype) * static_cast<double>(s[0]));
  for (std::int64_t r = 0; r < k; ++r) {
    const T factor = static_cast<double>(s[r]) > least ? T{1} / s[r] : T{0};
    for (std::int64_t j = 0; j < n; ++j) vh[r * n + j] *= factor;
  }
  kernels::gemm(c.in[0].dtype, true, true, n, m, k, 1.0, vh, n, u, k, 0.0, out, m);
}

void kernel(KernelContext& c) {
  const View& out = c.out[0];
  if (out.numel == 0) return;
  const Matrices a(c.in[0]);
  const std::int64_t m = a.rows(), n = a.cols();
  const std::size_t bytes = Room(m, n, out.dtype).all();
  with_floating(out.dtype, [&]<class T>(T) {
    for_each_matrix(a.count(), m * n * std::min(m, n), [&](std::int64_t i, std::int64_t slot) {
      invert(c, a, i, slot_at(c, bytes, slot), out.as<T>() + i * m * n);
    });
  });
}

void rule(RuleContext& c) {
  const Tensor a = c.input(0), y = c.output(), g = c.grad();
  const Shape shape = a.shape();
  if (shape.numel() == 0) return c.set(0, zero_gradient(c, 0));
  const Tensor gt = matrix_transpose(g);
  if (shape[shape.rank() - 2] <= shape[shape.rank() - 1]) {
    const Tensor k = matmul(gt, y), ky = matmul(k, y, {.trans_b = true});
    const Tensor inner = sub(ky, matmul(matmul(a, y), ky));
    const Tensor outer = matmul(matmul(y, y, {.trans_a = true}), sub(gt, matmul(k, a)));
    c.set(0, sub(add(inner, outer), matrix_transpose(matmul(y, k))));
  } else {
    const Tensor k = matmul(y, gt), yk = matmul(y, k, {.trans_a = true});
    const Tensor inner = sub(yk, matmul(matmul(yk, y), a));
    const Tensor outer = matmul(sub(gt, matmul(a, k)), matmul(y, y, {.trans_b = true}));
    c.set(0, sub(add(inner, outer), matrix_transpose(matmul(k, y))));
  }
}

void samples(SampleSink& s) {
  s.add({sample_separated(s, {3, 3})}, PinvAttrs{});
  s.add({sample_separated(s, {4, 2})}, PinvAttrs{}, {.note = "tall"});
  s.add({sample_separated(s, {2, 4})}, PinvAttrs{}, {.note = "wide"});
  s.add({sample_separated(s, {2, 1, 2, 3})}, PinvAttrs{}, {.note = "a batch"});
  s.add({sample_separated(s, {18, 2, 1})}, PinvAttrs{}, {.note = "more matrices than slots"});
  s.add({SampleSink::f64({3, 3}, {2, 0, 0, 0, 2, 0, 0, 0, 2})}, PinvAttrs{},
        {.note = "equal singular values"});
  s.add({SampleSink::f64({2, 2}, {1, 2, 2, 4})}, PinvAttrs{}, {.gradcheck = false, .note = "rank 1"});
  s.add({SampleSink::f64({2, 2}, {1, 0, 0, 0.125})}, PinvAttrs{0.25},
        {.gradcheck = false, .note = "cut off by atol"});
  s.add({SampleSink::f64({2, 2}, {8, 0, 0, 1})}, PinvAttrs{0, 0.25},
        {.gradcheck = false, .note = "cut off by rtol"});
  s.add({SampleSink::f64({2, 2}, {0, 0, 0, 0})}, PinvAttrs{}, {.gradcheck = false, .note = "zeros"});
  s.add({SampleSink::f64({1, 1}, {-4})}, PinvAttrs{}, {.note = "size 1"});
  s.add({s.values({0, 3})}, PinvAttrs{}, {.note = "no rows"});
  s.add({s.values({0, 2, 3})}, PinvAttrs{}, {.note = "no matrices"});
  s.add_error({s.values({3})}, PinvAttrs{}, "linalg_pinv: takes matrices, at least two axes: a [3] f64");
  s.add_error(
      {SampleSink::i64({1, 1}, {1})}, PinvAttrs{},
      "linalg_pinv: takes floating-point numbers: a [1, 1] i64; convert it with astype(x, DType::f32)");
  s.add_error({s.values({2, 2})}, PinvAttrs{-1}, "linalg_pinv: atol is -1; a tolerance is not negative");
  s.add_error({SampleSink::f64({1, 2}, {1, NAN})}, PinvAttrs{},
              "linalg_pinv: an element is not finite: [0, 1] is nan in a [1, 2] f64");
}

constexpr const char* kInputs[] = {"a"};
constexpr SaveMask kSaves[] = {in(0) | out(0)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(PinvAttrs, atol, "0"), GRADUS_ATTR(PinvAttrs, rtol, "-1")};

// rtol: negative for the default.
PinvAttrs tolerances(const linalg::ToleranceOptions& options, const char* op, Location where) {
  if (options.rtol && !(*options.rtol >= 0)) {
    throw_error<ValueError>(where, op, "rtol is {}; a tolerance is not negative", *options.rtol);
  }
  if (options.atol && !(*options.atol >= 0)) {
    throw_error<ValueError>(where, op, "atol is {}; a tolerance is not negative", *options.atol);
  }
  const double atol = options.atol.value_or(0);
  return {atol, options.rtol.value_or(atol > 0 ? 0.0 : -1.0)};
}

}  // namespace

extern constinit const OpDef op_linalg_pinv = {
    .name = "linalg_pinv",
    .doc = "the Moore-Penrose inverse",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y = v diag(1 / s) u^T",
};

namespace linalg {

Tensor pinv(Operand a, ToleranceOptions options) {
  return apply(op_linalg_pinv, {a}, tolerances(options, "linalg_pinv", a.where));
}

Tensor matrix_rank(Operand a, ToleranceOptions options) {
  const PinvAttrs attrs = tolerances(options, "linalg_matrix_rank", a.where);
  const At at{a.where};
  const Tensor x = held(a).detach(), s = svdvals(at(x));
  const Shape shape = x.shape();
  const std::int64_t m = shape[shape.rank() - 2], n = shape[shape.rank() - 1];
  if (std::min(m, n) == 0) return sum(astype(s, DType::i64), -1);
  const double rtol = relative_tolerance(attrs.rtol, m, n, x.dtype());
  return sum(gt(s, maximum(mul(slice(s, -1, 0, 1), rtol), attrs.atol)), -1);
}

}  // namespace linalg
}  // namespace gradus
