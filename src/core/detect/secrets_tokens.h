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

  // The best match of a token that begins at p; none if the probe asked for more. REQUIRES: no word
  // goes on at p.
  std::optional<Hit> match(Probe& probe, std::size_t p) const;

 private:
  struct Row {
    Shape shape;
    const TokenFamily* family;
    std::size_t kind;
    bool is_host;  // may stand behind a dot: a host's name
  };
  std::optional<Hit> match_row(const Row& row, Probe& probe, std::size_t p) const;

  struct Literal {
    Head head;
    std::uint16_t row;
  };
  // The rows that may begin with one byte.
  struct Group {
    std::vector<Literal> literals;
    std::vector<std::uint16_t> classes;
    std::array<std::uint64_t, 2> seconds{};  // second bytes of the literals: a bit each

    bool has_second(const Head& head) const;
  };
  void better(std::optional<Hit>& best, const Row& row, Probe& probe, std::size_t p) const;

  std::vector<Row> rows_;
  std::array<Group, 128> by_first_;
};

}  // namespace capsem::detect::secrets
