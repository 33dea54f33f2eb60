# One interface target holds what every file of the project is compiled with.
add_library(capsem_options INTERFACE)
target_compile_options(capsem_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Werror
  -fstack-protector-strong -fcf-protection=full)
target_compile_definitions(capsem_options INTERFACE _GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # clang counts sign conversions under -Wconversion, g++ does not; and it finds libstdc++ 12's own
  # use of a function that C++17 deprecated. One rule for both.
  target_compile_options(capsem_options INTERFACE -Wno-sign-conversion -Wno-deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # At -O3 it takes "a literal" + std::string for an overlapping copy (GCC PR 105651).
  target_compile_options(capsem_options INTERFACE -Wno-restrict)
endif()
if(CAPSEM_FUZZ)
  target_compile_options(capsem_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo")
  target_compile_options(capsem_options INTERFACE -O3 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(CAPSEM_NATIVE_V3 AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  target_compile_options(capsem_options INTERFACE -march=x86-64-v3)
endif()
if(CAPSEM_SANITIZE)
  target_compile_options(capsem_options INTERFACE
    -fsanitize=${CAPSEM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(capsem_options INTERFACE -fsanitize=${CAPSEM_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees uninitialised reads in its own vectors once they are instrumented; the release
    # build keeps the warning.
    target_compile_options(capsem_options INTERFACE -Wno-maybe-uninitialized)
    if(CAPSEM_SANITIZE MATCHES "thread")
      # Asio's fences, which the sanitizer does not model; what they order is under locks as well.
      target_compile_options(capsem_options INTERFACE -Wno-tsan)
    endif()
  endif()
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_link_options(capsem_options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
find_program(MOLD mold)
if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_link_options(capsem_options INTERFACE -fuse-ld=mold)
endif()
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
