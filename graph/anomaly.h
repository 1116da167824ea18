// AnomalyGuard: stops at the first op that makes NaN or infinity out of finite numbers, in the computation or
// in a backward, and says where that was. To find the cause of a loss that is NaN; it reads every result, so
// training with it is slower.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradus/base/error.h"
#include "gradus/graph/observer.h"
#include "gradus/graph/statistics.h"

namespace gradus {

// What the guard found. what() says all of it in one line.
class AnomalyError : public GraphError {
 public:
  struct Value {
    std::string name;    // "a", "cotangent", "result", "gradient of a"
    std::string tensor;  // `"w1" [64, 10] f32`
    Statistics statistics;
  };
  struct Found {
    std::string op;
    bool backward = false;       // in the op's derivative
    Location where;              // the op's call
    Location walk;               // where the backward was called, or nothing
    std::uint64_t sequence = 0;  // the recorded node's number; 0: not recorded
    Value result;                // what is not finite
    std::vector<Value> operands;
    // The op's result, with its graph; undefined where nothing was recorded.
    Tensor output;
  };
  AnomalyError(const std::string& message, Found found) : GraphError(message), found_(std::move(found)) {}
  const Found& found() const { return found_; }

 private:
  Found found_;
};

// { gd::AnomalyGuard guard; loss = model(x); loss.backward(); }  belongs to the thread that made it. While it
// lives an op or a backward throws AnomalyError where a result
// - holds NaN, whether or not an operand did, or
// - holds an infinity although no operand and no attribute is infinite: a mask of -inf may be added and
// filled in. In a backward each gradient that a rule gives must be finite. What a rule computes inside may be
// infinite: where() and masks multiply it by an exact 0. Ops of the program's own are checked as all are.
// After the error no grad() has changed.
class [[nodiscard]] AnomalyGuard : Observer {
 public:
  explicit AnomalyGuard(Location where = Location::current()) : where_(where) {}

 private:
  void after_op(const ObservedOp& call, std::span<const Tensor> outs) override;
  void before_rule(Node& node, Location walk) override;
  void after_rule(Node& node, std::span<const Tensor> gradients, Location walk) override;
  Location where_;
};

}  // namespace gradus
