#include "core/codec/trie.h"

#include <cstdio>
#include <cstdlib>
#include <functional>

#include "core/base/hash.h"

namespace capsem::codec {
namespace {

[[noreturn]] void malformed(std::string_view path) {
  std::fprintf(stderr, "malformed path in a codec table: %.*s\n", static_cast<int>(path.size()),
               path.data());
  std::abort();
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

}  // namespace

void NameTable::put(std::string_view name, std::uint32_t state) {
  if ((used_ + 1) * 2 > slots_.size()) {
    std::vector<Slot> old = std::move(slots_);
    slots_ = std::vector<Slot>(old.empty() ? 4 : old.size() * 2);
    used_ = 0;
    for (const Slot& s : old) {
      if (s.state != kNoState) put(s.name, s.state);
    }
  }
  std::size_t at = slot(name) & (slots_.size() - 1);
  while (slots_[at].state != kNoState) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {std::string(name), state};
  ++used_;
}

std::string snake_case(std::string_view camel) {
  std::string out;
  for (const char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

// Adds one path at a time. `[k=v|w]` branches: the rest of the path is added below each value.
class Trie::Builder {
 public:
  Builder(std::vector<State>& states, bool both_spellings)
      : states_(states), both_spellings_(both_spellings) {
    states_.emplace_back();
  }

  using Ending = std::function<void(State&)>;

  void add(std::string_view path, event::Point point, const Ending& ending) {
    path_ = path;
    point_ = point;
    if (path.starts_with('$')) {
      suffixes(path.substr(1), 0, ending);
    } else {
      const std::string_view rest = segment(path, 0);
      suffixes(rest, last_, ending);
    }
  }

 private:
  // Consumes a name and leaves the state it leads to in last_.
  std::string_view segment(std::string_view rest, std::uint32_t from) {
    std::size_t size = 0;
    while (size < rest.size() && rest[size] != '.' && rest[size] != '[' && rest[size] != '!' &&
           rest[size] != '@' && rest[size] != '#') {
      ++size;
    }
    if (size == 0) malformed(path_);
    const std::string_view name = rest.substr(0, size);
    last_ = name == "**" ? from : name == "*" ? any_member(from) : member(from, name);
    return rest.substr(size);
  }

  void suffixes(std::string_view rest, std::uint32_t at, const Ending& ending) {
    std::size_t identities_before = 0;  // of this segment
    while (!rest.empty()) {
      const char c = rest.front();
      rest.remove_prefix(1);
      if (c == '.') {
        rest = segment(rest, at);
        at = last_;
        identities_before = 0;
      } else if (c == '@') {
        states_[at].begins_scope = true;
        states_[at].scope_identities = identities_before;
      } else if (c == '!') {
        rest = begin_unit(rest, at);
        states_[at].unit_identities = identities_before;
      } else if (c == '#') {
        const std::string_view name = word(rest);
        auto& identities = states_[at].identities;
        bool known = false;
        for (const std::string& other : identities) known = known || other == name;
        if (!known) identities.emplace_back(name);
        ++identities_before;
        rest.remove_prefix(name.size());
      } else if (c == '[') {
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos) malformed(path_);
        const std::string_view inside = rest.substr(0, close);
        rest.remove_prefix(close + 1);
        if (inside.find('=') != std::string_view::npos) return select(inside, rest, at, ending);
        at = element(at, inside);
        identities_before = 0;
      } else {
        malformed(path_);
      }
    }
    ending(states_[at]);
  }

  static std::string_view word(std::string_view rest) {
    std::size_t size = 0;
    while (size < rest.size() && is_word(rest[size])) ++size;
    return rest.substr(0, size);
  }

  std::string_view begin_unit(std::string_view rest, std::uint32_t at) {
    const std::string_view salt = word(rest);
    State& state = states_[at];
    if (!state.begins_unit) state.unknown_point = point_;
    state.begins_unit = true;
    state.unit_salt = salt.empty() ? 0 : hash_bytes(salt);
    rest.remove_prefix(salt.size());
    if (!rest.starts_with('+')) return rest;
    state.unit_is_numbered = true;
    return rest.substr(1);
  }

  void select(std::string_view inside, std::string_view rest, std::uint32_t at,
              const Ending& ending) {
    const bool continues = inside.starts_with('+');
    if (continues) inside.remove_prefix(1);
    const std::size_t equals = inside.find('=');
    const std::string_view key = inside.substr(0, equals);
    std::string_view values = inside.substr(equals + 1);
    if (!states_[at].selector.empty() && states_[at].selector != key) malformed(path_);
    states_[at].selector = key;
    for (;;) {
      const std::size_t bar = values.find('|');
      const std::string_view value = values.substr(0, bar);
      std::uint32_t to = states_[at].selected.get(value);
      if (to == kNoState) {
        to = fresh();
        states_[at].selected.put(value, to);
      }
      if (continues) states_[to].identity = Identity::Continues;
      suffixes(rest, to, ending);
      if (bar == std::string_view::npos) return;
      values.remove_prefix(bar + 1);
    }
  }

  std::uint32_t element(std::uint32_t at, std::string_view inside) {
    std::uint32_t to = states_[at].element;
    if (to == kNoState) {
      to = fresh();
      states_[at].element = to;
    }
    if (inside == "+") {
      states_[to].identity = Identity::Continues;
    } else if (inside.starts_with('#')) {
      states_[to].identity = Identity::Member;
      states_[to].identity_member = inside.substr(1);
    } else if (!inside.empty()) {
      malformed(path_);
    }
    return to;
  }

  std::uint32_t member(std::uint32_t at, std::string_view name) {
    std::uint32_t to = states_[at].members.get(name);
    if (to != kNoState) return to;
    to = fresh();
    states_[at].members.put(name, to);
    if (both_spellings_) {
      const std::string snake = snake_case(name);
      if (snake != name) states_[at].members.put(snake, to);
    }
    return to;
  }

  std::uint32_t any_member(std::uint32_t at) {
    if (states_[at].any_member == kNoState) {
      const std::uint32_t to = fresh();
      states_[at].any_member = to;
    }
    return states_[at].any_member;
  }

  std::uint32_t fresh() {
    states_.emplace_back();
    return static_cast<std::uint32_t>(states_.size() - 1);
  }

  std::vector<State>& states_;
  bool both_spellings_;
  std::string_view path_;
  event::Point point_ = event::Point::Prompt;
  std::uint32_t last_ = 0;
};

Trie::Trie(std::span<const Field> fields, std::span<const FactRow> facts, Where where,
           bool both_spellings) {
  Builder builder(states_, both_spellings);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Field& field = fields[i];
    if (field.where != where) continue;
    builder.add(field.path, field.point, [&field, i](State& state) {
      if (field.treat == Treat::Tokens) {
        state.tokens = static_cast<std::uint16_t>(i);
        return;
      }
      Leaf& leaf = field.treat == Treat::Kind ? state.kind : state.leaf;
      leaf.field = static_cast<std::uint16_t>(i);
      leaf.own_label = hash_combine(0x66, i);
      leaf.alone = field.lane == "-";
      leaf.label = field.lane.empty() ? leaf.own_label : hash_bytes(field.lane);
      // Of a streamed call even what is no text has its place: the call may be refused.
      const bool of_call = field.where == Where::Stream && field.point == event::Point::ToolCall;
      if (field.treat != Treat::Kind) {
        state.is_opaque = field.treat == Treat::Opaque && !of_call;
      }
    });
  }
  for (const FactRow& row : facts) {
    if (row.where != where) continue;
    builder.add(row.path, event::Point::Prompt, [&row](State& state) { state.fact = row.fact; });
  }

  // Children come after their parents, so one pass hands the points down.
  states_[0].unknown_point =
      where == Where::Request ? event::Point::Prompt : event::Point::ModelOutput;
  for (std::uint32_t i = 0; i < states_.size(); ++i) {
    State& state = states_[i];
    const auto child = [this, &state](std::uint32_t to, std::uint32_t fallback) {
      if (to == kNoState) return;
      State& below = states_[to];
      if (!below.begins_unit) below.unknown_point = state.unknown_point;
      if (fallback != kNoState) below.fallback = fallback;
    };
    state.members.each([&](std::uint32_t to) { child(to, kNoState); });
    child(state.any_member, kNoState);
    child(state.element, kNoState);
    state.selected.each(
        [&](std::uint32_t to) { child(to, state.element != kNoState ? state.element : i); });
  }
}

}  // namespace capsem::codec
