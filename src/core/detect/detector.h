// The detector seam: text in, findings out, in one pass, from text that may still be arriving.
//
// Locality. Whether a finding begins at offset p depends only on the text in
// [p - kLookBehind, p + kLookAhead): no detector reads further back or further on. That makes the
// findings a function of the text alone, however it is cut, and bounds what a stream holds back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace capsem::detect {

inline constexpr std::size_t kLookBehind = 256;  // bytes of context before a finding
inline constexpr std::size_t kLookAhead = 512;   // longest finding, trailing context included

// A rule of a frozen catalog: one entity type, one keyword.
using RuleId = std::uint16_t;

// What a finding stands for beyond its own end: secrets may be longer than kLookAhead. Whoever
// redacts goes on, from the finding's end, over the tail.
enum class Tail : std::uint8_t {
  None,
  Token,     // up to the first byte that is no letter, digit, or one of "-_.~+/="
  PemBlock,  // up to and with the line that holds "-----END", or the end of the text
};

// Where and what, never the text itself. Offsets are bytes of the lane's text.
struct Finding {
  RuleId rule = 0;
  float score = 0;  // 0..1, Presidio's scale
  std::uint64_t begin = 0, end = 0;
  std::uint64_t value = 0;  // value_digest() of the match; 0: nobody asked for it
  Tail tail = Tail::None;
};

// What two spellings of one value have in common: letters (case aside) and digits, hashed under
// `key`. "4111 1111-11" and "4111111111" are one value. Never 0.
std::uint64_t value_digest(std::string_view match, std::uint64_t key);

// The part of a lane that a detector may look at.
struct Window {
  std::string_view text;   // begins up to kLookBehind bytes before `from`, or at the lane's start
  std::size_t from = 0;    // offset in `text`: findings that begin before it have been reported
  std::uint64_t base = 0;  // lane offset of text[0]: findings are reported as base + offset
  bool last = false;       // no more text will follow
};

// What a scan writes to, one per detector and event loop.
class Scratch {
 public:
  virtual ~Scratch() = default;
};

// Turns text into findings. const is the thread-safety promise: one instance serves all threads,
// and whatever a scan has to write lives in the caller's Scratch.
class Detector {
 public:
  virtual ~Detector() = default;

  virtual std::unique_ptr<Scratch> make_scratch() const = 0;

  // Appends every finding that begins in text[from, decided), and returns `decided`: the offset up
  // to which this text is settled, whatever follows. It is as large as can be: text that no live
  // candidate can still grow over is settled at once. With `last` set it is text.size(); it is
  // never less than `from`, and never more than kLookAhead below text.size().
  //
  // A NUL byte in the text is a hard boundary: no finding and no context reaches over it. (Batches
  // of unrelated texts are joined with one.)
  //
  // Duplicates: of two findings of one rule where one contains the other, only the higher scored,
  // or else the longer one, is reported (Presidio's rule).
  virtual Result<std::size_t> scan(const Window& window, Scratch& scratch,
                                   std::vector<Finding>& findings) const = 0;
};

}  // namespace capsem::detect
