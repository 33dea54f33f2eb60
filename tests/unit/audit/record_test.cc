#include "core/audit/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/audit/json_line.h"

namespace capsem::audit {
namespace {

using testing::HasSubstr;
using testing::Not;

Record record() {
  Record r;
  r.dialect = "openai_chat";
  r.model = "gpt-5-nano";
  r.revision = "sha256:ab";
  r.verdict = policy::Verdict::Block;
  r.decided_by = "Debug/capsem_block";
  r.decisions.push_back({.id = "0123456789ab",
                         .policy = "Debug",
                         .rule = "capsem_block",
                         .callback = "on_model_call",
                         .verdict = policy::Verdict::Block,
                         .reason = policy::Reason::PolicyViolation,
                         .details = "Detected 'capsem_block' in prompt"});
  r.inspected[0] = {.texts = 2, .bytes = 40};
  r.request_inspected = true;
  r.not_checked = {{"messages[2].content[1]", "image"}};
  r.request_id = "req1";
  r.user_id = "0011223344556677";
  r.method = "POST";
  r.path = "/v1/chat/completions";
  r.provider = "openai";
  r.status = 403;
  r.outcome = "blocked";
  r.request_bytes = 120;
  r.response_bytes = 90;
  r.started_wall_ms = 1'700'000'000'123;
  r.duration_us = 55;
  r.inspection_us = 7;
  return r;
}

TEST(AuditRecord, IsOneJsonObjectThatTellsTheWholeExchangeR10R31) {
  EXPECT_EQ(
      to_json_line(record()),
      R"({"ts":"2023-11-14T22:13:20.123Z","event":"exchange","request_id":"req1",)"
      R"("user_id":"0011223344556677","method":"POST","path":"/v1/chat/completions",)"
      R"("provider":"openai","dialect":"openai_chat","model":"gpt-5-nano","stream":false,)"
      R"("status":403,"upstream_status":0,"outcome":"blocked","verdict":"BLOCK",)"
      R"("decided_by":"Debug/capsem_block","revision":"sha256:ab","decisions":[)"
      R"({"id":"0123456789ab","policy":"Debug","rule":"capsem_block","callback":"on_model_call",)"
      R"("verdict":"BLOCK","reason":"policy_violation","point":"prompt","phase":"request",)"
      R"("details":"Detected 'capsem_block' in prompt"}],"request_inspected":true,)"
      R"("answer_inspected":false,"inspected":{"prompt":{"texts":2,"bytes":40}},)"
      R"("not_checked":[{"surface":"messages[2].content[1]","reason":"image"}],)"
      R"("request_bytes":120,"response_bytes":90,)"
      R"("us":{"duration":55,"upstream":0,"inspection":7,"first_byte":0}})");
}

TEST(AuditRecord, WhatCallersGaveToFindItAgainIsWrittenWhenThereIsAnyR42R53) {
  struct Case {
    std::string Record::* member;
    std::string_view written;
  };
  const Case cases[] = {{&Record::run_id, R"("request_id":"req1","run_id":"a\"b",)"},
                        {&Record::correlation_id, R"("correlation_id":"a\"b",)"},
                        {&Record::session_id, R"("session_id":"a\"b",)"},
                        {&Record::target_key, R"("target_key":"a\"b",)"},
                        {&Record::target_metadata, R"("target_metadata":"a\"b",)"}};
  for (const Case& c : cases) {
    Record r = record();
    EXPECT_THAT(to_json_line(r), Not(HasSubstr(c.written)));
    r.*c.member = "a\"b";
    EXPECT_THAT(to_json_line(r), HasSubstr(c.written));
  }
}

TEST(AuditRecord, TheDecidingRulesPlaceAndReasonStandBesideItsName) {
  Record r = record();
  EXPECT_THAT(to_json_line(r), Not(HasSubstr("decided_at")));
  policy::Decision shadow = r.decisions[0];
  shadow.enforced = false;
  shadow.shadow = true;
  shadow.at = "policy.toml:1:1";
  r.decisions[0].at = "policy.toml:43:3";
  r.decisions[0].why = "first match";
  r.decisions.insert(r.decisions.begin(), shadow);
  const std::string line = to_json_line(r);
  EXPECT_THAT(line, HasSubstr(R"("decided_by":"Debug/capsem_block",)"
                              R"("decided_at":"policy.toml:43:3","why":"first match",)"));
  EXPECT_THAT(line, HasSubstr(R"("at":"policy.toml:1:1","shadow":true,"enforced":false,)"));
  EXPECT_THAT(line, HasSubstr(R"("at":"policy.toml:43:3","why":"first match","details")"));
}

TEST(AuditRecord, UsageAndFinishReasonAppearWhenKnown) {
  Record r = record();
  r.usage = {.input_tokens = 3, .output_tokens = 4, .total_tokens = 7, .known = true};
  r.finish_reason = "stop";
  EXPECT_THAT(to_json_line(r),
              HasSubstr(R"("usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7},)"
                        R"("finish_reason":"stop")"));
}

TEST(AuditRecord, CostAppearsWhenThereIsAPriceAndRunsSayThatTheyWereEvaluatedR35) {
  Record r = record();
  EXPECT_THAT(to_json_line(r), Not(HasSubstr("cost_nano")));
  EXPECT_THAT(to_json_line(r), Not(HasSubstr("evaluated")));
  r.cost_nano = 0;
  r.evaluated = true;
  EXPECT_THAT(to_json_line(r), HasSubstr(R"("cost_nano":0,"evaluated":true,)"));
}

TEST(AuditRecord, NoFieldCanForgeASecondRecordT36) {
  const std::string evil = "x\r\n{\"event\":\"fake\"}\\";
  std::string Record::* const fields[] = {
      &Record::dialect,    &Record::model,          &Record::revision,   &Record::decided_by,
      &Record::error_code, &Record::finish_reason,  &Record::request_id, &Record::user_id,
      &Record::method,     &Record::path,           &Record::provider,   &Record::agent,
      &Record::outcome,    &Record::run_id,         &Record::session_id, &Record::correlation_id,
      &Record::target_key, &Record::target_metadata};
  for (const auto field : fields) {
    Record r = record();
    r.*field = evil;
    const std::string line = to_json_line(r);
    EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos);
    EXPECT_THAT(line, HasSubstr(R"(x\r\n{\"event\":\"fake\"}\\)"));
  }
  Record r = record();
  r.not_checked = {{evil, evil}};
  r.decisions[0].tool_name = evil;
  r.decisions[0].details = evil;
  EXPECT_EQ(to_json_line(r).find_first_of("\r\n"), std::string::npos);
}

TEST(AuditRecord, AQueryStringIsNeverWrittenR9) {
  Record r = record();
  r.path = "/v1beta/models/m:generateContent?key=AIzaSecret";
  EXPECT_THAT(to_json_line(r), Not(HasSubstr("AIza")));
}

TEST(AuditRecord, ListsAndTextsHaveALimitAndSaySo) {
  Record r = record();
  r.model = std::string(100'000, 'm');
  r.not_checked.assign(1'000, {"a", "image"});
  r.decisions.assign(100, r.decisions[0]);
  const std::string line = to_json_line(r);
  EXPECT_LT(line.size(), 40'000U);
  EXPECT_THAT(line, HasSubstr("mmm...\""));
  EXPECT_THAT(line, HasSubstr(R"("not_checked_left_out":936)"));
  EXPECT_THAT(line, HasSubstr(R"("decisions_left_out":36)"));
}

struct EscapeCase {
  std::string_view name, in, out;
};

TEST(JsonLine, EscapesWhatCouldSteerAReader) {
  using namespace std::string_view_literals;
  const EscapeCase cases[] = {
      {"plain", "a b", R"("a b")"},
      {"quote and backslash", "\"\\", R"("\"\\")"},
      {"line ends", "\n\r\t", R"("\n\r\t")"},
      {"NUL, escape, DEL", "\0\x1b\x7f"sv, R"("\u0000\u001b\u007f")"},
      {"C1 control", "\xC2\x9B", R"("\u009b")"},
      {"line separators", "\xE2\x80\xA8\xE2\x80\xA9", R"("\u2028\u2029")"},
      {"bidirectional override", "\xE2\x80\xAE", R"("\u202e")"},
      {"other characters stay", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
       "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
      {"a real U+FFFD stays", "\xEF\xBF\xBD", "\"\xEF\xBF\xBD\""},
      {"stray byte", "a\xFFz", R"("a\ufffdz")"},
      {"overlong slash", "\xC0\xAF", R"("\ufffd\ufffd")"},
      {"surrogate", "\xED\xA0\x80", R"("\ufffd\ufffd\ufffd")"},
      {"cut character", "\xE2\x82", R"("\ufffd\ufffd")"},
      {"past the last plane", "\xF4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},
  };
  for (const auto& c : cases) {
    std::string out;
    append_escaped(out, c.in, 100);
    EXPECT_EQ(out, c.out) << c.name;
  }
}

TEST(JsonLine, CutsLongTextsAtACharacter) {
  std::string out;
  append_escaped(out, "ab\xE2\x82\xAC", 4);
  EXPECT_EQ(out, "\"ab...\"");
}

}  // namespace
}  // namespace capsem::audit
