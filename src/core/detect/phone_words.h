// Words that say that a telephone number follows.
#pragma once

#include <cstddef>
#include <string_view>

namespace capsem::detect {

// Whether words right before p announce a telephone number there ("call me at", "fax:"). Reads at
// most 80 bytes back, and the digits at p.
bool phone_announced(std::string_view s, std::size_t p);

}  // namespace capsem::detect
