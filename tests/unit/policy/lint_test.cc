#include "core/policy/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/policy/loader.h"

namespace capsem::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::chrono::year_month_day kToday{std::chrono::year(2026), std::chrono::November,
                                             std::chrono::day(30)};

std::vector<std::string> lint_of(std::vector<SourceFile> files) {
  const Loaded loaded = read_files(files);
  std::vector<std::string> all;
  for (const Diagnostic& d : loaded.diagnostics) {
    if (d.error) all.push_back("NOT LOADED: " + to_string(d));
  }
  for (const Diagnostic& d : lint(loaded.documents, kToday)) {
    EXPECT_FALSE(d.error);
    all.push_back(d.code + " " + to_string(d));
  }
  return all;
}

struct LintCase {
  std::string_view name, text;
  std::string_view said;  // how the only warning begins; empty: there is none
};

void expect_warnings(std::span<const LintCase> cases, std::string_view before) {
  for (const LintCase& c : cases) {
    SCOPED_TRACE(c.name);
    const auto all = lint_of({{"p.toml", std::string(before) + std::string(c.text) + "\n"}});
    if (c.said.empty()) {
      EXPECT_THAT(all, IsEmpty());
    } else {
      ASSERT_EQ(all.size(), 1U) << testing::PrintToString(all);
      EXPECT_EQ(all[0].substr(0, c.said.size()), c.said);
    }
  }
}

TEST(Lint, RulesThatAreNeverReachedW01) {
  const LintCase cases[] = {
      {"the same again", "rule = [{effect='deny',action='a.b'},{effect='allow',action='a.b'}]",
       "W01 p.toml:5:38: rule '1' is never reached: rule '0' at p.toml:5:9 matches everything it"},
      {"a wider one",
       "rule = [{effect='deny',resource='model/*'},{effect='allow',action='llm.x',"
       "resource=['model/gpt-*','model/o?']}]",
       "W01 p.toml:5:44: rule '1' is never reached"},
      {"spelled otherwise (R78)",
       "rule = [{effect='deny',action='llm'},{effect='allow',action='llm:call'}]",
       "W01 p.toml:5:38: rule '1'"},
      {"by two patterns of one rule",
       "rule = [{effect='deny',resource=['a*','b*']},{effect='allow',resource=['b1','a1']}]",
       "W01 p.toml:5:46: rule '1'"},
      {"one pattern is left",
       "rule = [{effect='deny',resource=['a*','b*']},{effect='allow',resource=['b1','c1']}]", ""},
      {"the earlier one has a condition",
       "rule = [{effect='deny',when={model='x'}},{effect='allow',action='a.b'}]", ""},
      {"the actions differ", "rule = [{effect='deny',action='a.*'},{effect='allow',action='b.c'}]",
       ""},
      {"narrow before wide",
       "rule = [{effect='allow',resource='model/gpt-4'},{effect='deny',resource='model/*'}]", ""},
      {"sets", "rule = [{effect='deny',resource='m[a-f]*'},{effect='allow',resource='m[b-c]x'}]",
       "W01 p.toml:5:44: rule '1'"},
      {"too hard to say",
       "rule = [{effect='deny',resource='*a???????????????????????z'},"
       "{effect='allow',resource='*aa??????????????????????z'}]",
       ""},
  };
  expect_warnings(cases, "schema = 1\n[[policy]]\nid = 'x'\ntype = 'access'\n");
}

TEST(Lint, ADenyThatLeavesNoAllowW04) {
  const std::string rules =
      "[[policy.rule]]\neffect='allow'\naction='llm.generate'\nresource='model/gpt-4'\n"
      "[[policy.rule]]\neffect='allow'\naction='llm.generate'\nresource='model/gpt-3.5-turbo'\n"
      "[[policy.rule]]\neffect='deny'\naction='llm.generate'\nresource='model/*'\n";
  const std::string head = "schema = 1\n[[policy]]\nid='x'\ntype='access'\n";
  EXPECT_THAT(lint_of({{"p.toml", head + rules}}), IsEmpty());
  EXPECT_THAT(lint_of({{"p.toml", head + "match='deny-overrides'\n" + rules}}),
              ElementsAre(HasSubstr("W04 p.toml:14:1: rule '2' denies all that 'x' allows")));
  EXPECT_THAT(lint_of({{"p.toml", head + "match='deny-overrides'\n" + rules +
                                      "[[policy.rule]]\neffect='allow'\naction='embedding.*'\n"}}),
              IsEmpty())
      << "one allow is left";
}

TEST(Lint, ListsThatContradictThemselvesW02W03W10) {
  const LintCase cases[] = {
      {"W02", "models = { allow = ['a', 'b'], deny = ['b'] }",
       "W02 p.toml:5:26: 'b' is allowed and denied (at p.toml:5:40); it is denied"},
      {"W03", "tools = { allow = ['file_read'], deny = ['file_*'] }",
       "W03 p.toml:5:20: 'file_read' is allowed in vain: 'file_*' at p.toml:5:42 denies all"},
      {"an exception is no contradiction", "tools = { allow = ['file_*'], deny = ['file_read'] }",
       ""},
      {"W03 of hosts, which reach below", "network = { allow = ['api.x.com'], deny = ['*.x.com'] }",
       "W03 p.toml:5:22: 'api.x.com'"},
      {"W03 of the domain itself", "network = { allow = ['x.com'], deny = ['*.x.com'] }",
       "W03 p.toml:5:22: 'x.com'"},
      {"W03 of domains", "network = { allow = ['*.a.x.com'], deny = ['*.x.com'] }",
       "W03 p.toml:5:22: '*.a.x.com'"},
      {"a wider domain stays", "network = { allow = ['*.x.com'], deny = ['*.a.x.com'] }", ""},
      {"W10", "network = { enabled = false, allow = ['x.com'] }",
       "W10 p.toml:5:11: no host may be reached at all (network.enabled = false)"},
      {"no network, and nothing else said of it", "network = { enabled = false }", ""},
      {"W10 on_tool_block", "models = { deny = ['x'] }\non_tool_block = 'replace'",
       "W10 p.toml:2:1: 'x': on_tool_block has no effect without 'tools'"},
  };
  expect_warnings(cases, "schema = 1\n[[policy]]\nid = 'x'\ntype = 'lists'\n");
}

TEST(Lint, LimitsThatLimitNothingW10) {
  const LintCase cases[] = {
      {"an overrun of nothing", "requests_per_day = 1\ntoken_overrun = 'deliver'",
       "W10 p.toml:2:1"},
      {"an overrun of tokens", "tokens_per_day = 1\ntoken_overrun = 'deliver'", ""},
      {"cost without prices", "cost_per_day = 1", "W10 p.toml:2:1: 'x' limits cost, and no"},
      {"cost with prices",
       "cost_per_day = 1\n[[price]]\nmodel='*'\ninput_per_million=1\noutput_per_million=1", ""},
  };
  expect_warnings(cases, "schema = 1\n[[policy]]\nid = 'x'\ntype = 'limit'\n");
}

TEST(Lint, ApprovalOfWhatHasLeftW06) {
  const LintCase cases[] = {
      {"content is recorded by default",
       "type = 'content'\nenforcement = 'approval'\nrule = [{when={content='x'}}]",
       "W06 p.toml:2:1: 'x' asks for approval of answers that have left"},
      {"kinds recorded", "type = 'injection'\noutput = 'log'\nkinds = { default = 'approval' }",
       "W06 p.toml:2:1: 'x' asks for approval of answers that have left"},
      {"kinds judged", "type = 'injection'\nkinds = { default = 'approval' }", ""},
      {"of prompts alone",
       "type = 'content'\naction = 'approval'\non = 'prompt'\nrule = [{when={content='x'}}]", ""},
      {"judged before it leaves",
       "type = 'content'\naction = 'approval'\noutput = 'block'\nrule = [{when={content='x'}}]",
       ""},
      {"a block is no approval", "type = 'content'\nrule = [{when={content='x'}}]", ""},
      {"an entity", "type = 'pii'\noutput = 'log'\nentities = {PERSON='approval',US_SSN='block'}",
       "W06 p.toml:2:1"},
      {"capped to less",
       "type = 'pii'\noutput = 'log'\nentities = {PERSON='approval'}\nenforcement = 'warn'", ""},
      {"capped to approval",
       "type = 'keyword'\noutput = 'log'\nkeywords = ['a']\nenforcement = 'approval'",
       "W06 p.toml:2:1"},
  };
  expect_warnings(cases, "schema = 1\n[[policy]]\nid = 'x'\n");
}

TEST(Lint, ShadowsThatStayW08) {
  const LintCase cases[] = {
      {"30 days", "since = 2026-10-31", ""},
      {"31 days", "since = 2026-10-30", "W08 p.toml:2:1: 'x' has been in shadow mode for 31 days"},
      {"no day is given", "", ""},
      {"in the future", "since = 2027-01-01", ""},
      {"a day that no month has", "since = '2026-02-31'", ""},
  };
  expect_warnings(cases, "schema = 1\n[[policy]]\nid = 'x'\ntype = 'pins'\nmode = 'shadow'\n");
  EXPECT_THAT(
      lint_of({{"p.toml", "schema = 1\n[[policy]]\nid='x'\ntype='pins'\nsince=2020-01-01\n"}}),
      IsEmpty())
      << "it is enforced";
}

TEST(Lint, AllowingByANameThatAnybodyMayGiveW09) {
  const LintCase cases[] = {
      {"allow", "rule = [{effect='allow',when={agent_id='premium-*'}}]",
       "W09 p.toml:5:31: rule '0' allows by the agent's name"},
      {"bound", "rule = [{effect='allow',when={agent_id='premium-*',agent_bound=true}}]", ""},
      {"deny", "rule = [{effect='deny',when={agent_id='basic-*'}}]", ""},
      {"keys vouch for agents",
       "rule = [{effect='allow',when={agent_id='a'}}]\n[[key]]\nkey='*'\nagents=['a']", ""},
      {"keys that vouch for nobody",
       "rule = [{effect='allow',when={agent_id='a'}}]\n[[key]]\nkey='*'\nexplain=true",
       "W09 p.toml:5:31"},
  };
  expect_warnings(cases, "schema = 1\n[[policy]]\nid = 'x'\ntype = 'access'\n");
}

TEST(Lint, NamesThatDeceiveW07) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"plain-name_1.2", ""},
      {"gr\xC3\xBC\xC3\x9F", ""},
      {"\xD0\xBC\xD0\xBE\xD0\xB4\xD0\xB5\xD0\xBB\xD1\x8C", ""},
      {"gpt \xD0\xBC\xD0\xBE\xD0\xB4\xD0\xB5\xD0\xBB\xD1\x8C", ""},
      {"\xE6\xA8\xA1\xE5\x9E\x8B"
       "A",
       ""},
      {"gpt-4\xD0\xBE", ""},
      {"m\xD0\xBE"
       "del",
       "mixes Latin and Cyrillic letters"},
      {"\xCE\xBFpenai", "mixes Greek and Latin letters"},
      {"safe\xE2\x80\xAEgpj", "holds U+202E, which is not seen"},
      {"a\xE2\x80\x8B"
       "b",
       "holds U+200B, which is not seen"},
      {"\xEF\xBD\x87pt", "holds look-alikes of plain letters"},
      {"\xF0\x9D\x90\xA0pt", "holds look-alikes of plain letters"},
  };
  for (const auto& [name, why] : cases) {
    SCOPED_TRACE(name);
    const std::string found = deceptive(name);
    if (why.empty()) {
      EXPECT_EQ(found, "");
    } else {
      EXPECT_THAT(found, HasSubstr(std::string(why)));
    }
  }
  const std::string tool = "fil\xD0\xB5_read";
  EXPECT_THAT(lint_of({{"p.toml",
                        "schema = 1\n[[policy]]\nid='x'\ntype='lists'\n"
                        "tools = { allow = ['" +
                            tool + "'] }\n"}}),
              ElementsAre("W07 p.toml:5:20: the tool name '" + tool +
                          "' mixes Latin and Cyrillic letters"));
}

TEST(Lint, ManyRulesAreLookedAtInReasonableTime) {
  std::string text = "schema = 1\n[[policy]]\nid='x'\ntype='access'\n";
  for (int i = 0; i < 2'000; ++i) {
    text += "[[policy.rule]]\neffect='allow'\nresource='model/m" + std::to_string(i) + "-*'\n";
  }
  text += "[[policy.rule]]\neffect='deny'\nresource='model/m1999-x'\n";
  EXPECT_THAT(lint_of({{"p.toml", text}}), ElementsAre(HasSubstr("rule '1999' at p.toml:")));
}

}  // namespace
}  // namespace capsem::policy
