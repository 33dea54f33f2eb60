// The detectors of every policy at once, on a text that arrives in pieces.
#include <simdjson.h>

#include "fuzz/findings.h"
#include "fuzz/policies.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem::fuzz;
  static FindingOracle oracle(all_policies()->catalog());
  const auto text = as_text(data, size);
  if (simdjson::validate_utf8(text.data(), text.size())) oracle.check_text(text);
  return 0;
}
