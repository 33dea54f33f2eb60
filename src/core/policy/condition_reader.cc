#include "core/policy/condition_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "core/base/glob.h"
#include "core/policy/access_rules.h"
#include "core/policy/condition.h"
#include "core/policy/native_keys.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {
namespace {

enum class Worth : std::uint8_t { Text, Truth, Number, Any };  // what values of a field are

struct FieldRow {
  std::string_view name;
  Field field;
  Worth worth = Worth::Text;
};
// The first name of a field is the one it is written back with.
constexpr std::array kFields = {
    FieldRow{"content", Field::Content},
    FieldRow{"model", Field::Model},
    FieldRow{"provider", Field::Provider},
    FieldRow{"endpoint", Field::Endpoint},
    FieldRow{"stream", Field::Stream, Worth::Truth},
    FieldRow{"metadata.model", Field::Model},
    FieldRow{"metadata.endpoint", Field::Endpoint},
    FieldRow{"metadata.stream", Field::Stream, Worth::Truth},
    FieldRow{"metadata.provider", Field::Provider},
    FieldRow{"metadata.hasImages", Field::HasImages, Worth::Truth},
    FieldRow{"metadata.has_images", Field::HasImages, Worth::Truth},
    FieldRow{"metadata.hasFiles", Field::HasFiles, Worth::Truth},
    FieldRow{"metadata.has_files", Field::HasFiles, Worth::Truth},
    FieldRow{"metadata.fileTypes", Field::FileTypes},
    FieldRow{"metadata.file_types", Field::FileTypes},
    FieldRow{"has_images", Field::HasImages, Worth::Truth},
    FieldRow{"has_files", Field::HasFiles, Worth::Truth},
    FieldRow{"file_types", Field::FileTypes},
    FieldRow{"agent_id", Field::AgentId},
    FieldRow{"agent_bound", Field::AgentBound, Worth::Truth},
    FieldRow{"key_id", Field::KeyId},
    FieldRow{"integration", Field::Integration},
    FieldRow{"action", Field::Action},
    FieldRow{"resource", Field::Resource},
    FieldRow{"tool.name", Field::ToolName},
    FieldRow{"tool.args", Field::ToolArgs},
    FieldRow{"usage.input_tokens", Field::UsageInput, Worth::Number},
    FieldRow{"usage.output_tokens", Field::UsageOutput, Worth::Number},
    FieldRow{"usage.total_tokens", Field::UsageTotal, Worth::Number},
    FieldRow{"tool.args.", Field::ToolArg, Worth::Any},
    FieldRow{"args.", Field::ToolArg, Worth::Any},
    FieldRow{"context.", Field::Context, Worth::Any},
};

constexpr std::array<std::string_view, 10> kOps = {
    "glob", "equals", "contains", "matches", "in", "gt", "gte", "lt", "lte", "exists"};

struct FieldUse {
  const FieldRow* row;
  std::string path;
};

// A row whose name ends in a dot takes what follows as the path.
std::optional<FieldUse> field_named(std::string_view name) {
  for (const FieldRow& row : kFields) {
    if (!row.name.ends_with('.')) {
      if (row.name == name) return FieldUse{&row, {}};
    } else if (name.starts_with(row.name) && name.size() > row.name.size()) {
      return FieldUse{&row, std::string(name.substr(row.name.size()))};
    }
  }
  return std::nullopt;
}

// Whether longer names begin with this one: a table under it may hold members instead of operators.
bool is_group(std::string_view name) {
  const std::string group = std::string(name) + ".";
  return std::ranges::any_of(kFields, [&](const FieldRow& row) {
    return row.name.starts_with(group) || (row.name.ends_with('.') && group.starts_with(row.name));
  });
}

struct OpUse {
  Op op;
  bool negated = false;
};

// R52: the operators' names in any letter case.
std::optional<OpUse> op_named(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  std::string_view bare = lower;
  const bool negated = bare.starts_with("not_");
  if (negated) bare.remove_prefix(4);
  const auto found = std::ranges::find(kOps, bare);
  if (found == kOps.end()) return std::nullopt;
  return OpUse{static_cast<Op>(found - kOps.begin()), negated};
}

bool is_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

bool compares(Op op) {
  return op == Op::Gt || op == Op::Gte || op == Op::Lt || op == Op::Lte;
}

class ConditionReader {
 public:
  explicit ConditionReader(Reporter& report) : report_(report) {}

  void read_table(const SourceNode& table, const std::string& prefix) {
    for (const SourceMember& member : table.members) {
      const std::string name = prefix.empty() ? member.key : prefix + "." + member.key;
      if (member.value.kind == SourceNode::Kind::Table && !holds_operators(name, member.value)) {
        if (is_group(name)) {
          read_table(member.value, name);
        } else if (field_named(name)) {
          refuse_operators(member.value);
        } else {
          unknown_field(name, member.place);
        }
        continue;
      }
      const auto field = field_named(name);
      if (!field) {
        unknown_field(name, member.place);
      } else if (member.value.kind == SourceNode::Kind::Table) {
        for (const SourceMember& op : member.value.members) {
          add(*field, *op_named(op.key), &op.value, member.place);
        }
      } else {
        add_plain(*field, member);
      }
    }
  }

  void read_list(const SourceNode& list) {
    for (const SourceNode& item : list.items) {
      TableReader table(report_, item, kConditionKeys, "the condition");
      if (!table.has("field") || !table.has("op")) continue;
      const auto field = field_named(table.text("field"));
      const auto op = op_named(table.text("op"));
      if (!field) unknown_field(table.text("field"), table.place("field"));
      if (!op) {
        report_.error("E03", table.place("op"),
                      fmt::format("unknown operator '{}'{}", table.text("op"),
                                  suggestion(table.text("op"), kOps)));
      }
      if (field && op) add(*field, *op, table.node("value"), item.place);
    }
  }

  std::vector<Condition> take() { return std::move(conditions_); }

 private:
  bool holds_operators(const std::string& name, const SourceNode& table) const {
    return field_named(name).has_value() && !table.members.empty() &&
           std::ranges::all_of(table.members,
                               [](const SourceMember& m) { return op_named(m.key).has_value(); });
  }

  void refuse_operators(const SourceNode& table) {
    if (table.members.empty()) {
      report_.error("E03", table.place, "a table of operators is empty");
    }
    for (const SourceMember& member : table.members) {
      if (op_named(member.key)) continue;
      report_.error(
          "E03", member.place,
          fmt::format("unknown operator '{}'{}", member.key, suggestion(member.key, kOps)));
    }
  }

  void unknown_field(std::string_view name, Place place) {
    std::string message =
        fmt::format("unknown field '{}'{}", name, suggestion(name, field_names()));
    if (message.ends_with("'")) {
      message += "; what callers of the check API pass along is called context.<key>";
    }
    report_.error("E03", place, std::move(message));
  }

  // `agent_id = "premium-*"`.
  void add_plain(const FieldUse& field, const SourceMember& member) {
    const auto items = items_of(member.value);
    const bool text = std::ranges::any_of(
        items, [](const SourceNode& item) { return item.kind == SourceNode::Kind::String; });
    const bool truth = field.row->worth == Worth::Truth;
    const Op op = truth || !text ? (items.size() == 1 ? Op::Equals : Op::In) : Op::Glob;
    add(field, {op}, &member.value, member.place);
  }

  void add(const FieldUse& field, OpUse use, const SourceNode* value, Place place) {
    Condition condition{.field = field.row->field,
                        .path = field.path,
                        .op = use.op,
                        .negated = use.negated,
                        .values = {},
                        .origin = report_.origin(place)};
    if (use.op == Op::Exists) {
      if (!read_presence(value, condition)) return;
    } else if (!read_values(field, value, place, condition)) {
      return;
    }
    if (compares(use.op) && field.row->worth != Worth::Number && field.row->worth != Worth::Any) {
      report_.error("E03", place,
                    fmt::format("'{}' is no number, so '{}' cannot compare it", field.row->name,
                                kOps[index(use.op)]));
      return;
    }
    if (compiles(condition, value == nullptr ? place : value->place)) {
      conditions_.push_back(std::move(condition));
    }
  }

  static std::size_t index(Op op) { return static_cast<std::size_t>(op); }

  // `exists = false` says the same as `not_exists`.
  bool read_presence(const SourceNode* value, Condition& condition) {
    if (value == nullptr) return true;
    const auto truth = value->as_bool();
    if (!truth) {
      report_.error("E03", value->place, "'exists' takes no value, or true or false");
      return false;
    }
    condition.negated = condition.negated == *truth;
    return true;
  }

  bool read_values(const FieldUse& field, const SourceNode* value, Place place,
                   Condition& condition) {
    const std::string_view op = kOps[index(condition.op)];
    if (value == nullptr) {
      report_.error("E03", place, fmt::format("the operator '{}' needs a value", op));
      return false;
    }
    const bool many = condition.op == Op::In || condition.op == Op::Glob;
    const auto items = items_of(*value);
    if (items.empty() || (!many && value->kind == SourceNode::Kind::List)) {
      report_.error("E03", value->place,
                    many ? fmt::format("'{}' needs one or more values", op)
                         : fmt::format("'{}' takes one value; a list of them is for 'in' and "
                                       "'glob'",
                                       op));
      return false;
    }
    for (const SourceNode& item : items) {
      if (!read_value(field, item, condition)) return false;
    }
    return true;
  }

  bool read_value(const FieldUse& field, const SourceNode& item, Condition& condition) {
    const auto text = item.as_scalar();
    if (!text) {
      report_.error("E03", item.place, "a value must be a string, a number or a boolean");
      return false;
    }
    std::string value(*text);
    if (field.row->worth == Worth::Truth) {
      const auto truth = item.as_bool();
      if (!truth && value != "true" && value != "false") {
        report_.error("E03", item.place,
                      fmt::format("'{}' is true or false, nothing else", field.row->name));
        return false;
      }
      if (truth) value = *truth ? "true" : "false";
    }
    if (compares(condition.op) && !is_number(value)) {
      report_.error("E03", item.place, fmt::format("'{}' is no number", value));
      return false;
    }
    condition.values.push_back(std::move(value));
    return true;
  }

  // Whatever the judge would not compile is refused here, so that loading is where it ends.
  bool compiles(const Condition& condition, Place place) {
    const auto compiled = Conditions::compile({&condition, 1});
    if (compiled) return true;
    const bool pattern =
        compiled.error().code == "invalid_pattern" || compiled.error().code == "invalid_glob";
    report_.error(pattern ? "E04" : "E03", place, compiled.error().detail);
    return false;
  }

  Reporter& report_;
  std::vector<Condition> conditions_;
};

}  // namespace

std::span<const std::string_view> field_names() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, kFields.size()> names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = kFields[i].name;
    return names;
  }();
  return kNames;
}

std::span<const std::string_view> op_names() {
  return kOps;
}

std::vector<Condition> read_when(Reporter& report, const SourceNode& node) {
  ConditionReader reader(report);
  if (node.kind == SourceNode::Kind::List) {
    reader.read_list(node);
  } else {
    reader.read_table(node, {});
  }
  return reader.take();
}

std::vector<Condition> read_conditions(Reporter& report, const SourceNode& list) {
  ConditionReader reader(report);
  reader.read_list(list);
  return reader.take();
}

void check_phase(Reporter& report, std::span<const Condition> conditions, const RulePhase& phase) {
  for (const Condition& condition : conditions) {
    const Place place{condition.origin.line, condition.origin.column};
    const auto refuse = [&](std::string_view field, std::string_view why) {
      report.error("E06", place,
                   fmt::format("'{}' cannot be evaluated in {}: {}", field, phase.what, why));
    };
    switch (condition.field) {
      case Field::Content:
        if (!phase.texts) refuse("content", "it decides before any text is read");
        break;
      case Field::ToolName:
      case Field::ToolArgs:
      case Field::ToolArg:
        if (!phase.tools) refuse(to_string(condition.field), phase.hint);
        break;
      case Field::UsageInput:
      case Field::UsageOutput:
      case Field::UsageTotal:
        if (!phase.answers) {
          refuse(to_string(condition.field), "usage is known when the answer has come");
        }
        break;
      default:
        break;
    }
  }
}

void check_access_rule(Reporter& report, const AccessRule& rule) {
  // The canonical spelling of an action is what is compiled in the end.
  for (const std::string& action : rule.actions) {
    if (const auto glob = Glob::parse(canonical_action(action)); !glob) {
      report.error("E04", {rule.origin.line, rule.origin.column}, glob.error().detail);
    }
  }
  const bool model_action = std::ranges::all_of(rule.actions, [](const std::string& action) {
    const std::string canonical = canonical_action(action);
    return canonical.starts_with("llm.") || canonical.starts_with("embedding.");
  });
  const auto any_tool = Glob::parse("tool/*");
  const bool tool_resource = std::ranges::any_of(rule.resources, [&](const std::string& resource) {
    const auto glob = Glob::parse(resource);
    return glob && glob->overlaps(*any_tool);
  });
  check_phase(report, rule.when,
              {.what = "an access rule",
               .tools = !model_action && tool_resource,
               .hint = "the rule's action and resource can never be a tool's (tool/<name>)"});
}

}  // namespace capsem::policy
