// The checks behind contract_test.cc as functions that return what they found, so that a deliberately wrong
// op can be shown to fail each of them (contract_self_test.cc).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "gradus/graph/op_def.h"
#include "gradus/graph/samples.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::contract {

using Faults = std::vector<std::string>;

// Name, documentation, good and bad samples, a rule or the reason why there is none.
Faults completeness(const OpDef& op);

// The kernel against a plain f64 reference, in f64, f32, f16 and bf16.
Faults forward(const OpDef& op, std::span<const Sample> samples, reference::Reference compute);

// gradcheck (order 1) or gradgradcheck (order 2) of the samples that allow it, with the rule's gradients
// multiplied by `rule_scale`: by 1.01 the check must fail.
Faults derivative(const OpDef& op, std::span<const Sample> samples, int order, double rule_scale = 1.0);

// True where some sample has a gradient that is not zero.
bool has_gradient(const OpDef& op, std::span<const Sample> samples);

// Inputs as transposed, strided and offset views: the same bits, values and gradients.
Faults layouts(const OpDef& op, std::span<const Sample> samples);

// Inputs and outputs that `saves` does not list are overwritten before the rule runs: the same gradients.
Faults poison(const OpDef& op, std::span<const Sample> samples);

// The kernel alone, over outputs and inputs between guard bytes: none changes, no input does, and every byte
// of the outputs is written.
Faults guards(const OpDef& op, std::span<const Sample> samples);

// Values and gradients with set_threads(1) and set_threads(2): the same bits.
Faults threads(const OpDef& op, std::span<const Sample> samples);

// In f16 and bf16 the op runs wherever it does in f32, and gives results and gradients in the half that are
// near those of f32.
Faults halves(const OpDef& op, std::span<const Sample> samples);

// The messages of the error samples.
Faults messages(const OpDef& op, std::span<const ErrorSample> samples);

}  // namespace gradus::contract
