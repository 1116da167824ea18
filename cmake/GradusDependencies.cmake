# The outside parts that gradus links, as imported targets. Read by gradus's own build and, installed beside
# gradusConfig.cmake, by find_package(gradus); so both resolve the same files in the same way.
#   gradus::openblas  the OpenMP build only: beside OpenMP the pthread build oversubscribes the machine
#   gradus::dnnl      by file, because dnnl-config.cmake asks for OpenCL's development files
#   gradus::graphviz  gvc + cgraph, which bring no CMake package
#   gradus::zip       by file, because libzip-config.cmake asks for libzip's programs
#   gradus::onnx      the messages of the format; a program that reads no model does not load them
include(CMakeFindDependencyMacro)

# An imported target for one header and some libraries. On a miss the package to install is named.
function(gradus_find_part name)
  cmake_parse_arguments(PART "AS_NEEDED" "HEADER;PACKAGE" "LIBRARIES;SUFFIXES;DEFINITIONS" ${ARGN})
  if(TARGET gradus::${name})
    return()
  endif()
  find_path(GRADUS_${name}_INCLUDE_DIR ${PART_HEADER} PATH_SUFFIXES ${PART_SUFFIXES})
  set(files)
  set(missing)
  if(NOT GRADUS_${name}_INCLUDE_DIR)
    list(APPEND missing ${PART_HEADER})
  endif()
  foreach(library IN LISTS PART_LIBRARIES)
    find_library(GRADUS_${name}_${library}_LIBRARY ${library} PATH_SUFFIXES ${PART_SUFFIXES})
    if(GRADUS_${name}_${library}_LIBRARY)
      list(APPEND files ${GRADUS_${name}_${library}_LIBRARY})
    else()
      list(APPEND missing lib${library})
    endif()
  endforeach()
  mark_as_advanced(GRADUS_${name}_INCLUDE_DIR)
  if(missing)
    list(JOIN missing ", " missing)
    message(FATAL_ERROR "gradus: ${missing} not found: install ${PART_PACKAGE}")
  endif()
  if(PART_AS_NEEDED)
    set(files -Wl,--push-state,--as-needed ${files} -Wl,--pop-state)
  endif()
  add_library(gradus::${name} INTERFACE IMPORTED)
  set_target_properties(gradus::${name} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${GRADUS_${name}_INCLUDE_DIR}"
    INTERFACE_COMPILE_DEFINITIONS "${PART_DEFINITIONS}"
    INTERFACE_LINK_LIBRARIES "${files}")
endfunction()

gradus_find_part(openblas
  HEADER cblas.h LIBRARIES openblas
  SUFFIXES openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp
  PACKAGE libopenblas-openmp-dev)
gradus_find_part(dnnl HEADER dnnl.h LIBRARIES dnnl PACKAGE libdnnl-dev)
gradus_find_part(graphviz HEADER gvc.h LIBRARIES gvc cgraph SUFFIXES graphviz PACKAGE libgraphviz-dev)
gradus_find_part(zip HEADER zip.h LIBRARIES zip PACKAGE libzip-dev AS_NEEDED)
gradus_find_part(png HEADER png.h LIBRARIES png PACKAGE libpng-dev AS_NEEDED)
gradus_find_part(onnx
  HEADER onnx/onnx_pb.h LIBRARIES onnx_proto protobuf DEFINITIONS ONNX_ML=1 ONNX_NAMESPACE=onnx
  PACKAGE "libonnx-dev libprotobuf-dev" AS_NEEDED)

find_dependency(hwy)
find_dependency(absl)
find_dependency(fmt)
find_dependency(ZLIB)
find_dependency(OpenMP COMPONENTS CXX)
find_dependency(Threads)
