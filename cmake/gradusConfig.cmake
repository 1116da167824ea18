# find_package(gradus) -> target gradus::gradus
include("${CMAKE_CURRENT_LIST_DIR}/GradusDependencies.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/gradusTargets.cmake")
