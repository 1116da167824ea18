// A new op as an OpDef with a kernel of its own: cube(x) = x^3. It is recorded, differentiated to any order,
// checked, drawn and printed like gradus's own.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

namespace gd = gradus;

namespace {

void infer(gd::InferContext& c) {
  c.require_floating(0);
  c.set_out_like(0, 0);
}

template <class T>
void cube_loop(const gd::View& x, const gd::View& y) {
  for (std::int64_t i = 0; i < x.numel; ++i) y.as<T>()[i] = x.as<T>()[i] * x.as<T>()[i] * x.as<T>()[i];
}

void kernel(gd::KernelContext& c) {
  if (c.in[0].dtype == gd::DType::f32) {
    cube_loop<float>(c.in[0], c.out[0]);
  } else {
    cube_loop<double>(c.in[0], c.out[0]);
  }
}

// d x^3 / dx = 3 x^2, written in differentiable ops.
void rule(gd::RuleContext& c) { c.set(0, c.grad() * 3.0 * square(c.input(0))); }

constexpr const char* kInputs[] = {"x"};
constexpr gd::SaveMask kSaves[] = {gd::in(0)};

constexpr gd::OpDef kCube = {
    .name = "cube",
    .doc = "x^3",
    .inputs = kInputs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
};

// The kernel walks memory in order, so the operand is made contiguous first.
gd::Tensor cube(const gd::Tensor& x) { return gd::apply(kCube, {contiguous(x)}); }

}  // namespace

int main() {
  gd::Tensor x = gd::full({}, 2.0, gd::DType::f64).requires_grad(true);
  const gd::Tensor y = cube(x);
  const gd::Tensor dy = gd::grad(y, {x}, {.create_graph = true})[0];
  const gd::Tensor ddy = gd::grad(dy, {x})[0];
  std::printf("x %g  x^3 %g  first derivative %g  second derivative %g\n", x.item(), y.item(), dy.item(),
              ddy.item());

  const auto result = gd::gradcheck([](const gd::Tensor& x) { return cube(x); }, {x});
  std::printf("gradcheck of cube: %s\n", result.ok ? "ok" : result.message.c_str());
  return result.ok && y.item() == 8 && dy.item() == 12 && ddy.item() == 12 ? 0 : 1;
}
