// Values that only their surroundings tell of: assigned to a name like "password" or near a
// vendor's name, in an Authorization header, on curl's command line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/detect/secrets_families.h"
#include "core/detect/secrets_hit.h"
#include "core/detect/secrets_names.h"

namespace capsem::detect::secrets {

// Longest value that an assignment claims; a longer token goes on as Tail::Token.
inline constexpr std::size_t kValueBytesMax = 120;
// From a name's word to its value: the rest of the name, operator, quotes, blanks.
inline constexpr std::size_t kNameReach = 72;

// Looks at the word at `hint` ("password", "token", "Authorization", "-u"): whether a value follows
// it, and what that is.
void look_behind_word(Probe& probe, std::size_t hint, Hits& hits);

// Values near a vendor's name.
class VendorNames {
 public:
  VendorNames();
  // A value that begins at p. REQUIRES: no word goes on at p.
  std::optional<Hit> match(Probe& probe, std::size_t p) const;

 private:
  struct Row {
    const NamedFamily* family;
    std::size_t kind;
  };
  bool names_vendor(std::string_view text, std::size_t from, std::size_t to) const;
  bool vendor_at(std::string_view text, std::size_t i, std::size_t to) const;

  std::array<std::vector<Row>, 128> by_first_;
  // Two and three letters that a vendor's name begins with, five bits each.
  std::array<std::uint64_t, (1U << 10U) / 64> pairs_{};
  std::array<std::uint64_t, (1U << 15U) / 64> beginnings_{};
};

// An assignment as it stands in the text.
struct Assignment {
  std::string_view name;
  std::size_t value = 0;  // offset of its first byte
  char quote = 0;         // 0: none
  bool tight = false;     // the operator touches name and value, as in env and ini files
  bool spoken = false;    // "the password is ..."
  bool scheme = false;    // "Bearer ", "Basic " or the like stood before the value
  bool basic = false;
};
std::optional<Assignment> read_assignment(Probe& probe, std::size_t name_begin,
                                          std::size_t name_end);

// Where the value that begins at p ends. For quoted ones: before the quote.
struct ValueEnd {
  std::size_t end = 0;
  bool closed = false;  // its end was seen within kValueBytesMax
};
ValueEnd read_value(Probe& probe, std::size_t p, char quote);

}  // namespace capsem::detect::secrets
