# polyquant_add_plugin(NAME source... [LINK library...])
#
# A loadable polyquant plugin NAME.so and, where tests are enabled, the test conformance.NAME, which puts everything
# that the plugin registers through the conformance suite. The same function serves this tree and projects that use
# find_package(polyquant); those find the library in their own build folder.

function(polyquant_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 plugin "" "" "LINK")
  if(NOT plugin_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "polyquant_add_plugin(${name}): no source files")
  endif()
  if(TARGET ${name})
    message(FATAL_ERROR "polyquant_add_plugin(${name}): the name is taken; a format and a quantizer of one name are "
                        "told apart as in format_gptq and gptq")
  endif()
  add_library(${name} MODULE ${plugin_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE polyquant::polyquant ${plugin_LINK})
  # The same flags matter for exact results, see docs/CONTRIBUTING.md of polyquant.
  target_compile_options(${name} PRIVATE -ffp-contract=off)
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    INSTALL_RPATH "$ORIGIN/../..")
  if(PQ_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PQ_PLUGIN_OUTPUT_DIRECTORY}")
  endif()
  if(NOT PQ_PLUGIN_FOLDER)
    set(PQ_PLUGIN_FOLDER lib/polyquant/plugins)
  endif()
  install(TARGETS ${name} LIBRARY DESTINATION "${PQ_PLUGIN_FOLDER}")
  set_property(GLOBAL APPEND PROPERTY PQ_PLUGINS ${name})

  if(TARGET polyquant::conformance)
    add_test(NAME conformance.${name} COMMAND polyquant::conformance $<TARGET_FILE:${name}>)
    set_tests_properties(conformance.${name} PROPERTIES LABELS conformance SKIP_RETURN_CODE 77)
  endif()
endfunction()
