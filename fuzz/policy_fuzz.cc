// Policy files. A file is read or refused, never a crash; a refusal says where; what was read can
// be compiled, and reading it again gives the same revision. The server's own file is left alone.
#include "core/policy/loader.h"
#include "fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem;
  const std::string text(fuzz::as_text(data, size));
  for (const char* name : {"debug.toml", "pii.toml", "other.toml"}) {
    const policy::SourceFile file{name, text};
    auto loaded = policy::load_directory({&file, 1});
    if (!loaded) {
      fuzz::check(loaded.error().detail.find(name) != std::string::npos,
                  "a refusal names the file");
      continue;
    }
    fuzz::check(!loaded->policies.empty(), "some policy is always in force");
    const auto again = policy::load_directory({&file, 1});
    fuzz::check(again && again->revision == loaded->revision, "the same file, the same revision");
    fuzz::check(policy::Snapshot::freeze(std::move(loaded->policies), loaded->revision).has_value(),
                "what was loaded compiles");
  }
  return 0;
}
