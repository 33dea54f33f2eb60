#include "core/policy/native_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/policy/native_policies.h"

namespace capsem::policy {
namespace {

bool is_host(std::string_view text) {
  if (text == "*") return true;
  if (text.starts_with("*.")) text.remove_prefix(2);
  return !text.empty() && text.front() != '.' &&
         text.find_first_of("*?/\\@ \t[]") == std::string_view::npos &&
         (text.find(':') == std::string_view::npos || text.find("::") != std::string_view::npos);
}

void read_engine(Reporter& report, const SourceNode& node, EngineDefaults& engine) {
  const TableReader table(report, node, kEngineKeys, "[engine]");
  if (const auto word = table.word("on_error")) engine.on_error = static_cast<OnError>(*word);
  if (const auto ms = table.whole("deadline_ms")) {
    engine.deadline_ms = static_cast<std::uint32_t>(*ms);
  }
  if (const auto s = table.whole("approval_ttl_s")) {
    engine.approval_ttl_s = static_cast<std::uint32_t>(*s);
  }
  if (table.has("error_format")) engine.error_format = table.text("error_format");
}

void read_price(Reporter& report, const SourceNode& node, std::vector<PriceRule>& prices) {
  const TableReader table(report, node, kPriceKeys, "[[price]]");
  for (const std::string& model : table.texts("model")) {
    prices.push_back({.model = model,
                      .input_micros = table.micros("input_per_million"),
                      .output_micros = table.micros("output_per_million"),
                      .origin = report.origin(node.place)});
  }
}

void read_key(Reporter& report, const SourceNode& node, std::vector<KeyRule>& keys) {
  const TableReader table(report, node, kKeyKeys, "[[key]]");
  if (node.kind != SourceNode::Kind::Table) return;
  if (table.has("user_id") == table.has("key")) {
    report.error("E03", node.place, "[[key]] needs 'user_id', or 'key', which is the same");
    return;
  }
  for (const std::string& key : table.texts(table.has("key") ? "key" : "user_id")) {
    keys.push_back({.key = key,
                    .agents = table.texts("agents"),
                    .explain = table.flag("explain").value_or(false),
                    .origin = report.origin(node.place)});
  }
}

void read_given(Reporter& report, const SourceNode& node, PolicyTest& test) {
  const TableReader given(report, node, kGivenKeys, "'given'");
  if (given.has("key_id") && given.has("user_id")) {
    report.error("E03", given.place("user_id"), "'key_id' and 'user_id' say the same; keep one");
  }
  test.agent_id = given.text("agent_id");
  test.key_id = given.text(given.has("key_id") ? "key_id" : "user_id");
  test.integration = given.text("integration");
  if (given.has("route")) test.route = given.text("route");
  test.model = given.text("model");
  test.prompt = given.text("prompt");
  test.response = given.text("response");
  test.tool = given.text("tool");
  test.tool_args = given.text("tool_args");
  test.tool_result = given.text("tool_result");
  test.tools = given.texts("tools");
  test.action = given.text("action");
  test.resource = given.text("resource");
  test.stream = given.flag("stream").value_or(false);
}

void read_test(Reporter& report, const SourceNode& node, std::vector<PolicyTest>& tests) {
  const TableReader table(report, node, kTestKeys, "[[test]]");
  const SourceNode* given = table.node("given");
  const SourceNode* expect = table.node("expect");
  if (given == nullptr || expect == nullptr) return;
  PolicyTest test;
  test.origin = report.origin(node.place);
  read_given(report, *given, test);
  const TableReader expected(report, *expect, kExpectKeys, "'expect'");
  if (const auto verdict = expected.verdict("verdict")) test.verdict = to_string(*verdict);
  test.decided_by = expected.text("decided_by");
  test.code = expected.text("code");
  if (expect->members.empty()) {
    report.error("E03", expect->place, "a test that expects nothing cannot fail");
  }
  tests.push_back(std::move(test));
}

}  // namespace

std::vector<ListEntry> checked_hosts(Reporter& report, std::vector<ListEntry> entries) {
  std::erase_if(entries, [&report](const ListEntry& entry) {
    if (is_host(entry.pattern)) return false;
    report.error("E03", {entry.origin.line, entry.origin.column},
                 fmt::format("'{}' is no host: api.openai.com, *.example.com or *, without scheme, "
                             "port and path",
                             entry.pattern));
    return true;
  });
  return entries;
}

Document read_native(Reporter& report, std::string_view stem, const SourceNode& root) {
  const TableReader table(report, root, kDocumentKeys, "the document");
  Document document;
  document.source = "capsem";
  document.origin = report.origin({});
  document.name = table.has("name") ? table.text("name") : clean_name(stem);
  if (const auto priority = table.whole("priority")) {
    document.priority = static_cast<int>(*priority);
  }
  if (const SourceNode* engine = table.node("engine")) {
    read_engine(report, *engine, document.engine);
  }
  for (const SourceNode& node : table.tables("policy")) {
    if (auto policy = read_policy(report, node, document.priority)) {
      document.policies.push_back(std::move(*policy));
    }
  }
  for (const SourceNode& node : table.tables("price")) read_price(report, node, document.prices);
  for (const SourceNode& node : table.tables("key")) read_key(report, node, document.keys);
  for (const SourceNode& node : table.tables("test")) read_test(report, node, document.tests);
  return document;
}

void check_redaction(Reporter& report, const Redaction& redaction, Place restore) {
  if (!redaction.restore || redaction.style == RedactionStyle::Placeholder) return;
  report.error("E03", restore, "'restore' needs redaction = \"placeholder\": others name no value");
}

}  // namespace capsem::policy
