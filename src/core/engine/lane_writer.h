// Writes the pieces of one lane as they stand in a JSON text, with patches in their places.
//
// A patch's text stands where the patch begins; what it covers is left out, in later pieces, too.
// No escape is cut, and what is put in is escaped as its place wants it. Within JSON the structure
// stays: only what stands in strings is patched; a number becomes a string; of a name that stands
// twice in one lane the second is told apart ("[EMAIL_ADDRESS]#2").
//
// However a text is cut into pieces, what is written is the same when the pieces are joined.
// A value; pieces in their order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/engine/json_place.h"
#include "core/engine/patch.h"
#include "core/event/event.h"
#include "core/wire/json_text.h"

namespace capsem::engine {

// How often each text has stood as a member's name.
using NameCounts = std::map<std::string, unsigned, std::less<>>;

// How a piece is written.
enum class Coding : std::uint8_t {
  Text,      // a string: its content is the text
  Name,      // a member's name
  JsonText,  // a string whose content is JSON text
  Slice,     // the JSON text itself
  Number,    // the JSON text of one number, a text of its own
};
Coding coding_of(const event::Text& text);

class LaneWriter {
 public:
  // `position`: of the first piece, in the lane. REQUIRES: 0 for JSON text.
  explicit LaneWriter(Coding coding, std::uint64_t position = 0);

  // Appends the piece `raw` (of strings: their body, without quotes). True: it is not what it was.
  bool write(std::string_view raw, const PatchList& patches, NameCounts& names, std::string& out);

  std::uint64_t position() const { return position_; }

 private:
  void write_text(std::string_view raw, const PatchList& patches, NameCounts& names,
                  std::string& out);
  void write_json(std::string_view raw, const PatchList& patches, std::string& out);
  void take(char c, std::string_view raw, bool first, const PatchList& patches, std::string& out);
  void finish_group(std::uint64_t size, std::string_view decoded, const PatchList& patches,
                    std::string& out);
  void write_group(bool covered, const PatchList& patches, std::string& out);
  void write_token(bool covered, const PatchList& patches, std::string& out);
  void write_unfinished(const PatchList& patches, std::string& out);
  void enter(std::uint64_t end, const PatchList& patches);
  bool covers(std::uint64_t size, std::string_view decoded, const PatchList& patches);
  std::string due_text(const PatchList& patches);
  void put(std::string_view text, bool quoted, std::string& out) const;

  static constexpr std::size_t kNone = ~std::size_t{0};

  Coding coding_;
  std::uint64_t position_ = 0;  // in the lane
  // The patch in force: where it ends, and whether its text is still to be written.
  std::size_t next_ = 0, due_ = kNone;
  std::uint64_t end_ = 0;
  bool active_ = false, changed_ = false;
  TailFollower tail_;
  // Of JSON text: characters as written that come to one of the lane's.
  wire::JsonTextDecoder decoder_;
  JsonPlace place_;
  NameCounts names_;
  std::string group_, decoded_;
  unsigned group_chars_ = 0;
  JsonPlace::Kind kind_ = JsonPlace::Kind::Inside;
  bool group_in_name_ = false;
  enum class Token : std::uint8_t { None, Number, Literal, Replaced } token_ = Token::None;
};

}  // namespace capsem::engine
