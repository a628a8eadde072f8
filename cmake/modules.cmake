# millrace_module(NAME LINK a b PRIVATE_LINK c): one folder, one library target named after its path
# (lib/base -> lib_base). Every *.cc directly in the folder belongs to it. LINK is the list of modules whose headers it may
# include; tests/tidy checks the same edges from the #include lines. PRIVATE_LINK is for third-party libraries used in .cc only.
function(millrace_module)
  cmake_parse_arguments(ARG "" "" "LINK;PRIVATE_LINK" ${ARGN})
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" target ${path})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE millrace_flags ${ARG_LINK})
    return()
  endif()
  add_library(${target} STATIC ${sources})
  target_link_libraries(${target} PUBLIC millrace_flags fmt::fmt ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
  millrace_precompiled(${target})
endfunction()

# millrace_binary(NAME LINK …): build/<preset>/bin/NAME from main.cc of this folder.
function(millrace_binary name)
  cmake_parse_arguments(ARG "" "" "LINK;PRIVATE_LINK" ${ARGN})
  add_executable(${name} ${CMAKE_CURRENT_SOURCE_DIR}/main.cc)
  target_link_libraries(${name} PRIVATE millrace_flags fmt::fmt ${ARG_LINK} ${ARG_PRIVATE_LINK})
  if(MILLRACE_FLAVOUR STREQUAL "release")
    target_link_libraries(${name} PRIVATE PkgConfig::jemalloc)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  # The precompiled headers are shared with the libraries, so the same kind of position-independent code is asked for.
  target_compile_options(${name} PRIVATE -fPIC)
  millrace_precompiled(${name})
  # Symbols lie beside the binary, in NAME.debug; debuggers find them by the link.
  if(MILLRACE_FLAVOUR STREQUAL "release")
    add_custom_command(TARGET ${name} POST_BUILD
      COMMAND objcopy --only-keep-debug $<TARGET_FILE:${name}> $<TARGET_FILE:${name}>.debug
      COMMAND objcopy --strip-unneeded --add-gnu-debuglink=$<TARGET_FILE:${name}>.debug $<TARGET_FILE:${name}>
      VERBATIM)
  endif()
  if(NOT TARGET binaries)
    add_custom_target(binaries)
  endif()
  add_dependencies(binaries ${name})
endfunction()

# millrace_unit_test(module LINK …): one Catch2 program from every tests/unit/<module>_*_test.cc, e.g. lib_base. A second call
# for the same module only adds to its links.
function(millrace_unit_test module)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  if(TARGET ${module}_test)
    target_link_libraries(${module}_test PRIVATE ${ARG_LINK})
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${module}_*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${module}_test ${sources})
  target_link_libraries(${module}_test PRIVATE millrace_flags fmt::fmt Catch2::Catch2WithMain ${module} ${ARG_LINK})
  # The one file that knows where this checkout lies; the others are the same for every clone.
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/source_directory.cc CONTENT "#include \"tests/support/source_directory.h\"\n
const char* const millrace::testing::kSourceDirectory = \"${CMAKE_SOURCE_DIR}\";\n")
  target_sources(${module}_test PRIVATE ${CMAKE_BINARY_DIR}/generated/source_directory.cc)
  target_compile_options(${module}_test PRIVATE -fPIC -O1)
  millrace_precompiled(${module}_test precompiled_test)
  set_target_properties(${module}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME unit/${module} COMMAND ${module}_test)
endfunction()

# millrace_precompiled_owner(NAME HEADER): parses HEADER once for every target of one kind. Beside the result lies the checksum of
# the header's text, which is what the compiler cache compares: the result itself holds the paths of this checkout.
function(millrace_precompiled_owner name header)
  cmake_parse_arguments(ARG "" "" "LINK;OPTIONS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cc "")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PUBLIC millrace_flags fmt::fmt ${ARG_LINK})
  target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp" ${ARG_OPTIONS})
  target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/${header})
  set(sum ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.pch.sum)
  add_custom_command(OUTPUT ${sum}
    COMMAND ${CMAKE_CXX_COMPILER} -std=c++23 -E -P -x c++-header -I ${CMAKE_SOURCE_DIR} -MD -MF ${sum}.d -MT ${sum} -o ${sum}.text
            ${CMAKE_SOURCE_DIR}/${header}
    COMMAND sh -c "md5sum <${sum}.text >${sum}"
    DEPENDS ${CMAKE_SOURCE_DIR}/${header} DEPFILE ${sum}.d VERBATIM)
  add_custom_target(${name}_sum DEPENDS ${sum})
  add_dependencies(${name} ${name}_sum)
endfunction()

# What a target compiles with when it takes the headers of that owner.
function(millrace_precompiled target)
  set(owner precompiled_code)
  if(ARGC GREATER 1)
    set(owner ${ARGV1})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
  target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  add_dependencies(${target} ${owner}_sum)
endfunction()
