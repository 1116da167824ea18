// Comparisons, logic and the choice between two tensors.
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/broadcast.h"
#include "gradus/ops/elementwise.h"

namespace gradus::onnx {
namespace {

template <Tensor (*kOp)(Operand, Operand)>
void run_binary(Call& c) {
  c.set(0, kOp(c.in(0), second_operand(c)), ElementType::boolean);
}

constexpr Operator kOperators[] = {
    {"And", run_binary<logical_and>, 2, 2},
    {"Or", run_binary<logical_or>, 2, 2},
    {"Xor", run_binary<logical_xor>, 2, 2},
    {"Not", [](Call& c) { c.set(0, logical_not(c.in(0))); }, 1, 1},
    {"Equal", run_binary<eq>, 2, 2},
    {"Greater", run_binary<gt>, 2, 2},
    {"GreaterOrEqual", run_binary<ge>, 2, 2},
    {"Less", run_binary<lt>, 2, 2},
    {"LessOrEqual", run_binary<le>, 2, 2},
    {"Where", [](Call& c) { c.set(0, where(c.in(0), c.in(1), c.in(2)), c.type(1)); }, 3, 3},
};

}  // namespace

std::span<const Operator> logic_operators() { return kOperators; }

}  // namespace gradus::onnx
