#include "server/app/version.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <cstdio>

#include "server/app/command_line.h"

// CAPSEM_VERSION, CAPSEM_REVISION, CAPSEM_BUILD_TYPE and CAPSEM_LIBRARIES come from CMakeLists.txt.

namespace capsem::app {

std::string_view program_version() {
  return CAPSEM_VERSION;
}
std::string_view program_revision() {
  return CAPSEM_REVISION;
}

std::string version_text() {
  std::string text = fmt::format("capsem {}\nrevision {}\nbuild {}, {} {}\n", CAPSEM_VERSION,
                                 CAPSEM_REVISION, CAPSEM_BUILD_TYPE,
#ifdef __clang__
                                 "clang",
#else
                                 "g++",
#endif
                                 __VERSION__);
  // The one library whose version at run time matters for security; the others as built against.
  text += fmt::format("{}\n", OpenSSL_version(OPENSSL_VERSION));
  std::string_view libraries = CAPSEM_LIBRARIES;
  while (!libraries.empty()) {
    const auto end = libraries.find('|');
    text += fmt::format("{}\n", libraries.substr(0, end));
    libraries = end == std::string_view::npos ? std::string_view() : libraries.substr(end + 1);
  }
  return text;
}

int run_version(Arguments arguments) {
  CLI::App app("Version, revision of the source and the libraries in use", "capsem version");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  std::fputs(version_text().c_str(), stdout);
  return 0;
}

}  // namespace capsem::app
