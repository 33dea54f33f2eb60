#include "core/audit/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/wire/json.h"

namespace capsem::audit {
namespace {

using event::Phase;
using event::Point;
using policy::Decision;
using policy::Verdict;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Decision access_block() {
  return {.id = "0123456789ab",
          .policy = "models",
          .rule = "rest",
          .verdict = Verdict::Block,
          .details = "Access denied",
          .at = "capsem.toml:43:3",
          .why = "first match; action llm.generate ~ *; resource model/gpt-4 ~ model/*"};
}

Decision pii_log() {
  return {.policy = "pii",
          .rule = "PERSON",
          .verdict = Verdict::Log,
          .details = "PERSON(count=1, score=0.85, action=LOG)"};
}

Decision shadow_block() {
  return {.policy = "no-files-yet",
          .rule = "files",
          .verdict = Verdict::Block,
          .enforced = false,
          .shadow = true};
}

policy::Trace trace_of_three() {
  policy::Trace trace;
  trace.add({.rule = "models/premium-gpt4",
             .at = "capsem.toml:20:3",
             .because = "when.agent_id: basic-1 !~ premium-*"});
  trace.add({.rule = "models/1", .at = "", .because = "resource"});
  trace.add({.rule = "models/2", .at = "", .matched = true, .because = "matches"});
  return trace;
}

TEST(Explanation, IsTheDocumentThatThePolicyFormatPrints) {
  const std::vector<Decision> decisions = {access_block(), pii_log(), shadow_block()};
  const policy::Trace trace = trace_of_three();
  const std::vector<NotChecked> not_checked = {{"messages[2].content[1]", "image"}};
  const std::pair<std::string_view, std::int64_t> us[] = {{"access", 2}, {"pii", 38}};
  EXPECT_EQ(
      explanation_json({.run_id = "r1",
                        .revision = "sha256:9f",
                        .verdict = Verdict::Block,
                        .http = 403,
                        .decisions = decisions,
                        .decided = deciding(decisions, Verdict::Block),
                        .trace = &trace,
                        .not_checked = not_checked,
                        .us = us}),
      R"({"run_id":"r1","revision":"sha256:9f","verdict":"BLOCK","http":403,"phase":"request",)"
      R"("decided_by":{"policy":"models","rule":"rest","at":"capsem.toml:43:3",)"
      R"("why":"first match; action llm.generate ~ *; resource model/gpt-4 ~ model/*"},)"
      R"("considered":[{"rule":"models/premium-gpt4","matched":false,)"
      R"("because":"when.agent_id: basic-1 !~ premium-*"},)"
      R"({"rule":"models/1","matched":false,"because":"resource"},)"
      R"({"rule":"models/2","matched":true,"because":"matches"}],)"
      R"("also":[{"policy":"pii","verdict":"LOG","where":"prompt",)"
      R"x("detail":"PERSON(count=1, score=0.85, action=LOG)"}],)x"
      R"("shadow":[{"policy":"no-files-yet","rule":"files","would":"BLOCK"}],)"
      R"("not_checked":[{"surface":"messages[2].content[1]","reason":"image"}],)"
      R"("us":{"access":2,"pii":38}})");
}

TEST(Explanation, OfNothingDecidedHasEveryMemberAllTheSame) {
  EXPECT_EQ(explanation_json({.revision = "sha256:9f"}),
            R"({"revision":"sha256:9f","verdict":"ALLOW","http":200,"phase":"request",)"
            R"("decided_by":null,"considered":[],"also":[],"shadow":[],"not_checked":[],"us":{}})");
}

TEST(Explanation, PhaseIsTheDecisionsOwnElseHowFarTheExchangeCame) {
  Decision late = access_block();
  late.phase = Phase::Response;
  const std::vector<Decision> decisions = {late};
  struct Case {
    Phase came;
    const Decision* decided;
    std::string_view phase;
  };
  const Case cases[] = {{Phase::Request, nullptr, "request"},
                        {Phase::Response, nullptr, "response"},
                        {Phase::Request, decisions.data(), "response"}};
  for (const Case& c : cases) {
    EXPECT_THAT(explanation_json({.phase = c.came, .decisions = decisions, .decided = c.decided}),
                HasSubstr("\"phase\":\"" + std::string(c.phase) + "\""));
  }
}

TEST(Explanation, RemoteCallersAreToldTheFileAndNotItsDirectory) {
  struct Case {
    std::string_view at;
    bool hides;
    std::string_view told;
  };
  const Case cases[] = {{"/etc/capsem/models.toml:43:3", true, "models.toml:43:3"},
                        {"/etc/capsem/models.toml:43:3", false, "/etc/capsem/models.toml:43:3"},
                        {"models.toml:43:3", true, "models.toml:43:3"},
                        {"", true, ""}};
  for (const Case& c : cases) {
    std::vector<Decision> decisions = {access_block()};
    decisions[0].at = c.at;
    EXPECT_THAT(
        explanation_json(
            {.decisions = decisions, .decided = decisions.data(), .hides_directories = c.hides}),
        HasSubstr("\"at\":\"" + std::string(c.told) + "\""));
  }
}

TEST(Explanation, WhoDecidesIsTheFirstEnforcedDecisionOfTheVerdict) {
  Decision unenforced = access_block();
  unenforced.enforced = false;
  Decision first = access_block(), second = access_block();
  first.rule = "first";
  const std::vector<Decision> decisions = {shadow_block(), unenforced, pii_log(), first, second};
  struct Case {
    Verdict verdict;
    const Decision* decides;
  };
  const Case cases[] = {{Verdict::Block, &decisions[3]},
                        {Verdict::Log, &decisions[2]},
                        {Verdict::Confirm, nullptr},
                        {Verdict::Allow, nullptr}};
  for (const Case& c : cases) {
    EXPECT_EQ(deciding(decisions, c.verdict), c.decides) << to_string(c.verdict);
  }
}

TEST(Explanation, ADecisionThatIsRecordedOnlySaysSo) {
  Decision unenforced = pii_log();
  unenforced.enforced = false;
  unenforced.point = Point::ModelOutput;
  const std::vector<Decision> decisions = {unenforced};
  EXPECT_THAT(
      explanation_json({.decisions = decisions}),
      HasSubstr(R"x("detail":"PERSON(count=1, score=0.85, action=LOG)","enforced":false}])x"));
  EXPECT_THAT(explanation_json({.decisions = decisions}), HasSubstr(R"("where":"model_output")"));
}

// ---- The header field ----

struct Big {
  std::vector<Decision> decisions;
  policy::Trace trace;
  std::vector<NotChecked> not_checked;
};

Big big(std::size_t considered, std::size_t also, std::string_view text) {
  Big out;
  out.decisions.push_back(access_block());
  out.decisions[0].why = text;
  for (std::size_t i = 0; i < also; ++i) {
    out.decisions.push_back(pii_log());
    out.decisions.back().details = text;
  }
  for (std::size_t i = 0; i < considered; ++i) {
    out.trace.add({.rule = "models/" + std::to_string(i), .at = "", .because = std::string(text)});
  }
  return out;
}

std::string field_of(const Big& b, std::size_t bytes_max = 4'096) {
  return explanation_field({.run_id = "12345678-1234-4234-8234-123456789012",
                            .revision = "sha256:0123456789abcdef",
                            .verdict = Verdict::Block,
                            .decisions = b.decisions,
                            .decided = b.decisions.data(),
                            .trace = &b.trace,
                            .not_checked = b.not_checked},
                           bytes_max);
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(ExplanationField, LosesWhatWasConsideredFromItsEndAndCountsIt) {
  const std::string field = field_of(big(150, 3, "resource: model/gpt-4 !~ model/o*"));
  EXPECT_LE(field.size(), 4'096U);
  EXPECT_GT(field.size(), 3'900U);  // no more is lost than must be
  EXPECT_THAT(field, HasSubstr(R"("rule":"models/0")"));
  EXPECT_THAT(field, Not(HasSubstr(R"("rule":"models/149")")));
  const std::size_t kept = count_of(field, R"("matched":false)");
  EXPECT_THAT(field, HasSubstr("],\"considered_left_out\":" + std::to_string(150 - kept) + ","));
  EXPECT_EQ(count_of(field, R"("policy":"pii")"), 3U);
  EXPECT_THAT(field, Not(HasSubstr("also_left_out")));
}

TEST(ExplanationField, WhatFitsIsWhole) {
  const Big b = big(3, 1, "short");
  const std::string whole = field_of(b, 100'000);
  EXPECT_THAT(whole, Not(HasSubstr("left_out")));
  EXPECT_EQ(field_of(b, whole.size()), whole);
  const std::string cut = field_of(b, whole.size() - 1);
  EXPECT_LT(cut.size(), whole.size());
  EXPECT_THAT(cut, HasSubstr("considered_left_out"));
}

TEST(ExplanationField, KeepsItsLengthWhateverTheTextsAre) {
  const std::string texts[] = {std::string(2'000, 'x'), std::string(2'000, '\x01'),
                               std::string(500, '"'), [] {
                                 std::string snowmen;
                                 for (int i = 0; i < 500; ++i) snowmen += "\xE2\x98\x83";
                                 return snowmen;
                               }()};
  wire::JsonReader reader;
  for (const std::string& text : texts) {
    for (const std::size_t also : {0U, 1U, 64U}) {
      Big b = big(200, also, text);
      b.decisions[0].policy = b.decisions[0].rule = b.decisions[0].at = text;
      for (int i = 0; i < 100; ++i) b.not_checked.push_back({text, text});
      std::string field = field_of(b);
      EXPECT_LE(field.size(), 4'096U);
      EXPECT_TRUE(std::ranges::all_of(field, [](char c) { return c >= 0x20 && c < 0x7F; }));
      EXPECT_THAT(field, EndsWith("\"us\":{}}"));
      field.reserve(field.size() + wire::JsonReader::kPadding);
      EXPECT_TRUE(reader.parse(field)) << field;
    }
  }
}

TEST(ExplanationField, IsAsciiAndReadsAsTheSameText) {
  struct Case {
    std::string_view text, escaped;
  };
  const Case cases[] = {{"caf\xC3\xA9", "caf\\u00e9"},
                        {"\xF0\x9F\x98\x80", "\\ud83d\\ude00"},
                        {"a\r\nb", "a\\r\\nb"},
                        {"\xFF", "\\ufffd"}};
  for (const Case& c : cases) {
    EXPECT_THAT(field_of(big(0, 0, c.text)),
                HasSubstr("\"why\":\"" + std::string(c.escaped) + "\""));
  }
}

}  // namespace
}  // namespace capsem::audit
