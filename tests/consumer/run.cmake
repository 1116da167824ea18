# Installs gradus from BUILD, builds the project in SOURCE against it and runs it, all under WORK.
cmake_minimum_required(VERSION 3.25)

function(step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what} failed (${result}):\n${output}")
  endif()
  message(STATUS "${what}: ok")
endfunction()

file(REMOVE_RECURSE ${WORK})
step("install" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)

# Nothing installed may point back into the source or build tree.
file(GLOB_RECURSE files ${WORK}/prefix/*.cmake ${WORK}/prefix/*.h)
cmake_path(GET BUILD PARENT_PATH builds)
cmake_path(GET builds PARENT_PATH root)
foreach(file IN LISTS files)
  file(STRINGS ${file} hits REGEX "${root}")
  list(FILTER hits EXCLUDE REGEX "${WORK}/prefix")
  if(hits)
    message(FATAL_ERROR "${file} names the source tree: ${hits}")
  endif()
endforeach()

step("configure" ${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${WORK}/build
  -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release)
step("build" ${CMAKE_COMMAND} --build ${WORK}/build)
step("run" ${WORK}/build/consumer)
if(EXISTS ${WORK}/prefix/bin/gradus)
  step("installed tool: check" ${WORK}/prefix/bin/gradus check add)
  step("installed tool: graph" ${WORK}/prefix/bin/gradus graph xor --out ${WORK}/xor.svg)
endif()
