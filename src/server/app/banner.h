// What `capsem serve` says when it is ready (R18).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "server/proxy/settings.h"

namespace capsem::app {

struct BannerFacts {
  std::uint16_t port = 0, admin_port = 0;  // as bound; admin 0: none
  std::span<const std::string> enabled;    // policies, in the order they act
  std::span<const std::string> warnings;
};

std::string banner(const proxy::Settings& settings, const BannerFacts& facts);

// Settings that work but that nobody should be surprised by: keys on an open network.
std::vector<std::string> exposure_warnings(const proxy::Settings& settings);

}  // namespace capsem::app
