// Comparisons, logic and what chooses by it.
#include "gradus/data/format/onnx/writers.h"
#include "gradus/data/format/onnx/writers/math.h"

namespace gradus::onnx {
namespace {

// Bools are ordered as the numbers that they are.
void compare(Emit& e, const char* op) {
  Id a = e.in(0), b = e.in(1);
  if (e.dtype(0) == DType::boolean) {
    a = e.cast(a, DType::i32);
    b = e.cast(b, DType::i32);
  }
  e.set(e.op(op, {a, b}));
}
void lt(Emit& e) { compare(e, "Less"); }
void le(Emit& e) { compare(e, "LessOrEqual"); }
void gt(Emit& e) { compare(e, "Greater"); }
void ge(Emit& e) { compare(e, "GreaterOrEqual"); }
void eq(Emit& e) { e.set(e.op("Equal", {e.in(0), e.in(1)})); }
void ne(Emit& e) { e.set(e.op("Not", {e.op("Equal", {e.in(0), e.in(1)})})); }

Id truth(Emit& e, int i) { return e.dtype(i) == DType::boolean ? e.in(i) : e.cast(e.in(i), DType::boolean); }
void logical_and(Emit& e) { e.set(e.op("And", {truth(e, 0), truth(e, 1)})); }
void logical_or(Emit& e) { e.set(e.op("Or", {truth(e, 0), truth(e, 1)})); }
void logical_xor(Emit& e) { e.set(e.op("Xor", {truth(e, 0), truth(e, 1)})); }
void logical_not(Emit& e) { e.set(e.op("Not", {truth(e, 0)})); }

// Of whole numbers none is.
Id same(Emit& e) { return e.op("Equal", {e.in(0), e.in(0)}); }
void isnan(Emit& e) { e.set(is_floating(e.dtype()) ? e.op("IsNaN", {e.in(0)}) : e.op("Not", {same(e)})); }
void isinf(Emit& e) { e.set(is_floating(e.dtype()) ? is_infinite(e, e.in(0)) : e.op("Not", {same(e)})); }
void isfinite(Emit& e) {
  if (!is_floating(e.dtype())) return e.set(same(e));
  e.set(e.op("Not", {e.op("Or", {e.op("IsNaN", {e.in(0)}), is_infinite(e, e.in(0))})}));
}

void where(Emit& e) {
  const Id condition = e.in(0);
  if (e.dtype(1) != DType::boolean) return e.set(e.where(condition, e.in(1), e.in(2)));
  // Runtimes choose no bools.
  const Id first = e.op("And", {condition, e.in(1)});
  e.set(e.op("Or", {first, e.op("And", {e.op("Not", {condition}), e.in(2)})}));
}

constexpr OpWriter kWriters[] = {
    {"eq", eq},
    {"ge", ge},
    {"gt", gt},
    {"isfinite", isfinite},
    {"isinf", isinf},
    {"isnan", isnan},
    {"le", le},
    {"logical_and", logical_and},
    {"logical_not", logical_not},
    {"logical_or", logical_or},
    {"logical_xor", logical_xor},
    {"lt", lt},
    {"ne", ne},
    {"where", where, true},
};

}  // namespace

std::span<const OpWriter> compare_writers() { return kWriters; }

}  // namespace gradus::onnx
