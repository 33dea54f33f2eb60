# capsem_floor(policy USES event detect limit LIBS tomlplusplus::tomlplusplus)
#
# One folder of the map is one static library. USES is the whole list of floors it may include
# besides base; LIBS is the whole list of third-party libraries. tests/layering.py reads the same
# lines and fails on an #include that they do not allow.
#
# With CAPSEM_JUMBO the floors named here are compiled several files at a time, which takes a third
# of the time. The others use one name for different things in different files, and stay as they are.
set(CAPSEM_JUMBO_FLOORS base event net http upstream tenant redis proxy webhook client)
if(NOT CMAKE_BUILD_TYPE MATCHES "^Rel")
  # At -O3 g++ 12 sees uninitialised strings in the larger whole where there are none.
  list(APPEND CAPSEM_JUMBO_FLOORS policy)
endif()
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
  if(CAPSEM_JUMBO AND sources AND name IN_LIST CAPSEM_JUMBO_FLOORS)
    set_target_properties(capsem_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
  list(TRANSFORM F_USES PREPEND capsem_)
  target_include_directories(capsem_${name} ${scope} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(capsem_${name} ${scope} ${F_USES} ${F_LIBS} capsem_options)
  if(NOT name STREQUAL "base")
    target_link_libraries(capsem_${name} ${scope} capsem_base)
  endif()
endfunction()
