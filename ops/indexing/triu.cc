// triu: the elements on and above a diagonal of the matrices in the last two axes, 0 elsewhere, whatever x is
// there.
// Derivative: the same of the cotangent.
#include "gradus/graph/samples.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/triangle.h"

namespace gradus {
namespace {

void infer(InferContext& c) { infer_triangle(c); }

void kernel(KernelContext& c) {
  triangle(c.in[0], c.out[0], c.attrs<TriangleAttrs>().diagonal, Triangle::upper);
}

void rule(RuleContext& c) { c.set(0, triu(c.grad(), c.attrs<TriangleAttrs>().diagonal)); }

void samples(SampleSink& s) { sample_triangle(s, "triu"); }

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(TriangleAttrs, diagonal, "0")};

}  // namespace

extern constinit const OpDef op_triu = {
    .name = "triu",
    .doc = "the elements on and above a diagonal of matrices, 0 elsewhere",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Trilu",
    .formula = "y[i, j] = x[i, j] if j >= i + diagonal, else 0",
};

Tensor triu(Operand input, std::int64_t diagonal) { return apply(op_triu, {input}, TriangleAttrs{diagonal}); }

}  // namespace gradus
