// The version, and a check that a program's headers and the library it links are of the same one: the
// umbrella refers to a symbol that names the version, so a mismatch is a link error that can be read.
#pragma once

namespace gradus {

inline constexpr int kVersionMajor = 0;
inline constexpr int kVersionMinor = 1;

// Defined in version.cc only. "undefined reference to gradus::headers_of_gradus_0_1_need_the_same_library"
// means: the headers found at compile time are not those of the library found at link time.
extern const char headers_of_gradus_0_1_need_the_same_library;

namespace version_internal {
[[gnu::used]] inline const char* const check = &headers_of_gradus_0_1_need_the_same_library;
}  // namespace version_internal

}  // namespace gradus
