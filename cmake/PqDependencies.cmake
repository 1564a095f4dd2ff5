# The libraries that polyquant cannot be built without; all are Debian packages (scripts/packages.txt).
# Each target links what it uses: nothing of this shows in the public headers.

find_package(Boost 1.74 REQUIRED COMPONENTS filesystem system)
find_package(CLI11 REQUIRED)
find_package(Eigen3 3.3 REQUIRED NO_MODULE)
find_package(TBB 2021 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(hwy 1.0 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)

# yaml-cpp 0.7 exports the bare name only.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

# Libraries without a CMake package: pq::<name> from one header and one library.
function(pq_find_library name header library package)
  find_path(PQ_${name}_INCLUDE ${header})
  find_library(PQ_${name}_LIBRARY ${library})
  mark_as_advanced(PQ_${name}_INCLUDE PQ_${name}_LIBRARY)
  if(NOT PQ_${name}_INCLUDE OR NOT PQ_${name}_LIBRARY)
    message(FATAL_ERROR "${header} or lib${library} is missing; install the package ${package}")
  endif()
  add_library(pq::${name} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(pq::${name} PROPERTIES
    IMPORTED_LOCATION "${PQ_${name}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${PQ_${name}_INCLUDE}")
endfunction()
pq_find_library(pcre2 pcre2.h pcre2-8 libpcre2-dev)
set_target_properties(pq::pcre2 PROPERTIES INTERFACE_COMPILE_DEFINITIONS PCRE2_CODE_UNIT_WIDTH=8)
pq_find_library(utf8proc utf8proc.h utf8proc libutf8proc-dev)
pq_find_library(xxhash xxhash.h xxhash libxxhash-dev)
