// The mock provider as a program of its own, for benchmarks and tests that want nothing else.
#include <string>
#include <vector>

#include "server/mock/upstream.h"

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  return capsem::mock::run_mock_upstream(args);
}
