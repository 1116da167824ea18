// What an exception says, for tests of messages.
#pragma once

#include <exception>
#include <string>

namespace gradus::test_ops {

// The text, where E is what must be thrown; otherwise what happened instead.
template <class E, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  } catch (const std::exception& e) {
    return std::string("another exception: ") + e.what();
  }
  return "nothing was thrown";
}

}  // namespace gradus::test_ops
