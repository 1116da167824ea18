// The exceptions that gradus throws. A message reads
//   file:line: op: what is wrong: operands as "name" [shape] dtype; the numbers that clash; how to fix
// with the caller's place first. What a file holds is no programmer's error: readers of files return a
// Status.
#pragma once

#include <stdexcept>
#include <string>

namespace gradus {

// Base of all exceptions thrown by gradus. what() is the whole message.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

// Shapes, ranks, axes or sizes that do not fit the operation.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// A dtype that the operation does not take, or dtypes that cannot be combined.
class DtypeError : public Error {
 public:
  using Error::Error;
};

// A value outside the domain: an index out of range, a probability of 2, a negative learning rate.
class ValueError : public Error {
 public:
  using Error::Error;
};

// A misuse of the recorded graph: a second backward, a saved tensor changed in place, no derivative.
class GraphError : public Error {
 public:
  using Error::Error;
};

}  // namespace gradus
