// `capsem demo`: the founding demo, played by this program against itself.
#pragma once

#include <span>
#include <string>

namespace capsem::mock {

// Starts a mock provider and a gateway with the shipped policies on free loopback ports, sends
// every scene over HTTP, unstreamed and streamed, and prints what the founding demo prints. Needs
// no key and no network. 0: every scene ended as it should; 1: some did not; 2: wrong arguments.
int run_demo(std::span<const std::string> args);

}  // namespace capsem::mock
