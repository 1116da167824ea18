// base/version.h: the symbol is there, and its numbers are those of the CMake project.
#include "gradus/base/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gradus/base/file.h"

namespace gradus {
namespace {

TEST(Version, IsTheProjectsEverywhere) {
  const auto cmake = read_file(GRADUS_SOURCE_DIR "/CMakeLists.txt");
  ASSERT_TRUE(cmake.ok()) << cmake.status();
  const std::string number = std::to_string(kVersionMajor) + "." + std::to_string(kVersionMinor);
  EXPECT_THAT(*cmake, ::testing::HasSubstr("project(gradus VERSION " + number + "."));
  EXPECT_EQ(version_internal::check, &headers_of_gradus_0_1_need_the_same_library);
  const auto header = read_file(GRADUS_SOURCE_DIR "/base/version.h");
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_THAT(*header, ::testing::HasSubstr("headers_of_gradus_" + std::to_string(kVersionMajor) + "_" +
                                            std::to_string(kVersionMinor) + "_need"));
}

}  // namespace
}  // namespace gradus
