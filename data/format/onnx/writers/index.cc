// Looking up and writing at places.
#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

void embedding(Emit& e) { e.set(e.op("Gather", {e.in(1), e.in(0)}, {whole("axis", 0)})); }
void index_select(Emit& e) { e.set(e.op("Gather", {e.in(0), e.in(1)}, {whole("axis", e.axis("dim"))})); }
void gather(Emit& e) { e.set(e.op("GatherElements", {e.in(0), e.in(1)}, {whole("axis", e.axis("dim"))})); }

std::vector<Attribute> scattering(Emit& e, bool adds) {
  std::vector<Attribute> a{whole("axis", e.axis("dim"))};
  if (adds) a.push_back(text("reduction", "add"));
  return a;
}
void scatter(Emit& e) {
  // Of several for one place runtimes may keep any; gradus keeps the last.
  e.set(e.op("ScatterElements", {e.in(0), e.in(1), e.in(2)}, scattering(e, false)));
}
void scatter_add(Emit& e) {
  e.set(e.op("ScatterElements", {e.in(0), e.in(1), e.in(2)}, scattering(e, true)));
}
void index_add(Emit& e) {
  const std::int64_t axis = e.axis("dim");
  const Shape source = e.shape(2);
  List column(static_cast<std::size_t>(e.rank()), 1);
  column[static_cast<std::size_t>(axis)] = source[static_cast<int>(axis)];
  const Id index = e.op("Expand", {e.reshape(e.in(1), column), e.wholes({source.begin(), source.end()})});
  e.set(e.op("ScatterElements", {e.in(0), index, e.in(2)}, scattering(e, true)));
}

void masked_select(Emit& e) {
  Id x = e.in(0), mask = e.in(1);
  if (e.shape(0) != e.shape(1)) {
    // Each to the shape of both: Expand broadcasts in both directions.
    x = e.op("Expand", {x, e.op("Shape", {mask})});
    mask = e.op("Expand", {mask, e.op("Shape", {x})});
  }
  // The operator does not know the type.
  const bool is_bf16 = e.dtype() == DType::bf16;
  if (is_bf16) x = e.cast(x, DType::f32);
  const Id chosen = e.op("Compress", {e.reshape(x, {-1}), e.reshape(mask, {-1})}, {whole("axis", 0)});
  e.set(is_bf16 ? e.cast(chosen, DType::bf16) : chosen);
}

void nonzero(Emit& e) {
  if (e.rank() == 0) e.refuse("its operand is a scalar");
  const Id x = e.is_f64() ? e.cast(e.in(0), DType::boolean) : e.in(0);
  e.set(e.transpose(e.op("NonZero", {x}), {1, 0}));
}

void one_hot(Emit& e) {
  const Id values = e.constant(tensor_of({0, 1}, {2}));
  // A scalar counts as a list of one.
  const Id labels = e.rank() == 0 ? e.reshape(e.in(0), {1}) : e.in(0);
  const Id y = e.op("OneHot", {labels, e.wholes({e.whole("classes")}), values}, {whole("axis", -1)});
  e.set(e.rank() == 0 ? e.reshape(y, {e.whole("classes")}) : y);
}

void triangle(Emit& e, bool upper) {
  e.set(e.op("Trilu", {e.in(0), e.index(e.whole("diagonal"))}, {whole("upper", upper ? 1 : 0)}));
}
void tril(Emit& e) { triangle(e, false); }
void triu(Emit& e) { triangle(e, true); }

constexpr OpWriter kWriters[] = {
    {"embedding", embedding, true},
    {"gather", gather, true},
    {"index_add", index_add},
    {"index_select", index_select, true},
    {"masked_select", masked_select, true},
    {"nonzero", nonzero},
    {"one_hot", one_hot},
    {"scatter", scatter, true},
    {"scatter_add", scatter_add},
    {"tril", tril, true},
    {"triu", triu, true},
};

}  // namespace

std::span<const OpWriter> index_writers() { return kWriters; }

}  // namespace gradus::onnx
