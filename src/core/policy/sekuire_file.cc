#include "core/policy/sekuire_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/base/glob.h"
#include "core/policy/native_file.h"
#include "core/policy/native_keys.h"

namespace capsem::policy {
namespace {

constexpr std::array kModelKeys = {
    KeyInfo{.name = "allowed_models", .shape = Shape::Globs},
    KeyInfo{.name = "blocked_models", .shape = Shape::Globs},
};
constexpr std::array kToolsetKeys = {
    KeyInfo{.name = "allowed_tools", .shape = Shape::Ignored},  // read by ToolNames
    KeyInfo{.name = "blocked_tools", .shape = Shape::Ignored},
};
constexpr std::array kToolKeys = {
    KeyInfo{.name = "name", .shape = Shape::Globs, .required = true},
    KeyInfo{.name = "description"},
};
constexpr std::array kNetworkSectionKeys = {
    KeyInfo{.name = "enabled", .shape = Shape::Flag},
    KeyInfo{.name = "require_tls", .shape = Shape::Flag},
    KeyInfo{.name = "allowed_domains", .shape = Shape::Texts},
    KeyInfo{.name = "blocked_domains", .shape = Shape::Texts},
    KeyInfo{.name = "allowed_hosts", .shape = Shape::Texts},
    KeyInfo{.name = "blocked_hosts", .shape = Shape::Texts},
};
// What concerns the agent's own machine: the gateway does not see it.
constexpr std::array<std::string_view, 6> kLocalPermissions = {
    "filesystem", "process", "environment", "shell", "memory", "api"};
constexpr std::array kPermissionKeys = {
    KeyInfo{.name = "network", .shape = Shape::Ignored},
    KeyInfo{.name = "filesystem", .shape = Shape::Ignored},
    KeyInfo{.name = "process", .shape = Shape::Ignored},
    KeyInfo{.name = "environment", .shape = Shape::Ignored},
    KeyInfo{.name = "shell", .shape = Shape::Ignored},
    KeyInfo{.name = "memory", .shape = Shape::Ignored},
    KeyInfo{.name = "api", .shape = Shape::Ignored},
};
constexpr std::array kPerAgentKeys = {
    amount_row("requests_per_minute", {}), amount_row("requests_per_hour", {}),
    amount_row("requests_per_day", {}),    amount_row("tokens_per_minute", {}),
    amount_row("tokens_per_hour", {}),     amount_row("tokens_per_day", {}),
    amount_row("concurrent_requests", {}),
};
constexpr std::array kOlderLimitKeys = {
    amount_row("max_per_minute", {}),
    amount_row("max_per_hour", {}),
    amount_row("max_per_day", {}),
};
constexpr std::array kRateLimitKeys = {
    KeyInfo{.name = "per_agent", .shape = Shape::Table, .members = kPerAgentKeys},
    KeyInfo{.name = "requests", .shape = Shape::Table, .members = kOlderLimitKeys},
    KeyInfo{.name = "tokens", .shape = Shape::Table, .members = kOlderLimitKeys},
};

constexpr std::array<std::string_view, 5> kSections = {"models", "toolsets", "permissions",
                                                       "network", "rate_limits"};

// Sections, then what describes an agent and is no policy.
constexpr std::array kAgentKeys = {
    KeyInfo{.name = "models", .shape = Shape::Table},
    KeyInfo{.name = "toolsets", .shape = Shape::Table},
    KeyInfo{.name = "permissions", .shape = Shape::Ignored},
    KeyInfo{.name = "network", .shape = Shape::Table},
    KeyInfo{.name = "rate_limits", .shape = Shape::Table},
    KeyInfo{.name = "name", .shape = Shape::Name},
    KeyInfo{.name = "id", .shape = Shape::Ignored},
    KeyInfo{.name = "version", .shape = Shape::Ignored},
    KeyInfo{.name = "description", .shape = Shape::Ignored},
    KeyInfo{.name = "system_prompt", .shape = Shape::Ignored},
    KeyInfo{.name = "system_prompt_path", .shape = Shape::Ignored},
    KeyInfo{.name = "tools", .shape = Shape::Ignored},
    KeyInfo{.name = "tools_path", .shape = Shape::Ignored},
    KeyInfo{.name = "llm", .shape = Shape::Ignored},
    KeyInfo{.name = "memory", .shape = Shape::Ignored},
    KeyInfo{.name = "metadata", .shape = Shape::Ignored},
    KeyInfo{.name = "identity", .shape = Shape::Ignored},
    KeyInfo{.name = "capabilities", .shape = Shape::Ignored},
    KeyInfo{.name = "compliance", .shape = Shape::Ignored},
    KeyInfo{.name = "a2a", .shape = Shape::Ignored},
    KeyInfo{.name = "mcp", .shape = Shape::Ignored},
    KeyInfo{.name = "deployment", .shape = Shape::Ignored},
    KeyInfo{.name = "logging", .shape = Shape::Ignored},
    KeyInfo{.name = "telemetry", .shape = Shape::Ignored},
};

std::vector<KeyInfo> root_keys() {
  std::vector<KeyInfo> keys(kAgentKeys.begin(), kAgentKeys.end());
  keys.push_back({.name = "project", .shape = Shape::Ignored});
  keys.push_back({.name = "agent", .shape = Shape::Table});
  keys.push_back({.name = "agents", .shape = Shape::Ignored});
  return keys;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// "Research Assistant" is "research-assistant".
std::string slug(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool other = static_cast<unsigned char>(c) >= 0x80;
    if (is_word(lower) || other || lower == '_') {
      out += lower;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "sekuire" : out;
}

// A pattern that matches the name and nothing else.
std::string literal_glob(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// For whom, and what is said: the tables that hold the sections.
struct Scope {
  std::string id, name;
  std::vector<std::string> agents;  // globs; empty: everybody
  std::vector<const TableReader*> tables;
};

class SekuireReader {
 public:
  SekuireReader(Reporter& report, const SourceNode& root)
      : report_(report),
        keys_(root_keys()),
        agent_keys_(kAgentKeys.begin(), kAgentKeys.end()),
        top_(report, root, keys_, "sekuire.yml") {}

  Document read() {
    document_.source = "sekuire";
    document_.origin = report_.origin({});
    document_.name = clean_name(project_name());
    if (top_.has("agent") && top_.has("agents")) {
      report_.error("E03", top_.place("agents"), "either 'agent' or 'agents', not both");
    }
    if (const SourceNode* agents = top_.node("agents")) {
      read_agents(*agents);
    } else {
      read_single();
    }
    if (document_.policies.empty() && !report_.failed()) {
      report_.error("E03", {},
                    "No policy enforcer available. Ensure sekuire.yml has policy configuration.");
    }
    return std::move(document_);
  }

 private:
  std::string project_name() const {
    const SourceNode* project = top_.node("project");
    if (project != nullptr && project->kind == SourceNode::Kind::Table) {
      const SourceMember* name = project->member("name");
      if (name != nullptr && name->value.as_string() && !name->value.text.empty()) {
        return name->value.text;
      }
    }
    return top_.has("name") ? top_.text("name") : "sekuire";
  }

  static bool has_section(const TableReader& table) {
    return std::ranges::any_of(kSections, [&](std::string_view key) { return table.has(key); });
  }

  void read_single() {
    std::vector<TableReader> agent;
    if (const SourceNode* node = top_.node("agent")) {
      agent.emplace_back(report_, *node, agent_keys_, "'agent'");
    }
    Scope scope{.id = {}, .name = document_.name, .agents = {}, .tables = {&top_}};
    if (!agent.empty()) {
      scope.tables.push_back(&agent.front());
      if (agent.front().has("name")) scope.name = clean_name(agent.front().text("name"));
    }
    scope.id = slug(scope.name);
    read_scope(scope);
  }

  void read_agents(const SourceNode& agents) {
    if (agents.kind != SourceNode::Kind::Table && agents.kind != SourceNode::Kind::List) {
      report_.error("E03", agents.place, "'agents' must be a table or a list of agents");
      return;
    }
    const bool for_all = has_section(top_);
    if (for_all) {
      read_scope(
          {.id = slug(document_.name), .name = document_.name, .agents = {}, .tables = {&top_}});
    }
    for (const SourceMember& member : agents.members) read_agent(member.key, member.value);
    for (const SourceNode& item : agents.items) read_agent({}, item);
    if (for_all || document_.policies.empty()) return;
    report_.warn("W00", agents.place,
                 "these policies bind the agents they name; others are not governed (a section at "
                 "the top level applies to all)");
  }

  void read_agent(const std::string& key, const SourceNode& node) {
    const TableReader table(report_, node, agent_keys_, "the agent");
    if (node.kind != SourceNode::Kind::Table) return;
    Scope scope{.id = {},
                .name = table.has("name") ? table.text("name") : key,
                .agents = {},
                .tables = {&table}};
    if (scope.name.empty()) {
      report_.error("E03", node.place, "the agent needs a 'name'");
      return;
    }
    if (!key.empty()) scope.agents.push_back(literal_glob(key));
    if (scope.name != key) scope.agents.push_back(literal_glob(scope.name));
    scope.name = clean_name(scope.name);
    scope.id = slug(clean_name(key.empty() ? scope.name : key));
    if (has_section(top_) && scope.id == slug(document_.name)) scope.id += "-agent";
    if (has_section(table)) read_scope(scope);
  }

  // ---- Sections ----

  void read_scope(const Scope& scope) {
    ListsPolicy lists;
    lists.head = head(scope, {}, {});
    LimitPolicy limit;
    limit.head = head(scope, "-limits", " limits");
    if (const auto found = section(scope, "models")) {
      lists.models = read_models(*found->second);
      place_head(lists.head, *found->second);
    }
    if (const auto found = section(scope, "toolsets")) {
      lists.tools = read_toolsets(*found->second);
      place_head(lists.head, *found->second);
    }
    read_permissions(scope, lists);
    if (lists.models || lists.tools || lists.network) document_.policies.emplace_back(lists);
    if (const auto found = section(scope, "rate_limits")) {
      limit.head.origin = report_.origin(found->second->place);
      if (read_limits(*found->first, limit)) document_.policies.emplace_back(limit);
    }
  }

  static Head head(const Scope& scope, std::string_view id_end, std::string_view name_end) {
    Head head;
    head.id = scope.id + std::string(id_end);
    head.name = scope.name + std::string(name_end);
    head.bind.agents = scope.agents;
    return head;
  }

  // Where a policy stands: where the first of its sections does.
  void place_head(Head& head, const SourceMember& section) {
    if (head.origin.file.empty()) head.origin = report_.origin(section.place);
  }

  // A section and the table that holds it. The same section twice in one scope is a mistake.
  std::optional<std::pair<const SourceNode*, const SourceMember*>> section(const Scope& scope,
                                                                           std::string_view key) {
    const SourceMember* found = nullptr;
    for (const TableReader* table : scope.tables) {
      const SourceMember* member = table->member(key);
      if (member == nullptr) continue;
      if (found != nullptr) {
        report_.error("E05", member->place,
                      fmt::format("'{}' stands at the top level and under 'agent'; keep one", key));
        continue;
      }
      found = member;
    }
    if (found == nullptr) return std::nullopt;
    return std::pair(&found->value, found);
  }

  NameLists read_models(const SourceMember& section) {
    const TableReader table(report_, section.value, kModelKeys, "'models'");
    return {.allow = table.entries("allowed_models"), .deny = table.entries("blocked_models")};
  }

  NameLists read_toolsets(const SourceMember& section) {
    const TableReader table(report_, section.value, kToolsetKeys, "'toolsets'");
    return {.allow = read_tools(table, "allowed_tools"),
            .deny = read_tools(table, "blocked_tools")};
  }

  // Names, or tables with a name (R58).
  std::vector<ListEntry> read_tools(const TableReader& table, std::string_view key) {
    std::vector<ListEntry> tools;
    const SourceNode* list = table.node(key);
    if (list == nullptr) return tools;
    if (list->kind != SourceNode::Kind::List) {
      report_.error("E03", list->place, fmt::format("'{}' must be a list of tools", key));
      return tools;
    }
    for (const SourceNode& item : list->items) {
      SourceNode tool = item;
      if (item.kind == SourceNode::Kind::String) {
        tool = {};
        tool.kind = SourceNode::Kind::Table;
        tool.place = item.place;
        tool.members.push_back({"name", item.place, item});
      }
      const TableReader reader(report_, tool, kToolKeys, "the tool");
      for (ListEntry& entry : reader.entries("name")) tools.push_back(std::move(entry));
    }
    return tools;
  }

  void read_permissions(const Scope& scope, ListsPolicy& lists) {
    const auto older = section(scope, "network");
    if (older) {
      lists.network = read_network(*older->first, older->second->place);
      place_head(lists.head, *older->second);
    }
    const auto found = section(scope, "permissions");
    if (!found) return;
    place_head(lists.head, *found->second);
    // `permissions:` with nothing below it still says that nothing was permitted (R66).
    SourceNode empty;
    empty.kind = SourceNode::Kind::Table;
    empty.place = found->first->place;
    const bool null = found->first->kind == SourceNode::Kind::Null;
    const TableReader table(report_, null ? empty : *found->first, kPermissionKeys,
                            "'permissions'");
    for (const std::string_view key : kLocalPermissions) {
      if (!table.has(key)) continue;
      report_.warn("W00", table.member(key)->place,
                   fmt::format("'{}' concerns the agent's own machine, which the gateway does not "
                               "see: not enforced here",
                               key));
    }
    const SourceMember* network = table.member("network");
    if (network != nullptr && older) {
      report_.error("E05", network->place, "'network' is set twice; keep one");
    }
    if (network != nullptr && network->value.kind != SourceNode::Kind::Null) {
      lists.network = read_network(network->value, network->place);
    } else if (!older) {
      lists.network = NetworkLists{.configured = false,
                                   .enabled = true,
                                   .require_tls = false,
                                   .hosts = {},
                                   .origin = report_.origin(found->second->place)};
    }
  }

  NetworkLists read_network(const SourceNode& node, Place place) {
    const TableReader table(report_, node, kNetworkSectionKeys, "'network'");
    NetworkLists network;
    network.origin = report_.origin(place);
    network.enabled = table.flag("enabled").value_or(true);
    network.require_tls = table.flag("require_tls").value_or(false);
    network.hosts.allow = read_hosts(table, "allowed_domains", "allowed_hosts");
    network.hosts.deny = read_hosts(table, "blocked_domains", "blocked_hosts");
    return network;
  }

  std::vector<ListEntry> read_hosts(const TableReader& table, std::string_view key,
                                    std::string_view older) {
    std::vector<ListEntry> hosts = table.entries(key);
    for (ListEntry& entry : table.entries(older)) hosts.push_back(std::move(entry));
    return checked_hosts(report_, std::move(hosts));
  }

  // False: nothing is limited, or not as it should be.
  bool read_limits(const SourceNode& node, LimitPolicy& limit) {
    const TableReader table(report_, node, kRateLimitKeys, "'rate_limits'");
    bool any = false;
    const auto set = [&](std::uint64_t& amount, const TableReader& from, std::string_view key) {
      if (!from.has(key)) return;
      if (amount != 0) {
        report_.error("E05", from.place(key),
                      fmt::format("'{}' says again what another spelling "
                                  "has said",
                                  key));
      }
      amount = from.count(key);
      any = true;
    };
    if (const SourceNode* per_agent = table.node("per_agent")) {
      const TableReader from(report_, *per_agent, kPerAgentKeys, "'per_agent'");
      set(limit.requests_per_minute, from, "requests_per_minute");
      set(limit.requests_per_hour, from, "requests_per_hour");
      set(limit.requests_per_day, from, "requests_per_day");
      set(limit.tokens_per_minute, from, "tokens_per_minute");
      set(limit.tokens_per_hour, from, "tokens_per_hour");
      set(limit.tokens_per_day, from, "tokens_per_day");
      set(limit.concurrent_requests, from, "concurrent_requests");
    }
    if (const SourceNode* requests = table.node("requests")) {
      const TableReader from(report_, *requests, kOlderLimitKeys, "'requests'");
      set(limit.requests_per_minute, from, "max_per_minute");
      set(limit.requests_per_hour, from, "max_per_hour");
      set(limit.requests_per_day, from, "max_per_day");
    }
    if (const SourceNode* tokens = table.node("tokens")) {
      const TableReader from(report_, *tokens, kOlderLimitKeys, "'tokens'");
      set(limit.tokens_per_minute, from, "max_per_minute");
      set(limit.tokens_per_hour, from, "max_per_hour");
      set(limit.tokens_per_day, from, "max_per_day");
    }
    if (!any && !report_.failed()) {
      report_.error("E03", node.place, "'rate_limits' limits nothing");
    }
    return any;
  }

  Reporter& report_;
  const std::vector<KeyInfo> keys_, agent_keys_;
  const TableReader top_;
  Document document_;
};

}  // namespace

Document read_sekuire(Reporter& report, const SourceNode& root) {
  return SekuireReader(report, root).read();
}

}  // namespace capsem::policy
