// The second derivative of a normalisation, in ops. With xhat = (x - m) r, h = g w and n elements a
// statistic,
//   dx = r (h - mean(h) - xhat mean(h xhat)),  dweight = sum(g xhat),  dbias = sum(g).
// L = <c, dx> + <cw, dweight> + <cb, dbias> with the cotangents c, cw, cb has the derivatives
//   by g:    w P(c) + cw xhat + cb  with P(c) = r (c - mean(c) - xhat mean(c xhat)), which is symmetric
//   by w:    g P(c), to be summed
//   by xhat: q = cw g - r (c mean(h xhat) + h mean(c xhat))
//   by x: q r;  by m: -r sum(q);  by r: sum(q (x - m)) + sum(c dx / r).
// Without centering the terms mean(h), mean(c) and m are 0.
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm/params.h"
#include "gradus/ops/reduction.h"

namespace gradus {

NormGradients norm_second_order(const NormTerms& t, const Tensor& of_dx, const Tensor& of_dweight,
                                const Tensor& of_dbias) {
  const bool centered = t.mean.defined();
  const auto average = [&](const Tensor& v) { return mean(v, t.dims, true); };
  const Tensor deviation = centered ? sub(t.x, t.mean) : t.x;
  const Tensor xhat = mul(deviation, t.rstd);
  const Tensor h = mul(t.g, t.weight);
  const Tensor h_dot = average(mul(h, xhat)), c_dot = average(mul(of_dx, xhat));
  // v - mean(v) - xhat dot
  const auto projected = [&](const Tensor& v, const Tensor& dot) {
    const Tensor rest = centered ? sub(v, average(v)) : v;
    return sub(rest, mul(xhat, dot));
  };
  const Tensor pc = mul(projected(of_dx, c_dot), t.rstd);
  Tensor q = neg(mul(add(mul(of_dx, h_dot), mul(h, c_dot)), t.rstd));
  if (of_dweight.defined()) q = add(q, mul(of_dweight, t.g));

  NormGradients r;
  r.g = mul(t.weight, pc);
  if (of_dweight.defined()) r.g = add(r.g, mul(of_dweight, xhat));
  if (of_dbias.defined()) r.g = add(r.g, of_dbias);
  r.weight = mul(t.g, pc);
  r.x = mul(q, t.rstd);
  if (centered) r.mean = neg(sum(r.x, t.dims, true));
  r.rstd = sum(add(mul(q, deviation), mul(of_dx, projected(h, h_dot))), t.dims, true);
  return r;
}

Tensor statistics_gradient(const Tensor& x, const Tensor& mean_of, const Tensor& of_mean,
                           const Tensor& of_var, const Dims& dims) {
  double n = 1;
  for (const std::int64_t d : dims) n *= static_cast<double>(x.size(d));
  Tensor r;
  if (of_var.defined()) {
    const Tensor deviation = mean_of.defined() ? sub(x, mean_of) : x;
    r = mul(deviation, mul(of_var, 2 / n));
  }
  if (!of_mean.defined()) return r;
  const Tensor part = mul(of_mean, 1 / n);
  return r.defined() ? add(r, part) : part;
}

Tensor variance_cotangent(const Tensor& of_rstd, const Tensor& rstd) {
  return mul(of_rstd, mul(mul(square(rstd), rstd), -0.5));
}

}  // namespace gradus
