// The paths of a table, compiled for walking: one state per place in the JSON text. Immutable once
// built. Internal to codec/.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/field.h"

namespace capsem::codec {

// What else a place tells, beside its text (see facts.h).
enum class Fact : std::uint8_t {
  None,
  Model,
  Stream,
  StreamOptions,
  Choices,
  Messages,
  Tools,
  Background,
  OutputMax,         // the number itself
  GenerationConfig,  // the object that holds it
  Attachment,        // something that is no text of the request is here, whatever it holds
  Finish,
  Usage,
};

struct FactRow {
  Where where;
  Fact fact;
  std::string_view path;
};

inline constexpr std::uint32_t kNoState = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint16_t kNoField = std::numeric_limits<std::uint16_t>::max();

// Names to states, for a handful of names that are looked up millions of times.
class NameTable {
 public:
  void put(std::string_view name, std::uint32_t state);
  bool empty() const { return used_ == 0; }

  template <class F>
  void each(F&& f) const {
    for (const Slot& s : slots_) {
      if (s.state != kNoState) f(s.state);
    }
  }

  std::uint32_t get(std::string_view name) const {
    if (used_ == 0) return kNoState;
    for (std::size_t at = slot(name);; ++at) {
      const Slot& s = slots_[at & (slots_.size() - 1)];
      if (s.state == kNoState || s.name == name) return s.state;
    }
  }

 private:
  struct Slot {
    std::string name;
    std::uint32_t state = kNoState;
  };

  // Length and three characters tell the members of real objects apart well enough.
  std::size_t slot(std::string_view name) const {
    if (name.empty()) return 0;
    const auto at = [name](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(name[i]));
    };
    const std::size_t n = name.size();
    return n * 7 + at(0) * 31 + at(n / 2) * 17 + at(n - 1) * 5;
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t used_ = 0;
};

// A row that ends at a state.
struct Leaf {
  std::uint16_t field = kNoField;
  bool alone = false;
  std::uint64_t label = 0;      // of the lane
  std::uint64_t own_label = 0;  // differs from every other field's
};

enum class Identity : std::uint8_t {
  Position,   // [] and [k=v]
  Continues,  // [+] and [+k=v]
  Member,     // [#index]
};

struct State {
  NameTable members;
  std::uint32_t any_member = kNoState;  // *
  std::uint32_t element = kNoState;     // [], [+], [#index]
  std::string selector;                 // the member that chooses among `selected`
  NameTable selected;                   // its value -> state
  std::uint32_t fallback = kNoState;    // where members are looked up that this state lacks

  // Of an element: how it is told from its siblings.
  Identity identity = Identity::Position;
  std::string identity_member;
  // Members that join the identity (#name).
  std::vector<std::string> identities;

  bool begins_unit = false, begins_scope = false;
  // How many of `identities` stand before the `!` and the `@`.
  std::size_t unit_identities = 0, scope_identities = 0;
  std::uint64_t unit_salt = 0;
  bool unit_is_numbered = false;  // `!word+`

  Leaf leaf;                        // the row that ends here
  bool is_opaque = false;           // and nothing is to be done while it looks opaque
  std::uint16_t tokens = kNoField;  // a Tokens row, which may share its place with another
  Leaf kind;                        // a Kind row, likewise
  Fact fact = Fact::None;

  event::Point unknown_point = event::Point::Prompt;  // where members nobody named are inspected

  bool has_members() const { return !members.empty() || any_member != kNoState; }
  bool has_elements() const { return element != kNoState || !selected.empty(); }
};

class Trie {
 public:
  // Compiles the rows of `where`. Aborts on a malformed path: tables are part of the program.
  Trie(std::span<const Field> fields, std::span<const FactRow> facts, Where where,
       bool both_spellings);

  const State& operator[](std::uint32_t state) const { return states_[state]; }
  const State& root() const { return states_[0]; }

 private:
  class Builder;
  std::vector<State> states_;
};

// "systemInstruction" -> "system_instruction".
std::string snake_case(std::string_view camel);

}  // namespace capsem::codec
