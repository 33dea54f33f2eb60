#include "core/codec/tool_kind.h"

#include <algorithm>
#include <iterator>

#include "core/codec/trie.h"

namespace capsem::codec {
namespace {

constexpr std::string_view kSelfNamed[] = {"function", "custom", "namespace", "mcp_server"};

struct Alias {
  std::string_view kind, name;
};
// What is defined under one word and called under another.
constexpr Alias kAliases[] = {
    {"executable_code", "code_execution"},
};

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_word(char c) {
  return is_upper(c) || is_lower(c) || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::string name_of_kind(std::string_view kind) {
  if (!std::ranges::all_of(kind, is_word)) return std::string(kind);
  std::string name;
  if (std::ranges::none_of(kind, is_lower)) {
    name = kind;
    for (char& c : name) {
      if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
    }
  } else {
    name = is_upper(kind.front()) ? std::string(kind) : snake_case(kind);
  }
  constexpr std::string_view kCall = "_call";
  if (name.size() > kCall.size() && name.ends_with(kCall)) name.resize(name.size() - kCall.size());
  const auto* alias = std::ranges::find(kAliases, std::string_view(name), &Alias::kind);
  return alias == std::end(kAliases) ? name : std::string(alias->name);
}

bool names_itself(std::string_view kind) {
  return std::ranges::find(kSelfNamed, kind) != std::end(kSelfNamed);
}

}  // namespace capsem::codec
