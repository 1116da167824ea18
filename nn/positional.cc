#include "gradus/nn/positional.h"

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/nn/init.h"
#include "gradus/nn/start.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus::nn {
namespace {

// f(position, column) as [rows, columns], computed in f64.
template <class F>
Tensor tabulate(std::int64_t rows, std::int64_t columns, DType dtype, Location where, F f) {
  Tensor t = empty({rows, columns}, DType::f64, where);
  const auto out = t.mutable_span<double>();
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      out[static_cast<std::size_t>(r * columns + c)] = f(static_cast<double>(r), c);
    }
  }
  return dtype == DType::f64 ? t : astype(Operand(t, where), dtype);
}

// Rows offset .. offset + steps - 1.
Tensor rows_at(const Tensor& table, std::int64_t offset, std::int64_t steps, const char* layer,
               Location where) {
  if (offset < 0 || steps > table.size(0) - offset) {
    throw_error<ValueError>(where, layer, "positions {} to {} were asked for; there are {} (max_len)", offset,
                            offset + steps - 1, table.size(0));
  }
  return slice(Operand(table, where), 0, offset, offset + steps);
}

Tensor add_positions(const Operand& x, const Tensor& table, std::int64_t offset, bool batch_first,
                     const char* layer) {
  const Location where = x.where;
  const Tensor t = Tensor::share(x.impl);
  if ((t.rank() != 2 && t.rank() != 3) || t.size(-1) != table.size(1)) {
    throw_error<ShapeError>(where, layer, "takes {} or [T, E] with E = {}: {}",
                            batch_first ? "[N, T, E]" : "[T, N, E]", table.size(1), describe(t));
  }
  const bool inner = t.rank() == 3 && !batch_first;  // [T, N, E]
  Tensor rows = rows_at(table, offset, t.size(inner || t.rank() == 2 ? 0 : 1), layer, where);
  if (rows.dtype() != t.dtype()) rows = astype(Operand(rows, where), t.dtype());
  if (inner) rows = unsqueeze(Operand(rows, where), 1);
  return add(x, Operand(rows, where));
}

}  // namespace

SinusoidalPositions::SinusoidalPositions(std::int64_t d_model, const PositionsOptions& o, Location where)
    : batch_first(o.batch_first) {
  check_sizes("SinusoidalPositions", {{"d_model", d_model}, {"max_len", o.max_len}}, where, 1);
  table = tabulate(o.max_len, d_model, o.dtype, where, [&](double t, std::int64_t c) {
    const double angle = t / std::pow(10000.0, static_cast<double>(c - c % 2) / static_cast<double>(d_model));
    return c % 2 == 0 ? std::sin(angle) : std::cos(angle);
  });
}

Tensor SinusoidalPositions::operator()(Operand x, std::int64_t offset) const {
  return with_hooks(*this, x, [&](Operand in) {
    return add_positions(in, table, offset, batch_first, "SinusoidalPositions");
  });
}

std::string SinusoidalPositions::options_text() const {
  return fmt::format("{}, max_len={}", table.size(1), table.size(0));
}

LearnedPositions::LearnedPositions(std::int64_t d_model, const PositionsOptions& o, Location where)
    : batch_first(o.batch_first) {
  check_sizes("LearnedPositions", {{"d_model", d_model}, {"max_len", o.max_len}}, where, 1);
  weight = {init::normal_(empty({o.max_len, d_model}, o.dtype, where), 0, o.std, o.generator, where), where};
}

Tensor LearnedPositions::operator()(Operand x, std::int64_t offset) const {
  return with_hooks(*this, x, [&](Operand in) {
    return add_positions(in, weight, offset, batch_first, "LearnedPositions");
  });
}

std::string LearnedPositions::options_text() const {
  if (!weight.defined() || weight.rank() != 2) return {};
  return fmt::format("{}, max_len={}", weight.size(1), weight.size(0));
}

RotaryEmbedding::RotaryEmbedding(std::int64_t dim, const RotaryOptions& o, Location where)
    : interleaved(o.interleaved) {
  check_sizes("RotaryEmbedding", {{"dim", dim}, {"max_len", o.max_len}}, where, 1);
  if (dim % 2 != 0) {
    throw_error<ValueError>(where, "RotaryEmbedding", "dim is {}; columns are turned in pairs, so it is even",
                            dim);
  }
  if (!(o.base > 0)) throw_error<ValueError>(where, "RotaryEmbedding", "base is {}; it must be > 0", o.base);
  const auto angle = [&](double t, std::int64_t i) {
    return t / std::pow(o.base, 2.0 * static_cast<double>(i) / static_cast<double>(dim));
  };
  cosines = tabulate(o.max_len, dim / 2, o.dtype, where,
                     [&](double t, std::int64_t i) { return std::cos(angle(t, i)); });
  sines = tabulate(o.max_len, dim / 2, o.dtype, where,
                   [&](double t, std::int64_t i) { return std::sin(angle(t, i)); });
}

Tensor RotaryEmbedding::operator()(Operand x, std::int64_t offset) const {
  return with_hooks(*this, x, [&](Operand in) {
    const Location where = in.where;
    const auto at = [where](Tensor t) { return Operand(std::move(t), where); };
    const Tensor t = Tensor::share(in.impl);
    const std::int64_t half = cosines.size(1);
    if (t.rank() < 2 || t.size(-1) != 2 * half) {
      throw_error<ShapeError>(where, "RotaryEmbedding", "takes [.., T, dim] with dim = {}: {}", 2 * half,
                              describe(t));
    }
    Tensor cos = rows_at(cosines, offset, t.size(-2), "RotaryEmbedding", where);
    Tensor sin = rows_at(sines, offset, t.size(-2), "RotaryEmbedding", where);
    if (cos.dtype() != t.dtype()) {
      cos = astype(at(cos), t.dtype());
      sin = astype(at(sin), t.dtype());
    }
    const Tensor a = interleaved ? slice(in, -1, 0, kEnd, 2) : slice(in, -1, 0, half);
    const Tensor b = interleaved ? slice(in, -1, 1, kEnd, 2) : slice(in, -1, half);
    const Tensor u = sub(at(mul(at(a), at(cos))), at(mul(at(b), at(sin))));
    const Tensor v = add(at(mul(at(b), at(cos))), at(mul(at(a), at(sin))));
    if (!interleaved) return concat({u, v}, -1, where);
    return reshape(at(stack({u, v}, -1, where)), t.shape());
  });
}

std::string RotaryEmbedding::options_text() const {
  return fmt::format("{}, max_len={}, interleaved={}", 2 * cosines.size(1), cosines.size(0),
                     interleaved ? "True" : "False");
}

}  // namespace gradus::nn
