// The detector of prompt injection, every kind and score, as it is and in the view of undone
// encodings, on a text that arrives in pieces.
#include "core/detect/injection.h"
#include "fuzz/findings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem;
  static const detect::Catalog catalog =
      fuzz::catalog_of_kinds(detect::injection_kinds(), detect::make_injection_detector);
  static fuzz::FindingOracle oracle(catalog);
  return oracle.check_input(data, size);
}
