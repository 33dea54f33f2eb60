// Conditions of rules, compiled. They end, cost a bounded amount of work, and have three outcomes:
// a condition that cannot be decided (arguments that are no JSON, a number that is none) is an
// error, and what an error means is the rule's affair: a deny still denies, an allow never allows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/glob.h"
#include "core/event/event.h"
#include "core/policy/ir.h"
#include "core/policy/pattern.h"
#include "core/policy/subject.h"
#include "core/wire/json.h"
#include "core/wire/json_text.h"

namespace capsem::policy {

enum class Truth : std::uint8_t { False, True, Error };

// The JSON text of one tool call's arguments, parsed when a condition first asks.
class Arguments {
 public:
  explicit Arguments(std::string_view json) : json_(json) {}

  std::string_view text() const { return json_; }
  // The same with all escapes undone: what a tool reads. The text itself when there are none.
  std::string_view plain() { return wire::undo_json_escapes(json_, plain_); }
  // Empty: not JSON.
  std::span<const wire::JsonNode> nodes();
  // Calls f(decoded text) for every string in it, member names included; the whole text when it is
  // not JSON.
  template <class F>
  void each_string(F&& f) {
    const auto all = nodes();
    if (all.empty()) return f(json_);
    for (const wire::JsonNode& node : all) {
      if (!node.key.empty()) f(node.key);
      if (node.kind == wire::JsonKind::String) f(node.text);
    }
  }

 private:
  std::string_view json_;
  std::string padded_, plain_;
  std::unique_ptr<wire::JsonReader> reader_;
};

// What conditions may look at when they are asked. Absent pointers: not known at this moment.
struct Facts {
  const Subject& subject;
  std::string_view action{}, resource{};
  const Unit* unit = nullptr;  // its tool's name
  Arguments* arguments = nullptr;
  const std::string_view* content = nullptr;
  const event::Usage* usage = nullptr;
};

class Conditions {
 public:
  static Result<Conditions> compile(std::span<const Condition> conditions);

  // All of them hold. False before Error: one that is false decides.
  Truth hold(const Facts& facts) const;
  // Of the first one that keeps them from holding: "agent_id: basic-1 !~ premium-*". Never a text
  // of the conversation.
  std::string because(const Facts& facts) const;

  bool empty() const { return all_.empty(); }
  bool needs_arguments() const { return needs(Field::ToolArgs) || needs(Field::ToolArg); }
  bool needs_tool() const { return needs(Field::ToolName) || needs_arguments(); }
  bool needs_content() const { return needs(Field::Content); }
  bool needs_usage() const {
    return needs(Field::UsageInput) || needs(Field::UsageOutput) || needs(Field::UsageTotal);
  }

 private:
  struct Step {
    std::string member;       // empty: an element
    std::uint32_t index = 0;  // of the element; kAny: any
  };
  static constexpr std::uint32_t kAny = ~std::uint32_t{0};
  struct Compiled {
    Condition source;
    std::vector<Step> path;
    std::vector<Glob> globs;
    std::vector<Pattern> patterns;
    double number = 0;
  };

  static Result<std::vector<Step>> parse_path(std::string_view path);
  static Truth holds(const Compiled& condition, const Facts& facts);
  static Truth test(const Compiled& condition, std::string_view value);
  // The field's values now; Error: there is something, but it cannot be read.
  static bool read(const Compiled& condition, const Facts& facts,
                   std::vector<std::string_view>& values, std::string& storage);
  bool needs(Field field) const;

  std::vector<Compiled> all_;
};

// "agent_id", "tool.args", ...: as files write it.
std::string_view to_string(Field field);
std::string_view to_string(Op op);

}  // namespace capsem::policy
