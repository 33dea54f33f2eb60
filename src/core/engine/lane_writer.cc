#include "core/engine/lane_writer.h"

#include <algorithm>

#include "core/wire/json_units.h"

namespace capsem::engine {
namespace {

using Kind = JsonPlace::Kind;

// A member's name has to stay the only one of its object.
std::string told_apart(std::string text, NameCounts& names) {
  const unsigned count = ++names[text];
  return count == 1 ? text : text + "#" + std::to_string(count);
}

}  // namespace

Coding coding_of(const event::Text& text) {
  switch (text.form) {
    case event::Form::Name:
      return Coding::Name;
    case event::Form::Slice:
      return text.json ? Coding::Slice : Coding::Number;
    default:
      return text.json ? Coding::JsonText : Coding::Text;
  }
}

LaneWriter::LaneWriter(Coding coding, std::uint64_t position)
    : coding_(coding),
      position_(position),
      place_(coding == Coding::Slice || coding == Coding::Number) {}

bool LaneWriter::write(std::string_view raw, const PatchList& patches, NameCounts& names,
                       std::string& out) {
  changed_ = false;
  if (coding_ == Coding::Text || coding_ == Coding::Name) {
    write_text(raw, patches, names, out);
  } else {
    if (coding_ == Coding::Number) token_ = Token::None;
    write_json(raw, patches, out);
  }
  return changed_;
}

void LaneWriter::write_text(std::string_view raw, const PatchList& patches, NameCounts& names,
                            std::string& out) {
  while (!raw.empty()) {
    const wire::JsonUnit unit = wire::next_json_unit(raw);
    if (!covers(unit.size, unit.decoded(), patches)) {
      out += raw.substr(0, unit.raw);
    } else {
      changed_ = true;
      std::string text = due_text(patches);
      if (coding_ == Coding::Name && !text.empty()) text = told_apart(std::move(text), names);
      wire::append_json_escaped(text, out);
    }
    position_ += unit.size;
    raw.remove_prefix(unit.raw);
  }
}

void LaneWriter::write_json(std::string_view raw, const PatchList& patches, std::string& out) {
  while (!raw.empty()) {
    std::size_t size = 0;
    if (coding_ == Coding::JsonText) {
      const wire::JsonUnit unit = wire::next_json_unit(raw);
      size = unit.raw;
      bool first = true;
      for (const char c : unit.decoded()) {
        take(c, first ? raw.substr(0, size) : std::string_view(), first, patches, out);
        first = false;
      }
    } else {
      size = 1;
      take(raw.front(), raw.substr(0, 1), true, patches, out);
    }
    raw.remove_prefix(size);
  }
  if (!group_.empty()) write_unfinished(patches, out);
}

// What an escape has come to so far goes the way of its character. Where that is not known before
// the character is, it is written with the next piece.
void LaneWriter::write_unfinished(const PatchList& patches, std::string& out) {
  enter(position_ + 1, patches);
  if (active_ && position_ >= end_ && tail_.live()) {
    changed_ = true;
    return;
  }
  write_group(active_ && position_ < end_, patches, out);
  group_.clear();
}

// One character of the JSON text, written as `raw`. (Only the first byte of a longer one has it.)
void LaneWriter::take(char c, std::string_view raw, bool first, const PatchList& patches,
                      std::string& out) {
  constexpr unsigned kUnicodeEscape = 6;
  constexpr std::uint64_t kReplacementBytes = 3;
  const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
  decoder_.feed({&c, 1}, decoded_);
  if (group_chars_ == kUnicodeEscape && c != '\\') {
    // Half of a surrogate pair that stays alone: U+FFFD, and this character is the next.
    finish_group(kReplacementBytes, {decoded_.data(), kReplacementBytes}, patches, out);
    decoded_.erase(0, kReplacementBytes);
  }
  if (group_chars_ == 0 && !continues) {
    group_in_name_ = place_.in_name();
    kind_ = place_.take(c);
  } else {
    place_.take(c);
  }
  ++group_chars_;
  if (first) group_ += raw;
  if (decoder_.pending()) return;
  const std::uint64_t size = decoded_.size();
  finish_group(size, decoded_, patches, out);
  decoded_.clear();
}

void LaneWriter::finish_group(std::uint64_t size, std::string_view decoded,
                              const PatchList& patches, std::string& out) {
  write_group(covers(size, decoded, patches), patches, out);
  position_ += size;
  group_.clear();
  group_chars_ = 0;
}

void LaneWriter::write_group(bool covered, const PatchList& patches, std::string& out) {
  if (kind_ == Kind::Token) return write_token(covered, patches, out);
  token_ = Token::None;
  if (!covered || kind_ == Kind::Structure) {
    out += group_;
    return;
  }
  changed_ = true;
  std::string text = due_text(patches);
  if (group_in_name_ && !text.empty()) text = told_apart(std::move(text), names_);
  put(text, false, out);
}

// A number that is patched from its first digit on becomes a string as a whole; one that is patched
// further on keeps what has been written and ends in a zero.
void LaneWriter::write_token(bool covered, const PatchList& patches, std::string& out) {
  if (token_ == Token::Replaced) {
    changed_ = true;
    return;
  }
  if (token_ == Token::None) {
    const bool number =
        !group_.empty() && (group_[0] == '-' || (group_[0] >= '0' && group_[0] <= '9'));
    token_ = number ? Token::Number : Token::Literal;
    if (covered) {
      changed_ = true;
      token_ = Token::Replaced;
      return put(due_text(patches), true, out);
    }
  }
  if (covered && token_ == Token::Number) {
    changed_ = true;
    token_ = Token::Replaced;
    due_ = kNone;
    out += '0';
    return;
  }
  out += group_;
}

// Patches that begin before `end` are in force.
void LaneWriter::enter(std::uint64_t end, const PatchList& patches) {
  for (; next_ < patches.size() && patches[next_].begin < end; ++next_) {
    const Patch& patch = patches[next_];
    const bool joins = active_ && patch.begin < end_;
    if (!joins) due_ = next_;
    if (!joins || patch.end > end_) {
      end_ = patch.end;
      tail_ = TailFollower(patch.tail);
    }
    active_ = true;
  }
}

// The next `size` bytes of the lane are covered by a patch.
bool LaneWriter::covers(std::uint64_t size, std::string_view decoded, const PatchList& patches) {
  enter(position_ + size, patches);
  if (!active_) return false;
  if (position_ < end_) return true;
  if (tail_.takes(decoded)) {
    end_ = position_ + size;
    return true;
  }
  active_ = false;
  due_ = kNone;
  return false;
}

std::string LaneWriter::due_text(const PatchList& patches) {
  if (due_ == kNone) return {};
  std::string text = patches[due_].text;
  due_ = kNone;
  return text;
}

void LaneWriter::put(std::string_view text, bool quoted, std::string& out) const {
  if (text.empty() && !quoted) return;
  if (place_.plain()) return wire::append_json_escaped(text, out);
  std::string once = quoted ? "\"" : "";
  wire::append_json_escaped(text, once);
  if (quoted) once += '"';
  if (coding_ == Coding::JsonText) {
    wire::append_json_escaped(once, out);
  } else {
    out += once;
  }
}

}  // namespace capsem::engine
