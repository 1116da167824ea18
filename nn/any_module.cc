#include "gradus/nn/any_module.h"

#include "gradus/base/format.h"

namespace gradus::nn {

void AnyModule::fail_call(const Module& m, Location where) {
  throw_error<ValueError>(where, m.type_name(),
                          "cannot be called with one tensor; get<T>() gives it as what it is");
}

}  // namespace gradus::nn
