# Compiler, flags and libraries, once for every target.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(MILLRACE_FLAVOUR release CACHE STRING "release, asan, tsan or fuzz")

# The flavours carry their whole set of flags, so that CMake's own defaults do not mix in.
set(CMAKE_C_FLAGS_RELEASE "")
set(CMAKE_CXX_FLAGS_RELEASE "")

add_library(millrace_flags INTERFACE)
target_compile_options(millrace_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wswitch-enum -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -Wno-gnu-statement-expression-from-macro-expansion -Wno-missing-designated-field-initializers
  -g1 -fno-omit-frame-pointer -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -fdebug-compilation-dir=.
  -march=x86-64-v2)
target_include_directories(millrace_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_link_options(millrace_flags INTERFACE -fuse-ld=lld-19 -Wl,--as-needed -Wl,-z,relro,-z,now)

if(MILLRACE_FLAVOUR STREQUAL "release")
  target_compile_options(millrace_flags INTERFACE -O2)
  target_link_options(millrace_flags INTERFACE -Wl,--gc-sections)
elseif(MILLRACE_FLAVOUR STREQUAL "asan")
  target_compile_options(millrace_flags INTERFACE -O1 -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(millrace_flags INTERFACE -fsanitize=address,undefined)
elseif(MILLRACE_FLAVOUR STREQUAL "tsan")
  target_compile_options(millrace_flags INTERFACE -O1 -fsanitize=thread)
  target_link_options(millrace_flags INTERFACE -fsanitize=thread)
elseif(MILLRACE_FLAVOUR STREQUAL "fuzz")
  target_compile_options(millrace_flags INTERFACE -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  target_link_options(millrace_flags INTERFACE -fsanitize=address,undefined)
else()
  message(FATAL_ERROR "MILLRACE_FLAVOUR is ${MILLRACE_FLAVOUR}; it must be release, asan, tsan or fuzz")
endif()

# ccache, when present, also across clones in other folders: paths below the checkout are made relative, and precompiled headers
# are compared by the checksum of their text (millrace_precompiled_owner).
set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include-pch <PCH_FILE>)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
set(CMAKE_PCH_INSTANTIATE_TEMPLATES ON)

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
# Its -pthread would not fit the precompiled headers, and glibc needs none.
set_target_properties(PkgConfig::re2 PROPERTIES INTERFACE_COMPILE_OPTIONS "")
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(snappy IMPORTED_TARGET snappy)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
