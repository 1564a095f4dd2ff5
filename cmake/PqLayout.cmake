# The build tree has the layout of the installed tree, so that the program finds plugins and data relative to itself:
#   bin/polyquant   lib/libpolyquant.so   lib/polyquant/plugins/*.so   share/polyquant/{families,recipes,...}

# "lib" rather than Debian's lib/<triplet>, for the same reason.
set(CMAKE_INSTALL_LIBDIR lib CACHE PATH "Folder of the libraries below the prefix")
include(GNUInstallDirs)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}")
set(PQ_PLUGIN_FOLDER "${CMAKE_INSTALL_LIBDIR}/polyquant/plugins")
set(PQ_PLUGIN_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${PQ_PLUGIN_FOLDER}")
set(PQ_DATA_FOLDER "${CMAKE_INSTALL_DATADIR}/polyquant")

set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)  # a build tree can be moved

# Data folders appear in the build tree as links: never stale, files that are added or removed included.
set(PQ_DATA_SOURCES)
function(pq_data_folder name source)
  set(PQ_DATA_SOURCES ${PQ_DATA_SOURCES} "${name}=${source}" PARENT_SCOPE)
  set(link "${PROJECT_BINARY_DIR}/${PQ_DATA_FOLDER}/${name}")
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/${PQ_DATA_FOLDER}")
  file(RELATIVE_PATH target "${PROJECT_BINARY_DIR}/${PQ_DATA_FOLDER}" "${PROJECT_SOURCE_DIR}/${source}")
  file(CREATE_LINK "${target}" "${link}" SYMBOLIC)
endfunction()
pq_data_folder(templates framework/data/templates)
pq_data_folder(defaults framework/data/defaults)
pq_data_folder(families framework/data/families)
pq_data_folder(recipes pipelines/recipes)
pq_data_folder(examples pipelines/examples)
