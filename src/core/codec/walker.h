// Walks one parsed JSON text along a table's states and hands out its texts. Internal to codec/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/codec/facts.h"
#include "core/codec/field.h"
#include "core/codec/trie.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::codec {

// Text::field of a text that stands in a member no row names.
inline constexpr std::uint16_t kUnknownField = kNoField;

// One walk of one text. A value on the caller's stack; everything it points to outlives it.
class Walker {
 public:
  Walker(const Trie& trie, std::span<const Field> fields, const wire::JsonReader& json,
         event::TextSink& sink)
      : trie_(trie), fields_(fields), json_(json), nodes_(json.nodes()), sink_(sink) {}

  void read_request(event::RequestFacts& facts);
  void read_response(event::ResponseFacts& facts);
  // `name` stands in for the member that chooses the event's kind, if the data lacks it.
  void read_event(std::string_view name, event::ResponseFacts& facts);

 private:
  static constexpr std::uint32_t kNoPosition = 0xffffffffU;

  // Where the walk stands; each level's context lives in the caller's frame.
  struct Context {
    const Context* up = nullptr;
    std::uint32_t node = 0;
    std::uint32_t position = kNoPosition;  // in the array around it
    std::uint64_t ids = 0;                 // identities so far
    std::uint64_t places = 0;              // positions so far, also those that are no identity
    std::uint64_t unit = 0;                // identities of the innermost unit
    std::uint64_t scope = 0;
    std::uint32_t message = event::kNoMessage;
    std::string_view tool_ref;
  };

  void walk_root();
  void visit(std::uint32_t at, const State& state, const Context& up, std::uint32_t position);
  void dispatch(std::uint32_t at, const State& state, const Context& here);
  void enter(std::uint32_t at, const State& state, Context& here);
  void object(std::uint32_t at, const State& state, const Context& here);
  void elements(std::uint32_t at, const State& state, const Context& here);
  void element(std::uint32_t at, const State& state, const Context& here, std::uint32_t position);
  const State* choose(std::uint32_t at, const State& state) const;
  std::uint64_t identity_of(std::uint32_t at, std::string_view name, std::uint64_t missing) const;

  void leaf(std::uint32_t at, const State& state, const Context& here);
  void plain(std::uint32_t at, const State& state, const Context& here);
  void opaque(std::uint32_t at, const State& state, const Context& here);
  void mention_call(std::uint32_t at, const State& state, const Context& here);
  void blob(std::uint32_t at, const State& state, const Context& here);
  void media(std::uint32_t at, const State& state, const Context& here);
  void bytes(std::uint32_t at, const State& state, const Context& here);
  void keys(std::uint32_t at, const State& state, const Context& here);
  void unseen(std::uint32_t at, const State& state, const Context& here);
  void attachment(std::uint32_t at, const Context& here);
  void tokens(std::uint32_t at, const Context& here);
  void tool_kind(std::uint32_t at, const State& state, const Context& here);

  void unknown_member(std::uint32_t at, const State& state, const Context& here);
  void unknown_value(std::uint32_t at, const State& state, const Context& here);
  void unknown_tree(std::uint32_t at, const State& state, const Context& here, std::uint64_t lane);

  // One text of the row at `state`.
  void emit(std::uint32_t at, const State& state, const Context& here, std::string_view text,
            bool json) {
    emit(at, state, here, text, json, form_of(at));
  }
  void emit(std::uint32_t at, const State& state, const Context& here, std::string_view text,
            bool json, event::Form form) {
    emit_leaf(at, state.leaf, here, text, json, form);
  }
  void emit_leaf(std::uint32_t at, const Leaf& leaf, const Context& here, std::string_view text,
                 bool json, event::Form form);
  event::Form form_of(std::uint32_t at) const {
    return nodes_[at].kind == wire::JsonKind::String ? event::Form::String : event::Form::Slice;
  }
  void emit_unknown(std::uint32_t at, const State& state, const Context& here,
                    std::string_view text, bool json, std::uint64_t lane, event::Form form);
  void emit_name(std::uint32_t at, const State& state, const Context& here) {
    if (nodes_[at].key.empty()) return;
    emit_unknown(at, state, here, nodes_[at].key, false, 0, event::Form::Name);
  }
  std::uint64_t unit_of(event::Point point, const Context& here) const;
  std::string_view raw(std::uint32_t at) const;
  bool is_empty(std::uint32_t at) const { return nodes_[at].next == at + 1; }
  void unchecked(std::uint32_t at, const Context& here, std::string_view reason);
  void end_scope(std::uint64_t scope);

  const Trie& trie_;
  std::span<const Field> fields_;
  const wire::JsonReader& json_;
  Nodes nodes_;
  event::TextSink& sink_;
  event::RequestFacts* request_ = nullptr;
  event::ResponseFacts* response_ = nullptr;
  bool stream_ = false;
  std::string_view event_name_;
  // Scopes that end with this event: told after its texts. More than a few is not seen in practice;
  // what does not fit ends with the stream.
  static constexpr std::size_t kEndsMax = 32;
  std::uint64_t ended_[kEndsMax];
  std::size_t ended_count_ = 0;
};

}  // namespace capsem::codec
