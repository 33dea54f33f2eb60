#include "server/sql/text.h"

namespace capsem::sql {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// The length of the character at `at`; 0 when there is none that can be stored. The bounds of the
// second byte keep out longer spellings than needed, surrogates and what is beyond U+10FFFF.
std::size_t character_at(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  std::size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if ((lead & 0xF0) == 0xE0) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (text.size() - at < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned next = byte_at(text, at + i);
    if (next < low || next > high) return 0;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

constexpr std::size_t kBlockBytes = 64;

// ASCII without a NUL: nearly all of nearly every text. Does not stop at the first byte that is
// another, so that it becomes a few vector instructions.
bool is_plain_block(const char* bytes) {
  unsigned char others = 0;
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    others = static_cast<unsigned char>(others | byte | (byte - 1U));
  }
  return others < 0x80;
}

// Where the storable beginning of `text` ends.
std::size_t storable_until(std::string_view text, std::size_t at) {
  std::size_t block = at;  // those before it have been looked at
  while (at < text.size()) {
    if (at >= block && text.size() - at >= kBlockBytes) {
      block = at + kBlockBytes;
      if (is_plain_block(text.data() + at)) {
        at = block;
        continue;
      }
    }
    const std::size_t length = character_at(text, at);
    if (length == 0) return at;
    at += length;
  }
  return at;
}

}  // namespace

bool is_storable(std::string_view text) {
  return storable_until(text, 0) == text.size();
}

std::string storable(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  std::size_t at = 0;
  while (true) {
    const std::size_t end = storable_until(text, at);
    out.append(text.substr(at, end - at));
    if (end == text.size()) return out;
    out.append("\xEF\xBF\xBD");
    at = end + 1;
  }
}

}  // namespace capsem::sql
