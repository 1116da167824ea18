// Random numbers of one thread: trainings that run side by side, each in a thread, would draw from the one
// default generator in whatever order the threads come, and no two runs would be the same.
#pragma once

#include "gradus/base/random.h"

namespace gradus {

// While it lives, what the calling thread draws comes from a generator of its own, in place of the program's
// default one: manual_seed(), reserve_random(), default_generator() and set_default_generator() on this
// thread mean that one, and so do all ops and initialisers that are given no generator. Scopes nest; each
// must end on the thread that it began on. Threads that the thread starts draw from the program's.
class GeneratorScope {
 public:
  explicit GeneratorScope(Generator generator);
  ~GeneratorScope();
  GeneratorScope(const GeneratorScope&) = delete;
  GeneratorScope& operator=(const GeneratorScope&) = delete;

 private:
  Generator generator_;
  Generator* before_;
};

}  // namespace gradus
