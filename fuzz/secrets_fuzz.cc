// The detector of secrets, every family and score, as it is and in the view of undone encodings, on
// a text that arrives in pieces.
#include <simdjson.h>

#include "core/detect/secrets.h"
#include "fuzz/findings.h"

namespace capsem::fuzz {
namespace {

detect::Catalog make_catalog() {
  detect::Catalog catalog;
  detect::KindOptions options;
  for (const detect::Kind& kind : detect::secret_kinds()) {
    options.rules.push_back(catalog.add_rule(std::string(kind.name)));
  }
  catalog.add(detect::make_secret_detector(options), detect::kFoldedView);
  return catalog;
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem::fuzz;
  static const capsem::detect::Catalog catalog = make_catalog();
  static FindingOracle oracle(catalog);
  const auto text = as_text(data, size);
  if (simdjson::validate_utf8(text.data(), text.size())) oracle.check_text(text);
  return 0;
}
