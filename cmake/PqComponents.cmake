# Adding a component = adding a folder with a CMakeLists.txt.

function(pq_add_subdirectory_if_present folder)
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt")
    add_subdirectory(${folder})
  endif()
endfunction()

# Adds every subfolder of `parent` that has a CMakeLists.txt; a new one is noticed by the next build.
# More arguments: names to leave out.
function(pq_add_folders parent)
  file(GLOB lists CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${parent}/*/CMakeLists.txt")
  foreach(list IN LISTS lists)
    get_filename_component(folder "${list}" DIRECTORY)
    get_filename_component(name "${folder}" NAME)
    if(NOT name IN_LIST ARGN)
      add_subdirectory("${folder}")
    endif()
  endforeach()
endfunction()

# pq_add_codec(NAME source... [LINK library...]): the codec of the plugin NAME as the library NAME_codec, so that unit tests and benchmarks reach its
# parts. They include its headers as "NAME/header.hpp".
function(pq_add_codec name)
  cmake_parse_arguments(PARSE_ARGV 1 codec "" "" "LINK")
  add_library(${name}_codec STATIC ${codec_UNPARSED_ARGUMENTS})
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR PARENT_PATH parent)
  target_include_directories(${name}_codec PUBLIC "${parent}")
  target_link_libraries(${name}_codec PUBLIC polyquant::polyquant ${codec_LINK})
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_definitions(${name}_codec PRIVATE "HWY_DISABLED_TARGETS=${PQ_CODEC_TARGETS_OFF_X86}")
  endif()
  set_property(GLOBAL APPEND PROPERTY PQ_TESTED_LIBRARIES ${name}_codec)
endfunction()
