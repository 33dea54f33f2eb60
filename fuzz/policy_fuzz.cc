// Policy files of every dialect. A file is read or refused, never a crash; a refusal says where;
// what was read can be compiled, reads the same again, and converts to a file that says the same.
// The server's own file is left alone.
#include <chrono>

#include "core/policy/convert.h"
#include "core/policy/lint.h"
#include "core/policy/loader.h"
#include "core/policy/snapshot.h"
#include "fuzz/support.h"

namespace {

using namespace capsem;

void check_conversion(const policy::Document& document) {
  const policy::SourceFile file{"converted.toml", policy::to_toml(document)};
  const auto again = policy::read_files({&file, 1});
  fuzz::check(again.ok() && again.documents.size() == 1, "what was converted loads");
  fuzz::check(policy::to_toml(again.documents[0]) == file.text, "what was converted is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::as_text(data, size));
  constexpr std::chrono::year_month_day kToday{std::chrono::year(2026), std::chrono::November,
                                               std::chrono::day(1)};
  for (const char* name : {"debug.toml", "pii.toml", "secrets.toml", "injection.toml", "other.toml",
                           "sekuire.yml", "rules.json", "rules.yaml"}) {
    const policy::SourceFile file{name, text};
    auto loaded = policy::load_directory({&file, 1});
    if (!loaded) {
      fuzz::check(loaded.error().detail.find(name) != std::string::npos,
                  "a refusal names the file");
      continue;
    }
    fuzz::check(!loaded->enabled.empty(), "some policy is always in force");
    const auto again = policy::load_directory({&file, 1});
    fuzz::check(again && again->revision == loaded->revision, "the same file, the same revision");
    for (const policy::Document& document : policy::read_files({&file, 1}).documents) {
      check_conversion(document);
    }
    policy::lint(loaded->documents, kToday);
    const auto frozen = policy::Snapshot::freeze(std::move(loaded->documents), loaded->revision);
    fuzz::check(frozen.has_value(), "what was loaded compiles");
  }
  return 0;
}
