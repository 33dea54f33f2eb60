// The native format: what files say, and what is said about files that say it wrong.
#include "core/policy/native_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/policy/loader.h"
#include "core/policy/snapshot.h"
#include "tests/support/policy_text.h"

namespace capsem::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string from_disk(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Loaded load(std::vector<SourceFile> files) {
  return load_files(files);
}

Loaded load_text(std::string text) {
  return load({{"p.toml", std::move(text)}});
}

// "E02 p.toml:1:2: what is wrong".
std::vector<std::string> said(const Loaded& loaded) {
  std::vector<std::string> all;
  for (const Diagnostic& d : loaded.diagnostics) all.push_back(d.code + " " + to_string(d));
  return all;
}

TEST(NativeFile, TheWorkedExampleLoadsAndCompiles) {
  Loaded loaded = load({{"acme.toml", from_disk("tests/corpus/policy/acme.toml")}});
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_THAT(loaded.enabled,
              ElementsAre("debug", "pii", "models", "research-assistant", "research-limits",
                          "unreleased-earnings", "no-files-yet"));
  ASSERT_EQ(loaded.documents.size(), 1U);
  const Document& acme = loaded.documents[0];
  EXPECT_EQ(acme.name, "acme");
  EXPECT_EQ(acme.tests.size(), 2U);
  EXPECT_EQ(acme.tests[0].decided_by, "models/rest");
  EXPECT_EQ(acme.tests[0].verdict, "BLOCK");
  EXPECT_EQ(to_string(acme.tests[0].origin), "acme.toml:90:1");
  const auto& models = std::get<AccessPolicy>(acme.policies[2]);
  EXPECT_EQ(to_string(models.rules[3].origin), "acme.toml:43:3");
  EXPECT_EQ(test::text_of(models.rules[0].when[0]), "agent_id glob[premium-*]");
  const auto& lists = std::get<ListsPolicy>(acme.policies[3]);
  EXPECT_EQ(to_string(lists.tools->deny[1].origin), "acme.toml:55:86");
  // Content policies are recorded unless they say otherwise; the others act (X3).
  EXPECT_EQ(head_of(acme.policies[5]).output, Output::Log);
  EXPECT_EQ(head_of(acme.policies[6]).output, Output::Log);
  EXPECT_EQ(head_of(acme.policies[6]).mode, Mode::Shadow);
  EXPECT_EQ(head_of(acme.policies[5]).on, kPrompt | kResponse);
  EXPECT_EQ(head_of(acme.policies[5]).enforcement, Verdict::Confirm);
  EXPECT_TRUE(Snapshot::freeze(std::move(loaded.documents), "sha256:x"));
}

TEST(NativeFile, ReadsHowToRedact) {
  const std::string head = "schema = 1\n[[policy]]\nid = 'x'\ntype = 'pii'\n";
  const Loaded loaded = load_text(head + "redaction = 'placeholder'\nrestore = true\n"
                                         "entities = { EMAIL_ADDRESS = 'Redact' }\n");
  EXPECT_THAT(said(loaded), IsEmpty());
  const auto& policy = std::get<PiiPolicy>(loaded.documents.at(0).policies.at(0));
  EXPECT_EQ(policy.head.redaction.style, RedactionStyle::Placeholder);
  EXPECT_TRUE(policy.head.redaction.restore);
  const auto email = static_cast<std::size_t>(detect::EntityType::EmailAddress);
  EXPECT_EQ(policy.entities[email].verdict, Verdict::Redact);
  // What names no value cannot be put back.
  EXPECT_THAT(said(load_text(head + "restore = true\nentities = { EMAIL_ADDRESS = 'redact' }\n")),
              ElementsAre(HasSubstr("E03 p.toml:5:11: 'restore' needs redaction")));
  EXPECT_THAT(said(load_text(head + "redaction = 'blur'\nentities = { IBAN_CODE = 'redact' }\n")),
              ElementsAre(HasSubstr("E03 p.toml:5:13: ")));
}

TEST(NativeFile, ReadsEveryKey) {
  const std::string text = from_disk("tests/corpus/policy/everything.toml");
  const std::vector<SourceFile> files = {{"everything.toml", text}};
  const Loaded loaded = read_files(files);
  EXPECT_THAT(said(loaded), IsEmpty());
  ASSERT_EQ(loaded.documents.size(), 1U);
  EXPECT_EQ(test::text_of(loaded.documents[0]),
            R"(document everything priority=-20 engine=1/40/300/both
keyword words name=Words priority=-20 agents[research-*] keys[] integrations[] models[] mode=1 state=0 output=1 scope=1 on=7 enforcement=LOG on_error=2 since=2026-10-01
  [one|Two "quoted"	tab] CONFIRM
pii personal name=personal priority=-20 agents[a] keys[0123*] integrations[fin-*] models[gpt-?] mode=0 state=1 output=0 scope=0 on=32
  threshold=0.35 EMAIL_ADDRESS=BLOCK US_SSN=CONFIRM PERSON=LOG DATE_TIME=MONITOR
secrets keys name=keys priority=-20 agents[] keys[] integrations[] models[] mode=0 state=1 output=0 scope=0 on=9
  threshold=0.8 private-key=BLOCK default=LOG
injection orders name=orders priority=-20 agents[] keys[] integrations[] models[] mode=0 state=1 output=0 scope=0 on=16
  threshold=0.6 default=CONFIRM
access access name=access priority=-20 agents[] keys[] integrations[] models[] mode=0 state=1 output=1 scope=0 on=63
  match=1 default=MONITOR
  named CONFIRM [llm.generate|tool.*] [model/*|tool/*] when[agent_id glob[premium-*|gold]|agent_bound equals[true]|args.path glob[/tmp/*]|args.size gt[5]|args.size lte[1000]|args.items[*].url not_matches[^https://]|context.team in[x|2|true]] reason=ask first
  1 BLOCK [*] [*] when[] reason=
lists lists name=lists priority=-20 agents[] keys[] integrations[] models[] mode=0 state=1 output=0 scope=0 on=63
  models allow[gpt-*] deny[gpt-3*] tools allow[] deny[file_*] network configured=false enabled=false tls=true allow[api.openai.com] deny[*.malware.net] on_tool_block=1
limit limits name=limits priority=-20 agents[] keys[] integrations[] models[] mode=0 state=1 output=0 scope=0 on=63
  per=2 requests=1/2/3 tokens=4/5/6 concurrent=7 cost=250000/12500000/100000000 withhold=false estimate=512 down=2
content content name=content priority=-20 agents[] keys[] integrations[] models[] mode=0 state=1 output=0 scope=0 on=41
  first=true CONFIRM
  long name=Long answers CRITICAL message=too long all[usage.output_tokens gte[1000]|file_types not_in[image/png]|key_id exists[]]
pins pins name=pins priority=-20 agents[] keys[] integrations[] models[] mode=0 state=1 output=0 scope=0 on=63
  BLOCK
flow flow name=flow priority=-20 agents[] keys[] integrations[] models[] mode=0 state=1 output=0 scope=0 on=63 on_error=1
  LOG EMAIL_ADDRESS US_SSN tools[crm_*] hosts[*.example.com]
price gpt-4o 2500000 10000001
price gpt-4o-* 2500000 10000001
key 0123456789abcdef agents[research-*] explain=true
key * agents[] explain=false
test a/k/i/tool/m/p/r/t/{}/x/[t]/a/s/true -> BLOCK/access/named/model_blocked)");
}

TEST(NativeFile, OnlyActivePoliciesActR39) {
  const std::vector<SourceFile> files = {
      {"p.toml",
       "schema = 1\n"
       "[[policy]]\nid = 'd'\ntype = 'pins'\nstate = 'draft'\n"
       "[[policy]]\nid = 'a'\ntype = 'pins'\n"
       "[[policy]]\nid = 'o'\ntype = 'pins'\nstate = 'deprecated'\n"}};
  const Loaded loaded = load_files(files);
  EXPECT_THAT(loaded.enabled, ElementsAre("a"));
  EXPECT_EQ(loaded.documents[0].policies.size(), 1U);
  EXPECT_EQ(read_files(files).documents[0].policies.size(), 3U);
}

TEST(NativeFile, DocumentsComeByPriorityThenByName) {
  const auto pins = [](std::string_view id, int priority) {
    return "schema = 1\npriority = " + std::to_string(priority) + "\n[[policy]]\nid = '" +
           std::string(id) + "'\ntype = 'pins'\n";
  };
  const Loaded loaded = load({{"d/z.toml", pins("operator", -10)},
                              {"a.toml", pins("last", 1000)},
                              {"c.toml", pins("second", 50)},
                              {"b.toml", pins("first", 50)},
                              {"e.toml", pins("corp", -1000)}});
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_THAT(loaded.enabled, ElementsAre("corp", "operator", "first", "second", "last"));
}

// A condition as it is written in `when` or `all`, and as it is understood.
TEST(NativeFile, ConditionsInEverySpellingR52) {
  struct Case {
    std::string_view name, written, read;
  };
  const Case cases[] = {
      {"a glob", "when = { model = 'gpt-*' }", "model glob[gpt-*]"},
      {"a list is OR", "when = { model = ['a', 'b*'] }", "model glob[a|b*]"},
      {"a boolean", "when = { 'metadata.stream' = false }", "stream equals[false]"},
      {"a boolean as a text", "when = { stream = 'true' }", "stream equals[true]"},
      {"a number", "when = { args.n = 5 }", "args.n equals[5]"},
      {"numbers", "when = { args.n = [5, 6.5] }", "args.n in[5|6.5]"},
      {"operators", "when = { args.n = { gt = 5, not_in = [7, 8] } }",
       "args.n gt[5] args.n not_in[7|8]"},
      {"dotted keys", "when.tool.name = 'a'", "tool.name glob[a]"},
      {"nested paths", "when = { tool = { args = { user = { id = '7' } } } }",
       "args.user.id glob[7]"},
      {"a path in quotes", "when = { \"args.items[0].url\" = 'x' }", "args.items[0].url glob[x]"},
      {"operators on the whole arguments", "when = { \"tool.args\" = { contains = 'rm' } }",
       "tool.args contains[rm]"},
      {"both spellings of metadata", "when = { 'metadata.hasImages' = true, has_files = true }",
       "has_images equals[true] has_files equals[true]"},
      {"presence", "when = { agent_id = { exists = true } }", "agent_id exists[]"},
      {"absence", "when = { agent_id = { exists = false } }", "agent_id not_exists[]"},
      {"not absent", "when = { agent_id = { not_exists = false } }", "agent_id exists[]"},
      {"a list of conditions", "when = [ { field = 'provider', op = 'equals', value = 'openai' } ]",
       "provider equals[openai]"},
      {"upper case", "all = [ { field = 'endpoint', op = 'NOT_CONTAINS', value = 'x' } ]",
       "endpoint not_contains[x]"},
      {"a regular expression", "all = [ { field = 'model', op = 'matches', value = '(?i)^gpt' } ]",
       "model matches[(?i)^gpt]"},
      {"both lists", "when = { model = 'a' }\nall = [ { field = 'key_id', op = 'exists' } ]",
       "model glob[a] key_id exists[]"},
      {"context", "when = { context.team = 'red' }", "context.team glob[red]"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Loaded loaded = load_text(
        "schema = 1\n[[policy]]\nid = 'x'\ntype = 'access'\n[[policy.rule]]\neffect = 'deny'\n" +
        std::string(c.written) + "\n");
    EXPECT_THAT(said(loaded), IsEmpty());
    std::string read;
    for (const Condition& condition :
         std::get<AccessPolicy>(loaded.documents.at(0).policies.at(0)).rules.at(0).when) {
      read += (read.empty() ? "" : " ") + test::text_of(condition);
    }
    EXPECT_EQ(read, c.read);
  }
}

struct ErrorCase {
  std::string_view name, text;
  std::string_view said;  // "E02 p.toml:3:1: unknown key": how the only message begins
};

constexpr std::string_view kAccess =
    "schema = 1\n[[policy]]\nid = 'x'\ntype = 'access'\n[[policy.rule]]\n";
constexpr std::string_view kContent =
    "schema = 1\n[[policy]]\nid = 'x'\ntype = 'content'\n[[policy.rule]]\n";

void expect_errors(std::span<const ErrorCase> cases, std::string_view before) {
  for (const ErrorCase& c : cases) {
    SCOPED_TRACE(c.name);
    const auto all = said(load_text(std::string(before) + std::string(c.text) + "\n"));
    ASSERT_EQ(all.size(), 1U) << testing::PrintToString(all);
    EXPECT_EQ(all[0].substr(0, c.said.size()), c.said);
  }
}

TEST(NativeFile, ErrorsInTheDocumentSayWhere) {
  const ErrorCase cases[] = {
      {"E01 syntax", "schema = 1\na = = 2", "E01 p.toml:2:5: "},
      {"E01 tabs", "schema = 1\n[engine]\n\tdeadline_ms = 1", "E01 p.toml:3:1: a tab"},
      {"E02 unknown key", "schema = 1\npolcy = []",
       "E02 p.toml:2:1: unknown key 'polcy' in the document (did you mean 'policy'?)"},
      {"E02 in [engine]", "schema = 1\n[engine]\non_eror = 'block'",
       "E02 p.toml:3:1: unknown key 'on_eror' in [engine] (did you mean 'on_error'?)"},
      {"another schema", "schema = 2", "E03 p.toml:1:10: 'schema' must be a whole number from 1"},
      {"schema as text", "schema = '1'", "E03 p.toml:1:10: 'schema' must be a whole number"},
      {"word", "schema = 1\n[engine]\non_error = 'blok'",
       "E03 p.toml:3:12: unknown word 'blok' for 'on_error' (did you mean 'block'?)"},
      {"deadline below", "schema = 1\n[engine]\ndeadline_ms = 0",
       "E03 p.toml:3:15: 'deadline_ms' must be a whole number from 1 to 60000"},
      {"deadline above", "schema = 1\n[engine]\ndeadline_ms = 60001", "E03 p.toml:3:15: "},
      {"priority between the bands", "schema = 1\npriority = 0",
       "E03 p.toml:2:12: 'priority' must be -1000 to -10 for operators' documents, 10 to 1000"},
      {"priority just below users'", "schema = 1\npriority = 9", "E03 p.toml:2:12: 'priority'"},
      {"priority just above operators'", "schema = 1\npriority = -9", "E03 p.toml:2:12: "},
      {"priority too large", "schema = 1\npriority = 1001", "E03 p.toml:2:12: "},
      {"priority too small", "schema = 1\npriority = -1001", "E03 p.toml:2:12: "},
      {"a policy that is no table", "schema = 1\npolicy = [1]", "E03 p.toml:2:11: a policy must"},
      {"policies that are no list", "schema = 1\npolicy = 1", "E03 p.toml:2:10: 'policy' must be"},
      {"no type", "schema = 1\n[[policy]]\nid = 'x'", "E03 p.toml:2:1: a policy must be a table"},
      {"unknown type", "schema = 1\n[[policy]]\nid = 'x'\ntype = 'acess'",
       "E03 p.toml:4:8: unknown policy type 'acess' (did you mean 'access'?)"},
      {"no id", "schema = 1\n[[policy]]\ntype = 'pins'",
       "E03 p.toml:2:1: a policy of type pins needs 'id'"},
      {"an id of nothing", "schema = 1\n[[policy]]\ntype = 'pins'\nid = ''",
       "E03 p.toml:4:6: 'id' must be a name"},
      {"an id of two lines", "schema = 1\n[[policy]]\ntype = 'pins'\nid = \"a\\nb\"",
       "E03 p.toml:4:6: 'id' must be a name"},
      {"a price without a price", "schema = 1\n[[price]]\nmodel = 'm'\ninput_per_million = 1",
       "E03 p.toml:2:1: [[price]] needs 'output_per_million'"},
      {"a price below a millionth",
       "schema = 1\n[[price]]\nmodel = 'm'\ninput_per_million = '0.0000001'\n"
       "output_per_million = 1",
       "E03 p.toml:4:21: 'input_per_million' must be an amount"},
      {"a negative price",
       "schema = 1\n[[price]]\nmodel = 'm'\ninput_per_million = -1\noutput_per_million = 1",
       "E03 p.toml:4:21: 'input_per_million' must be an amount"},
      {"a key without a name", "schema = 1\n[[key]]\nagents = ['a']",
       "E03 p.toml:2:1: [[key]] needs"},
      {"a key with two", "schema = 1\n[[key]]\nkey = 'a'\nuser_id = 'b'", "E03 p.toml:2:1: "},
      {"a test that expects nothing", "schema = 1\n[[test]]\ngiven = {}\nexpect = {}",
       "E03 p.toml:4:10: a test that expects nothing cannot fail"},
      {"a test by an unknown route",
       "schema = 1\n[[test]]\ngiven = {route='caht'}\nexpect={code='x'}",
       "E03 p.toml:3:16: unknown word 'caht' for 'route' (did you mean 'chat'?)"},
      {"E05 the same id twice",
       "schema = 1\n[[policy]]\nid = 'x'\ntype = 'pins'\n[[policy]]\nid = 'x'\ntype = 'pins'",
       "E05 p.toml:5:1: a second policy 'x'; the first is at p.toml:2:1"},
  };
  expect_errors(cases, "");
}

TEST(NativeFile, EveryAmountAloneIsALimitR48R62R63) {
  for (const std::string key :
       {"requests_per_minute", "requests_per_hour", "requests_per_day", "evaluations_per_month",
        "tokens_per_minute", "tokens_per_hour", "tokens_per_day", "concurrent_requests",
        "cost_per_hour", "cost_per_day", "cost_per_month"}) {
    const std::string text = "schema = 1\n[[policy]]\nid = 'l'\ntype = 'limit'\n" + key + " = 2";
    const Loaded loaded = load_text(text);
    EXPECT_THAT(loaded.diagnostics, IsEmpty()) << key;
    EXPECT_THAT(loaded.enabled, ElementsAre("l")) << key;
  }
}

TEST(NativeFile, ErrorsInPoliciesSayWhere) {
  const ErrorCase cases[] = {
      {"E02", "type = 'pins'\non_chang = 'log'",
       "E02 p.toml:5:1: unknown key 'on_chang' in a policy of type pins (did you mean"},
      {"E02 another type's key", "type = 'limit'\nrequests_per_day = 1\non = ['prompt']",
       "E02 p.toml:6:1: unknown key 'on' in a policy of type limit"},
      {"priority belongs to the document", "type = 'pins'\npriority = 10",
       "E02 p.toml:5:1: unknown key 'priority' in a policy of type pins"},
      {"unknown surface", "type = 'keyword'\nkeywords = ['a']\non = ['prompt', 'tool_arg']",
       "E03 p.toml:6:17: unknown word 'tool_arg' for 'on' (did you mean 'tool_args'?)"},
      {"agents twice", "type = 'pins'\nagents = ['a']\nbind = { agents = ['b'] }",
       "E03 p.toml:5:10: 'agents' and 'bind.agents' say the same"},
      {"E02 in bind", "type = 'pins'\nbind = { agent = 'b' }",
       "E02 p.toml:5:10: unknown key 'agent' in 'bind' (did you mean 'agents'?)"},
      {"E04 glob", "type = 'pins'\nagents = ['a', '[b']", "E04 p.toml:5:16: '[b'"},
      {"an empty pattern", "type = 'pins'\nagents = ['']", "E03 p.toml:5:11: an empty pattern"},
      {"a day that is none", "type = 'pins'\nsince = '2026-13-01'",
       "E03 p.toml:5:9: 'since' must be a date"},
      {"unknown verdict", "type = 'pins'\non_change = 'blokc'",
       "E03 p.toml:5:13: Unknown verdict: blokc (did you mean 'block'?)"},
      {"no keywords", "type = 'keyword'\nkeywords = []", "E03 p.toml:5:12: 'keywords' must be"},
      {"a long keyword", "type = 'keyword'\nkeywords = ['']", "E03 p.toml:5:13: a keyword must"},
      {"E03 entity", "type = 'pii'\nentities = { EMAIL_ADRESS = 'block' }",
       "E03 p.toml:5:14: Unknown PII entity type: EMAIL_ADRESS (did you mean 'EMAIL_ADDRESS'?)"},
      {"E03 verdict of an entity", "type = 'pii'\nentities = { PERSON = 'maybe' }",
       "E03 p.toml:5:23: Unknown verdict: maybe"},
      {"threshold", "type = 'pii'\nthreshold = 1.01\nentities = { PERSON = 'log' }",
       "E03 p.toml:5:13: 'threshold' must be a number from 0 to 1"},
      {"no lists", "type = 'lists'", "E03 p.toml:2:1: a policy of type lists needs models, tools"},
      {"a host with a path", "type = 'lists'\nnetwork = { allow = ['https://x.com/a'] }",
       "E03 p.toml:5:22: 'https://x.com/a' is no host"},
      {"a host with a port", "type = 'lists'\nnetwork = { deny = ['x.com:80'] }",
       "E03 p.toml:5:21: 'x.com:80' is no host"},
      {"a star in the middle", "type = 'lists'\nnetwork = { allow = ['a.*.com'] }",
       "E03 p.toml:5:22: 'a.*.com' is no host"},
      {"no limit", "type = 'limit'\nper = 'key'", "E03 p.toml:2:1: a policy of type limit needs"},
      {"a limit of nothing", "type = 'limit'\nrequests_per_minute = 0",
       "E03 p.toml:5:23: 'requests_per_minute' must be a whole number from 1"},
      {"a cost of nothing", "type = 'limit'\ncost_per_day = 0", "E03 p.toml:5:16: 'cost_per_day'"},
      {"an amount that is none", "type = 'limit'\ncost_per_moon = 1\ntokens_per_day = 1",
       "E02 p.toml:5:1: unknown key 'cost_per_moon' in a policy of type limit"},
      {"no rule", "type = 'content'\nrule = []", "E03 p.toml:5:8: a policy of type content needs"},
      {"flow of nothing", "type = 'flow'\nentities = []", "E03 p.toml:5:12: 'entities' names no"},
      {"flow of something else", "type = 'flow'\nentities = ['EMAIL']",
       "E03 p.toml:5:13: 'EMAIL' is none of the words for 'entities'"},
  };
  expect_errors(cases, "schema = 1\n[[policy]]\nid = 'x'\n");
}

TEST(NativeFile, ErrorsInAccessRulesSayWhere) {
  const ErrorCase cases[] = {
      {"no effect", "action = 'x'", "E03 p.toml:5:1: the rule needs 'effect'"},
      {"E02", "effect = 'deny'\nresorce = 'x'",
       "E02 p.toml:7:1: unknown key 'resorce' in the rule (did you mean 'resource'?)"},
      {"E03 field", "effect = 'deny'\nwhen = { agentid = 'x' }",
       "E03 p.toml:7:10: unknown field 'agentid' (did you mean 'agent_id'?)"},
      {"E03 field, nothing near", "effect = 'deny'\nwhen = { department = 'x' }",
       "E03 p.toml:7:10: unknown field 'department'"},
      {"E03 field in a group", "effect = 'deny'\nwhen = { metadata = { hasImage = true } }",
       "E03 p.toml:7:23: unknown field 'metadata.hasImage' (did you mean 'metadata.hasImages'?)"},
      {"E03 operator", "effect = 'deny'\nall = [ { field = 'model', op = 'matchs', value = 'x' } ]",
       "E03 p.toml:7:33: unknown operator 'matchs' (did you mean 'matches'?)"},
      {"E03 operator in when", "effect = 'deny'\nwhen = { model = { is = 'x' } }",
       "E03 p.toml:7:20: unknown operator 'is'"},
      {"no value", "effect = 'deny'\nall = [ { field = 'model', op = 'equals' } ]",
       "E03 p.toml:7:9: the operator 'equals' needs a value"},
      {"a list for one",
       "effect = 'deny'\nall = [ { field = 'model', op = 'contains', value = ['a'] } ]",
       "E03 p.toml:7:53: 'contains' takes one value"},
      {"an empty list", "effect = 'deny'\nwhen = { model = [] }",
       "E03 p.toml:7:18: 'in' needs one or more values"},
      {"not a number", "effect = 'deny'\nwhen = { \"args.n\" = { gt = 'many' } }",
       "E03 p.toml:7:28: 'many' is no number"},
      {"a field that is no number", "effect = 'deny'\nwhen = { model = { gt = 5 } }",
       "E03 p.toml:7:10: 'model' is no number"},
      {"neither true nor false", "effect = 'deny'\nwhen = { agent_bound = 'yes' }",
       "E03 p.toml:7:24: 'agent_bound' is true or false, nothing else"},
      {"a path that is none", "effect = 'deny'\nwhen = { \"args.a[x]\" = 'y' }",
       "E03 p.toml:7:24: "},
      {"E04 regular expression",
       "effect = 'deny'\nall = [ { field = 'model', op = 'matches', value = '(a' } ]",
       "E04 p.toml:7:52: not a regular expression this engine runs: missing )"},
      {"E04 look-ahead, which would not be linear",
       "effect = 'deny'\nall = [ { field = 'model', op = 'matches', value = '(?=a)' } ]",
       "E04 p.toml:7:52: "},
      {"E04 too large a program",
       "effect = 'deny'\nall = [ { field = 'model', op = 'matches', value = "
       "'((a{1,100}){1,100}){9}' } ]",
       "E04 p.toml:7:52: "},
      {"E04 glob in a condition", "effect = 'deny'\nwhen = { model = 'a\\' }", "E04 p.toml:7:18: "},
      {"E04 an action that its canonical spelling breaks", "effect = 'deny'\naction = '[0-:]'",
       "E04 p.toml:5:1: "},
      {"E05", "id = 'a'\neffect = 'deny'\n[[policy.rule]]\nid = 'a'\neffect = 'deny'",
       "E05 p.toml:8:1: a second rule 'a'; the first is at p.toml:5:1"},
      {"E05 an index", "id = '1'\neffect = 'deny'\n[[policy.rule]]\neffect = 'deny'",
       "E05 p.toml:8:1: a second rule '1'"},
      {"E06 content", "effect = 'deny'\nwhen = { content = 'x' }",
       "E06 p.toml:7:10: 'content' cannot be evaluated in an access rule: it decides before"},
      {"E06 usage", "effect = 'deny'\nwhen = { usage.total_tokens = { gt = 1 } }",
       "E06 p.toml:7:16: 'usage.total_tokens' cannot be evaluated in an access rule"},
      {"E06 a tool where only models are",
       "effect = 'deny'\naction = 'llm.generate'\nwhen = { tool.name = 'x' }",
       "E06 p.toml:8:15: 'tool.name' cannot be evaluated in an access rule"},
      {"E06 a tool's argument where only models are",
       "effect = 'deny'\nresource = 'model/*'\nwhen = { args.path = 'x' }",
       "E06 p.toml:8:15: 'args' cannot be evaluated in an access rule"},
  };
  expect_errors(cases, kAccess);
}

TEST(NativeFile, ErrorsInContentRulesSayWhere) {
  const ErrorCase cases[] = {
      {"no conditions", "id = 'a'", "E03 p.toml:5:1: the rule needs conditions"},
      {"empty conditions", "all = []", "E03 p.toml:5:1: the rule has no condition"},
      {"severity", "severity = 'hihg'\nwhen = { content = 'x' }",
       "E03 p.toml:6:12: unknown word 'hihg' for 'severity' (did you mean 'high'?)"},
      {"E04", "all = [ { field = 'content', op = 'MATCHES', value = '[' } ]", "E04 p.toml:6:54: "},
      {"E06 tools are not looked at", "when = { tool.name = 'x' }",
       "E06 p.toml:6:15: 'tool.name' cannot be evaluated in this policy: it looks at no tools"},
  };
  expect_errors(cases, kContent);
  const ErrorCase usage[] = {
      {"E06 usage of a request", "when = { usage.total_tokens = { gt = 5 } }",
       "E06 p.toml:7:16: 'usage.total_tokens' cannot be evaluated in this policy: usage is known"}};
  expect_errors(usage,
                "schema = 1\n[[policy]]\nid = 'x'\ntype = 'content'\non = 'prompt'\n"
                "[[policy.rule]]\n");
}

// A user's document cannot take an operator's name, whichever file comes first.
TEST(NativeFile, UsersCannotReplaceOperatorsPolicies) {
  const std::string policy = "[[policy]]\nid = 'x'\ntype = 'pins'\n";
  const Loaded loaded = load({{"a-user.toml", "schema = 1\n" + policy},
                              {"z-corp.toml", "schema = 1\npriority = -100\n" + policy}});
  EXPECT_THAT(said(loaded), ElementsAre("E05 a-user.toml:2:1: 'x' is an operator's policy "
                                        "(z-corp.toml:3:1); a user's document cannot replace, "
                                        "rebind or shadow it"));
}

TEST(NativeFile, AFileFullOfMistakesIsCutShort) {
  std::string text = "schema = 1\n";
  for (int i = 0; i < 2'000; ++i) text += "k" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(load_text(text).diagnostics.size(), 500U);
}

TEST(NativeFile, MoneyIsExact) {
  struct Case {
    std::string_view text;
    std::optional<std::uint64_t> micros;
  };
  const Case cases[] = {
      {"0", 0},
      {"1", 1'000'000},
      {"0.15", 150'000},
      {"0.000001", 1},
      {"0.0000001", {}},
      {"0.1000000", 100'000},
      {"2.50", 2'500'000},
      {"", {}},
      {".5", {}},
      {"1.", {}},
      {"-1", {}},
      {"1e3", {}},
      {"1,5", {}},
      {"999999999999", 999'999'999'999'000'000},
      {"1000000000000", {}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(micros_of(c.text), c.micros) << c.text;
    if (!c.micros) continue;
    EXPECT_EQ(micros_of(decimal_of(*c.micros)), c.micros) << c.text;
  }
}

}  // namespace
}  // namespace capsem::policy
