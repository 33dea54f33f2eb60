#include "core/codec/denial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/codec/codec.h"
#include "core/wire/json.h"

namespace capsem::codec {
namespace {

constexpr std::string_view kMessage =
    "Request blocked by security policy: Detected 'capsem_block' in prompt";

TEST(ErrorBody, is_chosen_by_caller_X1) {
  struct Case {
    std::string_view lang, agent;
    ErrorBody want;
  };
  for (const Case& c : {
           Case{"", "", ErrorBody::Detail},
           Case{"python", "OpenAI/Python 2.6.0", ErrorBody::Detail},
           Case{"", "google-genai-sdk/2.19 gl-python/3.12", ErrorBody::Detail},
           Case{"", "curl/8.5", ErrorBody::Detail},
           Case{"js", "", ErrorBody::Unified},
           Case{"JS", "OpenAI/JS 5.23.0", ErrorBody::Unified},
           Case{"", "OpenAI/JS 4.104.0", ErrorBody::Unified},
           Case{"", "Agents/JavaScript 0.20", ErrorBody::Unified},
           Case{"", "Anthropic/JS 1.11.0", ErrorBody::Unified},
           Case{"json", "", ErrorBody::Detail},
       }) {
    EXPECT_EQ(resolve_error_body(ErrorBody::Auto, c.lang, c.agent), c.want) << c.lang << c.agent;
  }
  EXPECT_EQ(resolve_error_body(ErrorBody::OpenAi, "js", ""), ErrorBody::OpenAi);
  EXPECT_EQ(resolve_error_body(ErrorBody::Detail, "js", ""), ErrorBody::Detail);
}

// The demo prints the body as it is: one key (R19).
TEST(ErrorBody, has_its_keys_in_the_order_the_SDKs_print) {
  EXPECT_EQ(
      error_body(ErrorBody::Detail, kMessage, "policy_violation", "request_blocked"),
      R"({"detail":"Request blocked by security policy: Detected 'capsem_block' in prompt"})");
  EXPECT_EQ(error_body(ErrorBody::Unified, "M", "policy_violation", "request_blocked"),
            R"({"detail":"M","error":{"message":"M","type":"policy_violation","param":null,)"
            R"("code":"request_blocked"}})");
  EXPECT_EQ(error_body(ErrorBody::OpenAi, "M", "server_error", "inspection_failed"),
            R"({"error":{"message":"M","type":"server_error","param":null,)"
            R"("code":"inspection_failed"}})");
}

TEST(ErrorBody, of_integrations_is_what_each_providers_clients_read_R42_R43) {
  const Refusal held{.message = "M",
                     .detail = "never shown here",
                     .type = "policy_violation",
                     .code = "approval_required",
                     .run_id = "run",
                     .review_id = "rev",
                     .status = 403,
                     .request_id = "req"};
  EXPECT_EQ(error_body(ErrorBody::Integration, held),
            R"({"error":{"message":"M","type":"policy_violation","code":"approval_required",)"
            R"("run_id":"run","review_request_id":"rev","poll_url":"/v1/reviews/rev"}})");
  EXPECT_EQ(error_body(ErrorBody::GeminiIntegration, held),
            R"({"error":{"code":403,"message":"M","status":"PERMISSION_DENIED",)"
            R"("type":"policy_violation","reason":"approval_required","run_id":"run",)"
            R"("review_request_id":"rev","poll_url":"/v1/reviews/rev"}})");
  EXPECT_EQ(error_body(ErrorBody::AnthropicIntegration, held),
            R"({"type":"error","error":{"message":"M","type":"policy_violation",)"
            R"("code":"approval_required","run_id":"run","review_request_id":"rev",)"
            R"("poll_url":"/v1/reviews/rev"},"request_id":"req"})");
  struct Case {
    int status;
    const char* name;
  };
  for (const Case& c :
       {Case{400, "INVALID_ARGUMENT"}, Case{401, "UNAUTHENTICATED"}, Case{404, "NOT_FOUND"},
        Case{405, "UNIMPLEMENTED"}, Case{421, "FAILED_PRECONDITION"},
        Case{429, "RESOURCE_EXHAUSTED"}, Case{500, "INTERNAL"}, Case{502, "UNAVAILABLE"},
        Case{503, "UNAVAILABLE"}, Case{504, "DEADLINE_EXCEEDED"}}) {
    const std::string body =
        error_body(ErrorBody::GeminiIntegration, Refusal{.message = "M", .status = c.status});
    EXPECT_THAT(body, testing::HasSubstr(R"("status":")" + std::string(c.name) + '"'));
  }
}

// R56: the same refusal in each shape. R19: one key stays one key, whatever else is known.
TEST(ErrorBody, tells_detail_and_message_apart_and_adds_members_to_the_error_object_alone_R42_R73) {
  const Refusal refusal{.message = "Model gpt-3.5-turbo is not allowed",
                        .detail =
                            "Request blocked by security policy: [model_blocked] Model "
                            "gpt-3.5-turbo is not allowed",
                        .type = "policy_violation",
                        .code = "model_blocked",
                        .run_id = "0b2f",
                        .reason_code = "RULE_MATCH"};
  const std::string detail =
      R"("detail":"Request blocked by security policy: [model_blocked] Model gpt-3.5-turbo is not allowed")";
  const std::string error =
      R"("error":{"message":"Model gpt-3.5-turbo is not allowed","type":"policy_violation",)"
      R"("param":null,"code":"model_blocked","reason_code":"RULE_MATCH","run_id":"0b2f",)"
      R"("review_request_id":null,"poll_url":null})";
  EXPECT_EQ(error_body(ErrorBody::Detail, refusal), "{" + detail + "}");
  EXPECT_EQ(error_body(ErrorBody::Unified, refusal), "{" + detail + "," + error + "}");
  EXPECT_EQ(error_body(ErrorBody::OpenAi, refusal), "{" + error + "}");
}

TEST(ErrorBody, leaves_out_what_is_not_known) {
  EXPECT_EQ(
      error_body(ErrorBody::OpenAi, {.message = "M", .type = "T", .code = "C", .reason_code = "R"}),
      R"({"error":{"message":"M","type":"T","param":null,"code":"C","reason_code":"R"}})");
  EXPECT_EQ(error_body(ErrorBody::Detail, {.message = "M", .code = "C"}), R"({"detail":"M"})");
}

TEST(ErrorBody, has_the_explanation_in_every_shape) {
  const Refusal refusal{
      .message = "M", .type = "T", .code = "C", .explain = R"({"verdict":"BLOCK"})"};
  EXPECT_EQ(error_body(ErrorBody::Detail, refusal),
            R"({"detail":"M","explain":{"verdict":"BLOCK"}})");
  for (const ErrorBody shape : {ErrorBody::Unified, ErrorBody::OpenAi}) {
    EXPECT_TRUE(error_body(shape, refusal)
                    .ends_with(R"("param":null,"code":"C"},"explain":{"verdict":"BLOCK"}})"));
  }
}

TEST(JsonString, escapes_what_json_and_line_splitting_clients_need) {
  std::string out;
  append_json_string(out, std::string_view("a\"b\\c\n\r\t\0\x1f\x7f/", 12));
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f\x7f/\"");
  out.clear();
  append_json_string(out,
                     "x\xC2\x85y\xE2\x80\xA8z\xE2\x80\xA9\x0b\x0c\x1c\x1d\x1e"
                     "\xC3\xA9\xE2\x80\xA6\xF0\x9F\x98\x80");
  EXPECT_EQ(out,
            "\"x\\u0085y\\u2028z\\u2029\\u000b\\u000c\\u001c\\u001d\\u001e"
            "\xC3\xA9\xE2\x80\xA6\xF0\x9F\x98\x80\"");
}

TEST(JsonString, of_any_bytes_reads_back_as_those_bytes) {
  for (int a = 0; a < 0x80; ++a) {
    const std::string text{static_cast<char>(a), 'x', static_cast<char>(a)};
    std::string json;
    append_json_string(json, text);
    const std::size_t size = json.size();
    json.append(wire::JsonReader::kPadding, ' ');
    wire::JsonReader reader;
    ASSERT_TRUE(reader.parse(std::string_view(json).substr(0, size)));
    EXPECT_EQ(reader.nodes()[0].text, text);
  }
}

std::string frame(Dialect dialect, Framing framing = Framing::Sse, bool first = false,
                  std::uint64_t sequence = 0) {
  std::string out;
  codec_for(dialect).write_stream_error("M", "request_blocked", framing, first, sequence, out);
  return out;
}

// What makes each official SDK raise M in the middle of a stream (wire formats, section 9).
TEST(StreamError, has_the_form_each_dialect_raises) {
  constexpr std::string_view kOpenAi =
      "data: {\"error\":{\"message\":\"M\",\"type\":\"policy_violation\",\"param\":null,"
      "\"code\":\"request_blocked\"},\"detail\":\"M\"}\n\n";
  EXPECT_EQ(frame(Dialect::OpenAiChat), kOpenAi);
  EXPECT_EQ(frame(Dialect::OpenAiCompletions), kOpenAi);
  EXPECT_EQ(frame(Dialect::OpenAiResponses, Framing::Sse, false, 17),
            "event: error\n"
            "data: {\"type\":\"error\",\"sequence_number\":17,\"code\":\"request_blocked\","
            "\"message\":\"M\",\"param\":null,\"error\":{\"message\":\"M\","
            "\"type\":\"policy_violation\",\"param\":null,\"code\":\"request_blocked\"}}\n\n");
  constexpr std::string_view kAnthropic =
      "event: error\n"
      "data: {\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"M\"}}\n\n";
  EXPECT_EQ(frame(Dialect::Anthropic), kAnthropic);
  EXPECT_EQ(frame(Dialect::AnthropicComplete), kAnthropic);
}

TEST(StreamError, of_gemini_begins_with_error_and_keeps_an_array_whole) {
  constexpr std::string_view kError =
      "{\"error\":{\"code\":403,\"message\":\"M\",\"status\":\"PERMISSION_DENIED\"}}";
  for (const Dialect dialect : {Dialect::Gemini, Dialect::GeminiInteractions}) {
    EXPECT_EQ(frame(dialect), "data: " + std::string(kError) + "\n\n");
    EXPECT_EQ(frame(dialect, Framing::JsonArray, true), "[" + std::string(kError) + "]");
    EXPECT_EQ(frame(dialect, Framing::JsonArray, false), "," + std::string(kError) + "]");
  }
}

TEST(StreamError, is_one_line_whatever_the_message_holds) {
  for (std::size_t i = 0; i < kDialectCount; ++i) {
    std::string out;
    codec_for(static_cast<Dialect>(i))
        .write_stream_error("a\nb\r\"\xE2\x80\xA8", "c", Framing::Sse, false, 0, out);
    const auto data = out.find("data: ");
    ASSERT_NE(data, std::string::npos);
    EXPECT_EQ(out.find('\n', data), out.size() - 2);
    EXPECT_EQ(out.find("\xE2\x80\xA8"), std::string::npos);
  }
}

}  // namespace
}  // namespace capsem::codec
