# capsem_floor(policy USES event detect limit LIBS tomlplusplus::tomlplusplus)
#
# One folder of the map is one static library. USES is the whole list of floors it may include
# besides base; LIBS is the whole list of third-party libraries. tests/layering.py reads the same
# lines and fails on an #include that they do not allow.
function(capsem_floor name)
  cmake_parse_arguments(F "" "" "USES;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    add_library(capsem_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(capsem_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  list(TRANSFORM F_USES PREPEND capsem_)
  target_include_directories(capsem_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(capsem_${name} ${scope} ${F_USES} ${F_LIBS} capsem_options)
  if(NOT name STREQUAL "base")
    target_link_libraries(capsem_${name} ${scope} capsem_base)
  endif()
endfunction()
