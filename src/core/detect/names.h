// PERSON, LOCATION and NRP: the tagger's answer for a run of capitalised words, and rules that need
// no model ("Mr. X", "my name is X", "name": "X Y").
//
// Whether a name stands at a place follows from the text from 256 bytes before to 256 bytes behind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/detect/model_data.h"
#include "core/detect/name_run.h"

namespace capsem::detect {

inline constexpr float kNameScore = 0.85F;  // what Presidio gives each finding of its model

enum class NameKind : std::uint8_t { Person, Place, Group };

struct Name {
  std::size_t begin = 0, end = 0;  // end 0: none
  NameKind kind = NameKind::Person;
  explicit operator bool() const { return end != 0; }
};

// Reads the names of one text. Remembers the run it read last: its words are asked for one by one.
class NameReader {
 public:
  explicit NameReader(std::string_view text, std::span<const std::int8_t> table = tagger_table())
      : s_(text), table_(table) {}

  // The name that the upper-case letter at p stands for: one whose first such letter of ASCII it is
  // or, of one without any, whose first letter. So a name that begins with a letter that has marks
  // ("Élodie Martin") may begin before p, by one word at most.
  // REQUIRES: no word character before p.
  Name at(std::size_t p);

  // The name in lower case that begins at p ("my name is simone", "i am fijian"): a single word,
  // whatever follows it. REQUIRES: a small letter at p, a space before it.
  Name introduced_at(std::size_t p) const;

  // The group in lower case that ends with the small letter at p ("the spanish government").
  // REQUIRES: no small letter behind p.
  Name lower_group_at(std::size_t p) const;

 private:
  void read(std::size_t p);

  std::string_view s_;
  std::span<const std::int8_t> table_;
  std::size_t run_begin_ = 0, run_end_ = 0;
  std::size_t count_ = 0;
  std::array<Name, kRunWords> names_{};
};

}  // namespace capsem::detect
