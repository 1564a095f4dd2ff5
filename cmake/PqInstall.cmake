# Install rules and the package that find_package(polyquant) reads.
include(CMakePackageConfigHelpers)

set(tools "")
foreach(tool IN ITEMS polyquant-cli polyquant-conformance)
  if(TARGET ${tool})
    list(APPEND tools ${tool})
    set_target_properties(${tool} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  endif()
endforeach()
if(TARGET polyquant-conformance)
  set_target_properties(polyquant-conformance PROPERTIES EXPORT_NAME conformance)
endif()

install(TARGETS polyquant ${tools} EXPORT polyquantTargets)
install(DIRECTORY framework/include/polyquant "${PROJECT_BINARY_DIR}/include/polyquant"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
foreach(entry IN LISTS PQ_DATA_SOURCES)
  string(REPLACE "=" ";" entry "${entry}")
  list(GET entry 0 name)
  list(GET entry 1 source)
  install(DIRECTORY "${source}/" DESTINATION "${PQ_DATA_FOLDER}/${name}")
endforeach()
install(FILES LICENSE THIRD-PARTY-NOTICES DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}")  # errors and pages name files of it

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/polyquant")
configure_package_config_file(cmake/polyquantConfig.cmake.in "${PROJECT_BINARY_DIR}/polyquantConfig.cmake"
                              INSTALL_DESTINATION "${package}")
# Before 1.0 every minor version may break plugins.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/polyquantConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(EXPORT polyquantTargets NAMESPACE polyquant:: DESTINATION "${package}")
install(FILES "${PROJECT_BINARY_DIR}/polyquantConfig.cmake" "${PROJECT_BINARY_DIR}/polyquantConfigVersion.cmake"
              cmake/PolyquantPlugin.cmake DESTINATION "${package}")
