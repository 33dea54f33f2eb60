// The detectors of every policy at once, on a text that arrives in pieces.
#include "fuzz/findings.h"
#include "fuzz/policies.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem::fuzz;
  static FindingOracle oracle(all_policies()->catalog());
  return oracle.check_input(data, size);
}
