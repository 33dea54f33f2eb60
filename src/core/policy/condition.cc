#include "core/policy/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace capsem::policy {
namespace {

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains_ignoring_case(std::string_view text, std::string_view word) {
  return !std::ranges::search(text, word, {}, lower, lower).empty() || word.empty();
}

std::string_view text_of(bool value) {
  return value ? "true" : "false";
}

// The member or element that a step of a path leads to, in the flat list of nodes.
template <class F>
void each_step(std::span<const wire::JsonNode> nodes, std::size_t at, std::string_view member,
               std::uint32_t index, bool any, F&& f) {
  const bool object = nodes[at].kind == wire::JsonKind::Object;
  if (object == member.empty()) return;
  if (!object && nodes[at].kind != wire::JsonKind::Array) return;
  std::uint32_t position = 0;
  for (std::size_t i = at + 1; i < nodes[at].next; i = nodes[i].next, ++position) {
    if (object ? nodes[i].key == member : (any || position == index)) f(i);
  }
}

}  // namespace

std::span<const wire::JsonNode> Arguments::nodes() {
  if (reader_ == nullptr) {
    padded_.reserve(json_.size() + wire::JsonReader::kPadding);
    padded_ = json_;
    reader_ = std::make_unique<wire::JsonReader>();
    if (!reader_->parse(padded_)) return {};
  }
  return reader_->nodes();
}

std::string_view to_string(Field field) {
  constexpr std::array<std::string_view, 21> kNames = {"content",
                                                       "model",
                                                       "provider",
                                                       "endpoint",
                                                       "stream",
                                                       "has_images",
                                                       "has_files",
                                                       "file_types",
                                                       "agent_id",
                                                       "agent_bound",
                                                       "key_id",
                                                       "integration",
                                                       "action",
                                                       "resource",
                                                       "tool.name",
                                                       "tool.args",
                                                       "args",
                                                       "usage.input_tokens",
                                                       "usage.output_tokens",
                                                       "usage.total_tokens",
                                                       "context"};
  return kNames[static_cast<std::size_t>(field)];
}

std::string_view to_string(Op op) {
  constexpr std::array<std::string_view, 10> kNames = {
      "glob", "equals", "contains", "matches", "in", "gt", "gte", "lt", "lte", "exists"};
  return kNames[static_cast<std::size_t>(op)];
}

Result<std::vector<Conditions::Step>> Conditions::parse_path(std::string_view path) {
  std::vector<Step> steps;
  const auto refuse = [path] {
    return client_error("invalid_path", fmt::format("'{}' is not a path such as items[0].url or "
                                                    "items[*].url",
                                                    path));
  };
  while (!path.empty()) {
    if (path.front() == '[') {
      const auto close = path.find(']');
      if (close == std::string_view::npos) return refuse();
      const std::string_view inside = path.substr(1, close - 1);
      Step step{.member = {}, .index = kAny};
      if (inside != "*") {
        const auto [end, error] =
            std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
        if (error != std::errc() || end != inside.data() + inside.size()) return refuse();
        if (step.index == kAny) return refuse();
      }
      steps.push_back(std::move(step));
      path.remove_prefix(close + 1);
    } else {
      // A member follows a dot, unless it is the first step.
      if ((path.front() == '.') == steps.empty()) return refuse();
      if (path.front() == '.') path.remove_prefix(1);
      const std::string_view member = path.substr(0, path.find_first_of(".["));
      if (member.empty()) return refuse();
      steps.push_back({.member = std::string(member)});
      path.remove_prefix(member.size());
    }
  }
  if (steps.empty()) return refuse();
  return steps;
}

Result<Conditions> Conditions::compile(std::span<const Condition> conditions) {
  Conditions set;
  for (const Condition& source : conditions) {
    Compiled compiled{.source = source, .path = {}, .globs = {}, .patterns = {}};
    if (source.field == Field::ToolArg) {
      auto path = parse_path(source.path);
      if (!path) return std::unexpected(path.error());
      compiled.path = std::move(*path);
    }
    for (const std::string& value : source.values) {
      if (source.op == Op::Glob) {
        auto glob = Glob::parse(value);
        if (!glob) return std::unexpected(glob.error());
        compiled.globs.push_back(std::move(*glob));
      } else if (source.op == Op::Matches) {
        auto pattern = Pattern::compile(value);
        if (!pattern) return std::unexpected(pattern.error());
        compiled.patterns.push_back(std::move(*pattern));
      } else if (source.op >= Op::Gt && source.op <= Op::Lte) {
        const auto number = number_of(value);
        if (!number) return client_error("invalid_number", fmt::format("'{}' is no number", value));
        compiled.number = *number;
      }
    }
    set.all_.push_back(std::move(compiled));
  }
  return set;
}

bool Conditions::needs(Field field) const {
  return std::ranges::any_of(all_, [field](const Compiled& c) { return c.source.field == field; });
}

bool Conditions::read(const Compiled& condition, const Facts& facts,
                      std::vector<std::string_view>& values, std::string& storage) {
  const Subject& subject = facts.subject;
  const auto add = [&values](std::string_view value) {
    if (!value.empty()) values.push_back(value);
  };
  // Arguments are looked at as written and as their tool reads them: an escape hides nothing.
  const auto add_plain = [&](std::string_view written) {
    const std::string_view plain = facts.arguments->plain();
    if (plain != written) add(plain);
  };
  const auto add_number = [&](std::uint64_t event::Usage::* member) {
    if (facts.usage == nullptr || !facts.usage->known) return;
    storage = fmt::format("{}", facts.usage->*member);
    values.push_back(storage);
  };
  switch (condition.source.field) {
    case Field::Content:
      if (facts.content != nullptr) add(*facts.content);
      if (facts.content != nullptr && facts.arguments != nullptr) add_plain(*facts.content);
      break;
    case Field::Model:
      add(subject.model);
      break;
    case Field::Provider:
      add(subject.provider);
      break;
    case Field::Endpoint:
      add(subject.endpoint);
      break;
    case Field::Stream:
      values.push_back(text_of(subject.stream));
      break;
    case Field::HasImages:
      values.push_back(text_of(subject.has_images));
      break;
    case Field::HasFiles:
      values.push_back(text_of(subject.has_files));
      break;
    case Field::FileTypes:
      for (const std::string& type : subject.file_types) add(type);
      break;
    case Field::AgentId:
      add(subject.agent);
      break;
    case Field::AgentBound:
      values.push_back(text_of(subject.agent_bound));
      break;
    case Field::KeyId:
      add(subject.key);
      break;
    case Field::Integration:
      add(subject.integration);
      if (!subject.integration_id.empty()) add(subject.integration_id);
      break;
    case Field::Action:
      add(facts.action);
      break;
    case Field::Resource:
      add(facts.resource);
      break;
    case Field::ToolName:
      if (facts.unit != nullptr) add(facts.unit->tool_name);
      break;
    case Field::ToolArgs:
      if (facts.arguments == nullptr) break;
      add(facts.arguments->text());
      add_plain(facts.arguments->text());
      break;
    case Field::UsageInput:
      add_number(&event::Usage::input_tokens);
      break;
    case Field::UsageOutput:
      add_number(&event::Usage::output_tokens);
      break;
    case Field::UsageTotal:
      add_number(&event::Usage::total_tokens);
      break;
    case Field::Context:
      for (const auto& [key, value] : subject.context) {
        if (key == condition.source.path) values.push_back(value);
      }
      break;
    case Field::ToolArg: {
      if (facts.arguments == nullptr) break;
      const auto nodes = facts.arguments->nodes();
      if (nodes.empty()) return facts.arguments->text().empty();
      std::vector<std::size_t> here{0}, next;
      for (const Step& step : condition.path) {
        next.clear();
        for (const std::size_t at : here) {
          each_step(nodes, at, step.member, step.index, step.index == kAny,
                    [&next](std::size_t found) { next.push_back(found); });
        }
        here.swap(next);
      }
      for (const std::size_t at : here) {
        const wire::JsonNode& node = nodes[at];
        const bool container =
            node.kind == wire::JsonKind::Object || node.kind == wire::JsonKind::Array;
        if (node.kind == wire::JsonKind::Null) continue;
        values.push_back(container
                             ? facts.arguments->text().substr(node.begin, node.end - node.begin)
                             : node.text);
      }
      break;
    }
  }
  return true;
}

Truth Conditions::test(const Compiled& condition, std::string_view value) {
  const auto& wanted = condition.source.values;
  const auto truth = [](bool holds) { return holds ? Truth::True : Truth::False; };
  switch (condition.source.op) {
    case Op::Glob:
      return truth(std::ranges::any_of(condition.globs,
                                       [value](const Glob& glob) { return glob.matches(value); }));
    case Op::Equals:
    case Op::In:
      return truth(std::ranges::find(wanted, value) != wanted.end());
    case Op::Contains:
      return truth(std::ranges::any_of(wanted, [value](const std::string& word) {
        return contains_ignoring_case(value, word);
      }));
    case Op::Matches:
      return truth(std::ranges::any_of(condition.patterns,
                                       [value](const Pattern& p) { return p.found_in(value); }));
    case Op::Exists:
      return Truth::True;
    case Op::Gt:
    case Op::Gte:
    case Op::Lt:
    case Op::Lte:
      break;
  }
  const auto number = number_of(value);
  if (!number) return Truth::Error;
  switch (condition.source.op) {
    case Op::Gt:
      return truth(*number > condition.number);
    case Op::Gte:
      return truth(*number >= condition.number);
    case Op::Lt:
      return truth(*number < condition.number);
    default:
      return truth(*number <= condition.number);
  }
}

Truth Conditions::holds(const Compiled& condition, const Facts& facts) {
  std::vector<std::string_view> values;
  std::string storage;
  if (!read(condition, facts, values, storage)) return Truth::Error;
  const bool negated = condition.source.negated;
  if (condition.source.op == Op::Exists) {
    return values.empty() == negated ? Truth::True : Truth::False;
  }
  if (values.empty()) return Truth::False;
  Truth any = Truth::False;
  for (const std::string_view value : values) {
    const Truth one = test(condition, value);
    if (one == Truth::True) any = Truth::True;
    if (one == Truth::Error && any == Truth::False) any = Truth::Error;
  }
  if (any == Truth::Error || !negated) return any;
  return any == Truth::True ? Truth::False : Truth::True;
}

Truth Conditions::hold(const Facts& facts) const {
  Truth all = Truth::True;
  for (const Compiled& condition : all_) {
    const Truth one = holds(condition, facts);
    if (one == Truth::False) return Truth::False;
    if (one == Truth::Error) all = Truth::Error;
  }
  return all;
}

std::string Conditions::because(const Facts& facts) const {
  for (const Compiled& condition : all_) {
    const Truth one = holds(condition, facts);
    if (one == Truth::True) continue;
    const Condition& source = condition.source;
    std::string name(to_string(source.field));
    if (!source.path.empty()) name += "." + source.path;
    std::vector<std::string_view> values;
    std::string storage;
    const bool readable = read(condition, facts, values, storage);
    if (!readable) return name + ": cannot be read";
    if (values.empty()) return name + ": absent";
    // What callers said is shown only where it is a name; texts and arguments stay out.
    const bool shows = source.field != Field::Content && source.field != Field::ToolArgs &&
                       source.field != Field::ToolArg;
    const std::string shown = shows ? std::string(values.front().substr(0, 128)) : "a value";
    if (one == Truth::Error) return name + ": is no number";
    const bool glob = source.op == Op::Glob && !source.negated && !source.values.empty();
    if (glob) return fmt::format("{}: {} !~ {}", name, shown, fmt::join(source.values, ", "));
    return fmt::format("{}: {} is not {}{}", name, shown, source.negated ? "not_" : "",
                       to_string(source.op));
  }
  return "holds";
}

}  // namespace capsem::policy
