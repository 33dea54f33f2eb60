// Tokens that tell what they are, by their shapes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/detect/secrets_families.h"
#include "core/detect/secrets_hit.h"
#include "core/detect/secrets_shape.h"

namespace capsem::detect::secrets {

class TokenShapes {
 public:
  TokenShapes();

  // The best match of a token that begins at p. REQUIRES: no word goes on at p.
  std::optional<Hit> match(Probe& probe, std::size_t p) const;

 private:
  struct Row {
    Shape shape;
    const TokenFamily* family;
    std::size_t kind;
    bool is_host;  // may stand behind a dot: a host's name
  };
  std::optional<Hit> match_row(const Row& row, Probe& probe, std::size_t p) const;

  std::vector<Row> rows_;
  std::array<std::vector<std::uint16_t>, 128> by_first_;  // rows that may begin with a byte
};

}  // namespace capsem::detect::secrets
