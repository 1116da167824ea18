#include "gradus/base/version.h"

namespace gradus {

const char headers_of_gradus_0_1_need_the_same_library = 0;

}  // namespace gradus
