# How every target of this tree is compiled.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, ..." FORCE)
endif()

# Fused multiply-adds change decoded weights, so no compiler may introduce them (style: a codec is exact).
# There is no -march flag either: fast code is dispatched at run time.
add_compile_options(-ffp-contract=off)
add_compile_options(-Wall -Wextra -Wconversion -Wshadow)
if(PQ_WERROR)
  add_compile_options(-Werror)
endif()

# Highway's targets that are left out. x86: SSE4, AVX2 and AVX-512 are enough for codecs, older machines run the plain code, finer steps bring nothing.
# ARM: vectors are kept in arrays, which the types of SVE cannot be in; machines with SVE run the NEON code.
set(PQ_CODEC_TARGETS_OFF_X86 "(HWY_SSSE3|HWY_AVX3_DL)")
set(PQ_TARGETS_OFF_ARM "(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  add_compile_definitions("HWY_DISABLED_TARGETS=${PQ_TARGETS_OFF_ARM}")
endif()

find_package(Threads REQUIRED)

if(PQ_SANITIZE)
  add_compile_options(-fsanitize=${PQ_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PQ_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # false alarms in instrumented code (GCC bug 80635 and its kin)
  endif()
else()
  # A missing symbol is an error of the build, not of the first use. (Sanitizers resolve theirs at load time.)
  add_link_options(-Wl,-z,defs)
endif()

# The sloppiness is what ccache asks for with precompiled headers. Paths are hashed relative to the source folder, and the folder of the
# build is not hashed at all, so that a fresh clone finds what another one has compiled. (The debugger needs the real folder.)
find_program(PQ_CCACHE ccache)
mark_as_advanced(PQ_CCACHE)
if(PQ_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(settings "CCACHE_SLOPPINESS=pch_defines,time_macros;CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}")
  if(PQ_SANITIZE OR NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    string(APPEND settings ";CCACHE_NOHASHDIR=1")
  endif()
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND};-E;env;${settings};${PQ_CCACHE}")
endif()
