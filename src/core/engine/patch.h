// What has to stand in the place of a stretch of a lane.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/detector.h"

namespace capsem::engine {

// Offsets are bytes of the lane's text, its escapes undone.
struct Patch {
  std::uint64_t begin = 0, end = 0;
  detect::Tail tail = detect::Tail::None;  // how far beyond `end` it goes on
  std::string text;
  // Among patches that begin and end together the first in this order counts.
  float score = 0;
  detect::RuleId rule = 0;
};

// A lane's patches, by where they begin; of those that begin together the longest is first. Where
// they overlap, they are one: the text of the one that begins first stands for all of them.
class PatchList {
 public:
  // `from`: what lies before it has been written already and stays as it is.
  void add(Patch patch, std::uint64_t from = 0);
  bool empty() const { return patches_.empty(); }
  std::size_t size() const { return patches_.size(); }
  const Patch& operator[](std::size_t i) const { return patches_[i]; }

 private:
  std::vector<Patch> patches_;
};

// A text with all its patches made; of one that is cut short, those that begin in it.
std::string with_patches(std::string_view text, const PatchList& patches);

// Follows a finding that goes on beyond its end (detect::Tail), character by character.
class TailFollower {
 public:
  explicit TailFollower(detect::Tail tail = detect::Tail::None) : tail_(tail) {}

  bool live() const { return tail_ != detect::Tail::None; }

  // The text's next characters belong to the finding. False: it has ended before them.
  bool takes(std::string_view bytes);

 private:
  bool takes_of_token(char c) const;
  bool takes_of_pem(char c);

  detect::Tail tail_;
  // Of a PEM block: dashes in a row, letters of "END" behind five of them, and the last line.
  unsigned dashes_ = 0, letters_ = 0;
  bool last_line_ = false;
};

}  // namespace capsem::engine
