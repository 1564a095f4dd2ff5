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
