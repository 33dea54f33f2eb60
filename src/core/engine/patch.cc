#include "core/engine/patch.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace capsem::engine {
namespace {

constexpr unsigned kPemDashes = 5;

}  // namespace

void PatchList::add(Patch patch, std::uint64_t from) {
  patch.begin = std::max(patch.begin, from);
  if (patch.end <= patch.begin) return;
  const auto before = [](const Patch& a, const Patch& b) {
    return std::tie(a.begin, b.end, b.score, a.rule) < std::tie(b.begin, a.end, a.score, b.rule);
  };
  patches_.insert(std::ranges::upper_bound(patches_, patch, before), std::move(patch));
}

std::string with_patches(std::string_view text, const PatchList& patches) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < patches.size() && patches[i].begin < text.size(); ++i) {
    const Patch& patch = patches[i];
    if (patch.begin >= at) {
      out += text.substr(at, patch.begin - at);
      out += patch.text;
    }
    if (patch.end < at) continue;
    at = std::min<std::size_t>(patch.end, text.size());
    TailFollower tail(patch.tail);
    while (at < text.size() && tail.takes(text.substr(at, 1))) ++at;
  }
  out += text.substr(at);
  return out;
}

bool TailFollower::takes(std::string_view bytes) {
  if (tail_ == detect::Tail::None) return false;
  const bool taken = std::ranges::all_of(bytes, [this](char c) {
    return tail_ == detect::Tail::Token ? takes_of_token(c) : takes_of_pem(c);
  });
  if (!taken) tail_ = detect::Tail::None;
  return taken;
}

bool TailFollower::takes_of_token(char c) const {
  const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return word || std::string_view("-_.~+/=").contains(c);
}

// Up to the dashes that close the line with "-----END". No block holds a quote: one that was cut
// short ends with the string it stands in.
bool TailFollower::takes_of_pem(char c) {
  constexpr std::string_view kEnd = "END";
  if (c == '"' || c == '\0') return false;
  if (last_line_) {
    if (dashes_ == kPemDashes || c == '\n') return false;
    dashes_ = c == '-' ? dashes_ + 1 : 0;
    return true;
  }
  if (c == '-') {
    dashes_ = letters_ == 0 ? dashes_ + 1 : 1;
    letters_ = 0;
  } else if (dashes_ >= kPemDashes && c == kEnd[letters_]) {
    last_line_ = ++letters_ == kEnd.size();
    if (last_line_) dashes_ = 0;
  } else {
    dashes_ = letters_ = 0;
  }
  return true;
}

}  // namespace capsem::engine
