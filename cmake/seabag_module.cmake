# seabag_module(name LAYER n SOURCES ... [TESTS ...] [DEPS ...] [EXTERNAL ...])
#
# Declares the folder src/<name> as the static library seabag::<name>. DEPS are modules, and each must
# lie on a lower layer: configuring stops otherwise. tools/check_includes.py checks the includes
# against the same DEPS. EXTERNAL are imported targets. TESTS become one test program, <name>_test.

set(SEABAG_WARNINGS
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast
  -Woverloaded-virtual -Wnon-virtual-dtor -Wimplicit-fallthrough
  $<$<BOOL:${SEABAG_WERROR}>:-Werror>)

function(seabag_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LAYER" "SOURCES;TESTS;DEPS;EXTERNAL;TEST_DEPS")
  if(NOT DEFINED arg_LAYER OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "seabag_module(${name}): needs LAYER and SOURCES; unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  foreach(dep IN LISTS arg_DEPS)
    get_target_property(dep_layer seabag_${dep} SEABAG_LAYER)
    if(NOT dep_layer LESS arg_LAYER)
      message(FATAL_ERROR
        "module ${name} (layer ${arg_LAYER}) may not depend on ${dep} (layer ${dep_layer}): "
        "arrows go down only, see docs/architecture.md")
    endif()
  endforeach()

  add_library(seabag_${name} STATIC ${arg_SOURCES})
  add_library(seabag::${name} ALIAS seabag_${name})
  set_target_properties(seabag_${name} PROPERTIES
    SEABAG_LAYER ${arg_LAYER} UNITY_BUILD ${SEABAG_UNITY} UNITY_BUILD_BATCH_SIZE 0)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  if(headers)
    target_sources(seabag_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${headers})
  endif()
  target_include_directories(seabag_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(seabag_${name} PRIVATE ${SEABAG_WARNINGS})
  list(TRANSFORM arg_DEPS PREPEND seabag::)
  target_link_libraries(seabag_${name} PUBLIC ${arg_DEPS} fmt::fmt PRIVATE ${arg_EXTERNAL})

  if(SEABAG_TESTS AND arg_TESTS)
    add_executable(${name}_test ${arg_TESTS})
    target_compile_options(${name}_test PRIVATE ${SEABAG_WARNINGS})
    list(TRANSFORM arg_TEST_DEPS PREPEND seabag::)
    target_link_libraries(${name}_test PRIVATE seabag::${name} ${arg_TEST_DEPS} GTest::gmock GTest::gtest_main)
    target_precompile_headers(${name}_test REUSE_FROM seabag_test_headers)
    set_property(GLOBAL APPEND PROPERTY SEABAG_TEST_PROGRAMS ${name}_test)
    include(GoogleTest)
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}/ NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120)
  endif()
endfunction()

# GoogleTest's headers take longer to compile than most tests: they are compiled once for all of them.
if(SEABAG_TESTS)
  file(WRITE ${PROJECT_BINARY_DIR}/test_headers.cc "int main() { return 0; }\n")
  add_executable(seabag_test_headers ${PROJECT_BINARY_DIR}/test_headers.cc)
  target_compile_options(seabag_test_headers PRIVATE ${SEABAG_WARNINGS})
  target_link_libraries(seabag_test_headers PRIVATE GTest::gmock fmt::fmt)
  target_precompile_headers(seabag_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endif()

# seabag_program(name MAIN main.cc MODULE module): an installed program over one module.
function(seabag_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MAIN;MODULE" "")
  add_executable(${name} ${arg_MAIN})
  target_compile_options(${name} PRIVATE ${SEABAG_WARNINGS})
  target_link_libraries(${name} PRIVATE seabag::${arg_MODULE})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
