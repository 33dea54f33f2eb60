# Every third-party library, found once and given one name each.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(simdjson REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(yamlcpp REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(brotli REQUIRED IMPORTED_TARGET libbrotlidec)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(jemalloc IMPORTED_TARGET jemalloc)

# Debian's libphonenumber-dev depends on Boost 1.74, which cannot be installed beside 1.81, so
# scripts/setup unpacks its headers into .deps and only the run-time library is installed.
set(CAPSEM_DEPS_DIR ${PROJECT_SOURCE_DIR}/.deps CACHE PATH "Unpacked development packages")
find_path(PHONENUMBER_INCLUDE_DIR phonenumbers/phonenumberutil.h
  HINTS ${CAPSEM_DEPS_DIR}/phonenumber/usr/include)
find_library(PHONENUMBER_LIBRARY NAMES phonenumber libphonenumber.so.8
  HINTS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
if(NOT PHONENUMBER_INCLUDE_DIR OR NOT PHONENUMBER_LIBRARY)
  message(FATAL_ERROR "libphonenumber not found: run scripts/setup")
endif()
add_library(capsem_phonenumber INTERFACE)
target_include_directories(capsem_phonenumber SYSTEM INTERFACE ${PHONENUMBER_INCLUDE_DIR})
target_link_libraries(capsem_phonenumber INTERFACE ${PHONENUMBER_LIBRARY} protobuf)
target_compile_definitions(capsem_phonenumber INTERFACE I18N_PHONENUMBERS_USE_STDMUTEX)
