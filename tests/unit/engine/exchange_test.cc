// The engine as a whole: a request and its answer through real codecs, detectors and policies.
#include "core/engine/exchange.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/units.h"
#include "core/policy/snapshot.h"
#include "tests/support/answers.h"

namespace capsem::engine {
namespace {

using codec::Dialect;
using policy::Verdict;
using test::Channel;

std::shared_ptr<const policy::Snapshot> both_policies() {
  static const auto snapshot = [] {
    policy::PiiPolicy pii;
    const auto set = [&pii](detect::EntityType type, Verdict verdict) {
      pii.entities[static_cast<std::size_t>(type)] = {true, verdict};
    };
    set(detect::EntityType::EmailAddress, Verdict::Block);
    set(detect::EntityType::CreditCard, Verdict::Block);
    set(detect::EntityType::PhoneNumber, Verdict::Confirm);
    set(detect::EntityType::Person, Verdict::Log);
    return *policy::Snapshot::freeze({policy::KeywordPolicy{}, pii}, "sha256:test");
  }();
  return snapshot;
}

// What came of one exchange.
struct Outcome {
  Step step = Step::Continue;
  Denial denial;
  std::string out;
  audit::Record record;
};

class Engine {
 public:
  explicit Engine(EngineSettings settings = {},
                  std::shared_ptr<const policy::Snapshot> snapshot = both_policies())
      : settings_(settings), snapshot_(std::move(snapshot)) {}

  Outcome request(Dialect dialect, std::string_view body, std::string_view tool_prefix = kDefault) {
    Exchange exchange({.dialect = dialect, .tool_prefix = tool_prefix}, snapshot_, settings_,
                      workspace_);
    Outcome outcome;
    outcome.step = exchange.on_request_bytes(body);
    if (outcome.step == Step::Continue) outcome.step = exchange.on_request_end();
    outcome.out = exchange.request_body();
    outcome.denial = exchange.denial();
    outcome.record = exchange.take_record();
    return outcome;
  }

  Outcome answer(Dialect dialect, Answer kind, const std::vector<std::string_view>& pieces,
                 bool ok = true) {
    Exchange exchange({.dialect = dialect}, snapshot_, settings_, workspace_);
    exchange.on_request_bytes(test::request_body(dialect, "hi", kind != Answer::Body));
    EXPECT_EQ(exchange.on_request_end(), Step::Continue);
    exchange.on_answer_head(kind, ok);
    Outcome outcome;
    for (const std::string_view piece : pieces) {
      outcome.step = exchange.on_answer_bytes(piece, outcome.out);
      if (outcome.step != Step::Continue) break;
    }
    if (outcome.step == Step::Continue) outcome.step = exchange.on_answer_end(outcome.out);
    outcome.denial = exchange.denial();
    outcome.record = exchange.take_record();
    return outcome;
  }

 private:
  static constexpr std::string_view kDefault = "Request blocked by security policy: ";
  EngineSettings settings_;
  std::shared_ptr<const policy::Snapshot> snapshot_;
  Workspace workspace_{1, 2};
};

std::vector<std::string> chop(std::string_view text, std::size_t size) {
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t n = std::min(size, text.size() - i);
    // Deltas are JSON strings: they never cut inside a code point.
    while (i + n < text.size() && (static_cast<unsigned char>(text[i + n]) & 0xC0) == 0x80) ++n;
    pieces.emplace_back(text.substr(i, n));
    i += n;
  }
  return pieces;
}

// --- Requests ------------------------------------------------------------------------------------

struct RequestCase {
  const char* name;
  Dialect dialect;
  std::string_view body;
  std::string_view message;  // empty: forwarded
};

const RequestCase kRequestCases[] = {
    {"R2 a clean prompt", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"hello"}],"x_unknown":1})", ""},
    {"R19 the keyword in a prompt, any case", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"Tell me about CapSem_BLOCK now"}]})",
     "Request blocked by security policy: Detected 'capsem_block' in prompt"},
    {"R19 in a system message", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"system","content":"capsem_block"},{"role":"user","content":"x"}]})",
     "Request blocked by security policy: Detected 'capsem_block' in prompt"},
    {"R20 in a tool's name", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"dangerous_capsem_block","description":"A blocked tool","parameters":{"type":"object","properties":{}}}}]})",
     "Tool blocked by security policy: Detected 'capsem_block' in tool name"},
    {"R33 in a tool's description", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"a","description":"has capsem_block"}}]})",
     "Tool blocked by security policy: Detected 'capsem_block' in tool description"},
    {"R21 in a tool's answer", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"x"},{"role":"tool","tool_call_id":"c","content":"capsem_block"}]})",
     "Request blocked by security policy: Detected 'capsem_block' in tool response"},
    {"R23 an e-mail address in a tool's answer", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"x"},{"role":"tool","tool_call_id":"c","content":"{\"temperature\": \"20\u00b0C\", \"location\": \"PII test@gmail.com\"}"}]})",
     "Request blocked by security policy: PII detected in tool 'unknown' response: "
     "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"},
    {"R23 with the tool's name", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"tool","name":"lookup","tool_call_id":"c","content":"test@gmail.com"}]})",
     "Request blocked by security policy: PII detected in tool 'lookup' response: "
     "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"},
    {"R25 an e-mail address in a prompt", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"write to test@gmail.com"}]})",
     "Request blocked by security policy: PII detected in prompt: "
     "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"},
    {"R26 tool results come before the prompt", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"capsem_block"},{"role":"tool","tool_call_id":"c","content":"test@gmail.com"}]})",
     "Request blocked by security policy: PII detected in tool 'unknown' response: "
     "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"},
    {"R28 the text parts of a content array", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"say capsem"},{"type":"text","text":"_block"}]}]})",
     "Request blocked by security policy: Detected 'capsem_block' in prompt"},
    {"R33 arguments of a call in history", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"q\":\"capsem\\u005fblock\"}"}}]}]})",
     "Request blocked by security policy: Detected 'capsem_block' in tool arguments"},
    {"R33 arguments that are not JSON", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"not json capsem_block"}}]}]})",
     "Request blocked by security policy: Detected 'capsem_block' in tool arguments"},
    {"R33 the system instruction of Gemini", Dialect::Gemini,
     R"({"systemInstruction":{"parts":[{"text":"capsem_block"}]},"contents":[{"parts":[{"text":"x"}]}]})",
     "Request blocked by security policy: Detected 'capsem_block' in prompt"},
    {"R33 a function response in any part", Dialect::Gemini,
     R"({"contents":[{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":"test@gmail.com"}}},{"text":"x"}]}]})",
     "Request blocked by security policy: PII detected in tool 'f' response: "
     "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"},
    {"an unknown field is inspected", Dialect::Anthropic,
     R"({"model":"m","messages":[{"role":"user","content":"x"}],"brand_new":{"deep":["capsem_block"]}})",
     "Request blocked by security policy: Detected 'capsem_block' in prompt"},
    {"an unknown member's name is inspected", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"x","capsem_block":1}]})",
     "Request blocked by security policy: Detected 'capsem_block' in prompt"},
    {"X7 CONFIRM holds the request", Dialect::OpenAiChat,
     R"({"model":"m","messages":[{"role":"user","content":"please phone me, call 212-456-7890"}]})",
     "Request held for review: PII detected in prompt: PHONE_NUMBER(count=1, score=0.75, "
     "action=CONFIRM)"},
    {"R13 not JSON", Dialect::OpenAiChat, "{nope", "Invalid JSON in request body: "},
    {"T05 a duplicate member", Dialect::OpenAiChat,
     R"({"model":"m","messages":[],"messages":[{"role":"user","content":"capsem_block"}]})",
     "Invalid JSON in request body: "},
};

TEST(Exchange, JudgesRequests) {
  Engine engine;
  for (const auto& c : kRequestCases) {
    SCOPED_TRACE(c.name);
    const std::string_view prefix = c.dialect == Dialect::OpenAiChat
                                        ? "Tool blocked by security policy: "
                                        : "Request blocked by security policy: ";
    const Outcome got = engine.request(c.dialect, c.body, prefix);
    if (c.message.empty()) {
      EXPECT_EQ(got.step, Step::Continue);
      EXPECT_EQ(got.out, c.body) << "the original bytes are forwarded";
    } else {
      EXPECT_EQ(got.step, Step::Deny);
      EXPECT_TRUE(std::string_view(got.denial.message).starts_with(c.message))
          << got.denial.message;
    }
  }
}

TEST(Exchange, R27_EveryPolicyIsAskedAndTheRecordNamesThemAll_X9) {
  Engine engine;
  const Outcome got = engine.request(
      Dialect::OpenAiChat,
      R"({"model":"m","messages":[{"role":"user","content":"capsem_block to test@gmail.com"}]})");
  ASSERT_EQ(got.record.decisions.size(), 2u);
  EXPECT_EQ(got.record.decided_by, "Debug/capsem_block");
  EXPECT_EQ(got.record.decisions[1].policy, "PIIDetection");
  EXPECT_EQ(got.record.revision, "sha256:test");
  EXPECT_GT(got.record.inspected[static_cast<std::size_t>(event::Point::Prompt)].bytes, 0u);
}

TEST(Exchange, R23_TheRecordResolvesTheToolsName) {
  Engine engine;
  const Outcome got = engine.request(
      Dialect::OpenAiChat,
      R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c9","type":"function","function":{"name":"weather","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c9","content":"test@gmail.com"}]})");
  EXPECT_EQ(got.step, Step::Deny);
  EXPECT_NE(got.denial.message.find("tool 'unknown' response"), std::string::npos);
}

// --- Answers -------------------------------------------------------------------------------------

TEST(Exchange, R24_CountsEachOfTheAnswersAddressesOnceThoughTheyAreRepeated) {
  std::string text = "Ideas by Elie Bursztein and John Smith: ";
  for (int i = 0; i < 13; ++i) text += "name" + std::to_string(i) + "@gmail.com, ";
  const std::string message =
      "Request blocked by security policy: PII detected in model response: "
      "EMAIL_ADDRESS(count=13, score=1.00, action=BLOCK), PERSON(count=2, score=0.85, action=LOG)";
  Engine engine;
  for (const Dialect dialect : {Dialect::OpenAiChat, Dialect::OpenAiCompletions,
                                Dialect::OpenAiResponses, Dialect::Gemini, Dialect::Anthropic}) {
    const Outcome got = engine.answer(dialect, Answer::Body, {test::text_body(dialect, text)});
    EXPECT_EQ(got.step, Step::Deny);
    EXPECT_EQ(got.denial.message, message) << codec::to_string(dialect);
    EXPECT_TRUE(got.out.empty());
  }
}

TEST(Exchange, R22_NamesTheToolWhoseArgumentsAreBlocked_InEveryDialectStreamedOrNot) {
  const std::string args = R"({"email": "test@example.com"})";
  const std::string message =
      "Request blocked by security policy: PII detected in tool 'contact_lookup' arguments: "
      "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)";
  Engine engine;
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    const std::string body = test::tool_body(channel.dialect, "contact_lookup", args);
    if (body.empty()) continue;
    EXPECT_EQ(engine.answer(channel.dialect, Answer::Body, {body}).denial.message, message);
    for (std::size_t size = 1; size <= args.size(); ++size) {
      const std::string stream = test::tool_stream(channel, "contact_lookup", chop(args, size));
      const Outcome got = engine.answer(channel.dialect, channel.answer, {stream});
      EXPECT_TRUE(got.step == Step::Cut || got.step == Step::Deny);
      EXPECT_EQ(got.denial.message, message) << size;
      EXPECT_EQ(got.out.find("example.com"), std::string::npos) << size;
    }
  }
}

TEST(Exchange, R33_EscapesInStreamedArgumentsHideNothing) {
  const std::string args = R"({"q":"capsem\u005fbl\u006fck"})";
  Engine engine;
  for (const Channel& channel : test::kStreams) {
    for (std::size_t size = 1; size <= args.size(); ++size) {
      const std::string stream = test::tool_stream(channel, "f", chop(args, size));
      if (stream.empty()) continue;
      const Outcome got = engine.answer(channel.dialect, channel.answer, {stream});
      EXPECT_EQ(got.denial.message,
                "Request blocked by security policy: Detected 'capsem_block' in tool arguments")
          << channel.name << " " << size;
    }
  }
}

struct TextCase {
  const char* name;
  std::string_view text;
  std::string_view forbidden;  // must never be visible whole; empty: nothing is forbidden
};

constexpr TextCase kTexts[] = {
    {"plain prose", "The quick brown fox jumps over the lazy dog, twice. Then it rests.", ""},
    {"the keyword", "Let us talk about capsem_block today.", "capsem_block"},
    {"the keyword last", "nothing but capsem_block", "capsem_block"},
    {"a near miss", "capsem_bloc capsem_blo ck capsem-block", ""},
    {"the keyword behind its own prefix", "capsem_capsem_block", "capsem_block"},
    {"an e-mail address", "Please write to jane.doe@example.com for more.", "jane.doe@example.com"},
    {"a card number", "Pay with 4111 1111 1111 1111 today.", "4111 1111 1111 1111"},
    {"numbers that are no card", "The years 1999 2000 2001 2002 were fine.", ""},
    {"text around it is not ASCII",
     "\xC3\xA9t\xC3\xA9 \xE2\x80\x94 \xE6\x97\xA5\xE6\x9C\xAC test@gmail.com \xF0\x9F\x98\x80",
     "test@gmail.com"},
};

TEST(Exchange, R17_R33_TheVerdictOfAStreamIsThatOfTheWholeAnswerInEveryDialectAtEveryDeltaSize) {
  Engine engine;
  for (const auto& c : kTexts) {
    for (const Channel& channel : test::kStreams) {
      const std::string body = test::text_body(channel.dialect, c.text);
      const Outcome whole = engine.answer(channel.dialect, Answer::Body, {body});
      EXPECT_EQ(whole.step, c.forbidden.empty() ? Step::Done : Step::Deny);
      if (whole.step == Step::Done) {
        EXPECT_EQ(whole.out, body) << "byte for byte";
      }
      for (std::size_t size = 1; size <= 24; ++size) {
        SCOPED_TRACE(testing::Message()
                     << c.name << ", " << channel.name << ", deltas of " << size);
        const std::string stream = test::text_stream(channel, chop(c.text, size));
        const Outcome got = engine.answer(channel.dialect, channel.answer, {stream});
        EXPECT_EQ(got.denial.message, whole.denial.message);
        EXPECT_EQ(got.record.verdict, whole.record.verdict);
        if (c.forbidden.empty()) {
          EXPECT_EQ(got.step, Step::Done);
          EXPECT_EQ(got.out, stream) << "byte for byte";
        } else {
          EXPECT_TRUE(got.step == Step::Cut || got.step == Step::Deny);
          EXPECT_EQ(test::visible_text(channel, got.out).find(c.forbidden), std::string::npos);
        }
      }
    }
  }
}

TEST(Exchange, R4_TheBytesMayBeCutAnywhere) {
  Engine engine;
  std::mt19937 random(7);
  for (const auto& c : kTexts) {
    for (const Channel& channel : test::kStreams) {
      const std::string stream = test::text_stream(channel, chop(c.text, 5));
      const Outcome whole = engine.answer(channel.dialect, channel.answer, {stream});
      const std::string_view view = stream;
      for (int round = 0; round < 60; ++round) {
        std::vector<std::string_view> pieces;
        for (std::size_t at = 0; at < view.size();) {
          const std::size_t n = 1 + random() % (round % 3 == 0 ? 3u : 90u);
          pieces.push_back(view.substr(at, n));
          at += n;
        }
        const Outcome got = engine.answer(channel.dialect, channel.answer, pieces);
        ASSERT_EQ(got.out, whole.out) << c.name << ", " << channel.name;
        ASSERT_EQ(got.step, whole.step);
        ASSERT_EQ(got.denial.message, whole.denial.message);
      }
    }
  }
}

TEST(Exchange, R4_ProseLeavesAtOnceUpToItsLastWord) {
  Engine engine;
  const auto snapshot = both_policies();
  EngineSettings settings;
  Workspace workspace{1, 2};
  Exchange exchange({.dialect = Dialect::OpenAiChat}, snapshot, settings, workspace);
  exchange.on_request_bytes(test::request_body(Dialect::OpenAiChat, "hi", true));
  ASSERT_EQ(exchange.on_request_end(), Step::Continue);
  exchange.on_answer_head(Answer::Sse, true);
  const Channel& chat = test::kStreams[0];
  std::string seen, sent;
  for (const std::string word : {"once ", "upon ", "a ", "time, ", "there ", "was ", "a "}) {
    sent += word;
    std::string out;
    const std::string event = R"(data: {"choices":[{"index":0,"delta":{"content":)" +
                              test::json_string(word) + "}}]}\n\n";
    ASSERT_EQ(exchange.on_answer_bytes(event, out), Step::Continue);
    seen += test::visible_text(chat, out);
    EXPECT_EQ(seen, sent) << "nothing is held behind a finished word";
  }
  std::string out;
  ASSERT_EQ(exchange.on_answer_bytes(
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ca\"}}]}\n\n", out),
            Step::Continue);
  EXPECT_EQ(out, "") << "an unfinished word may still become the keyword";
  EXPECT_GT(exchange.held_bytes(), 0u);
}

TEST(Exchange, R33_ChoicesThatInterleaveAreFollowedApart) {
  Engine engine;
  const auto chunk = [](int index, const char* text) {
    return "data: {\"choices\":[{\"index\":" + std::to_string(index) +
           ",\"delta\":{\"content\":\"" + text + "\"}}]}\n\n";
  };
  const std::string split = chunk(0, "capsem") + chunk(1, "plain ") + chunk(0, "_blo") +
                            chunk(1, "words ") + chunk(0, "ck ") + "data: [DONE]\n\n";
  const Outcome got = engine.answer(Dialect::OpenAiChat, Answer::Sse, {split});
  EXPECT_EQ(got.denial.message,
            "Request blocked by security policy: Detected 'capsem_block' in model response");
  const std::string apart =
      chunk(0, "capsem") + chunk(1, "_block ") + chunk(0, " is fine ") + "data: [DONE]\n\n";
  const Outcome fine = engine.answer(Dialect::OpenAiChat, Answer::Sse, {apart});
  EXPECT_EQ(fine.step, Step::Done);
  EXPECT_EQ(fine.out, apart);
}

TEST(Exchange, AKeyThatFallsSilentDoesNotHoldTheStreamAndIsStillFollowed) {
  Engine engine;
  const auto chunk = [](const char* leaf, const char* text) {
    return std::string("data: {\"choices\":[{\"index\":0,\"delta\":{\"") + leaf + "\":\"" + text +
           "\"}}]}\n\n";
  };
  const auto snapshot = both_policies();
  EngineSettings settings;
  Workspace workspace{1, 2};
  Exchange exchange({.dialect = Dialect::OpenAiChat}, snapshot, settings, workspace);
  exchange.on_request_bytes(test::request_body(Dialect::OpenAiChat, "hi", true));
  ASSERT_EQ(exchange.on_request_end(), Step::Continue);
  exchange.on_answer_head(Answer::Sse, true);
  std::string out;
  exchange.on_answer_bytes(chunk("reasoning_content", "so caps"), out);
  for (int i = 0; i < 4; ++i) exchange.on_answer_bytes(chunk("content", "the answer "), out);
  EXPECT_NE(out.find("the answer"), std::string::npos) << "the answer does not wait for thoughts";
  EXPECT_EQ(exchange.on_answer_bytes(chunk("reasoning_content", "em_block "), out), Step::Cut)
      << "a forbidden text over a pause is found all the same";
}

TEST(Exchange, BufferModeLetsNothingOutBeforeTheWholeAnswerIsJudged) {
  EngineSettings settings;
  settings.stream_mode = StreamMode::Buffer;
  Engine engine(settings);
  for (const Channel& channel : test::kStreams) {
    const std::string clean = test::text_stream(channel, chop("all is well here", 3));
    const Outcome fine = engine.answer(channel.dialect, channel.answer, {clean});
    EXPECT_EQ(fine.step, Step::Done);
    EXPECT_EQ(fine.out, clean);
    const std::string bad = test::text_stream(channel, chop("first fine, then capsem_block", 3));
    const Outcome got = engine.answer(channel.dialect, channel.answer, {bad});
    EXPECT_EQ(got.step, Step::Deny) << channel.name;
    EXPECT_EQ(got.out, "");
  }
}

TEST(Exchange, R4_WithoutAnOutputPolicyTheAnswerIsTheCallersToRelay) {
  policy::PiiPolicy inputs_only;
  inputs_only.head.on = policy::kPrompt;
  inputs_only.entities[static_cast<std::size_t>(detect::EntityType::EmailAddress)] = {
      true, Verdict::Block};
  const auto snapshot = *policy::Snapshot::freeze({inputs_only}, "r");
  EngineSettings settings;
  Workspace workspace{1, 2};
  Exchange exchange({.dialect = Dialect::OpenAiChat}, snapshot, settings, workspace);
  EXPECT_FALSE(exchange.relays_answer()) << "nobody has been heard yet";
  exchange.skip_request();
  EXPECT_TRUE(exchange.relays_answer());
  Exchange checked({.dialect = Dialect::OpenAiChat}, both_policies(), settings, workspace);
  checked.skip_request();
  EXPECT_FALSE(checked.relays_answer());
  EXPECT_FALSE(checked.take_record().answer_inspected)
      << "no check is reported that did not happen";
}

TEST(Exchange, AnAnswerIsCalledInspectedOnlyWhenEveryPointOfItWasLookedAt) {
  policy::PiiPolicy arguments_only;
  arguments_only.head.on = policy::kToolArgs;
  arguments_only.entities[static_cast<std::size_t>(detect::EntityType::EmailAddress)] = {
      true, Verdict::Block};
  const std::string body = test::text_body(Dialect::OpenAiChat, "hello");
  Engine partly({}, *policy::Snapshot::freeze({arguments_only}, "r"));
  EXPECT_FALSE(partly.answer(Dialect::OpenAiChat, Answer::Body, {body}).record.answer_inspected);
  EXPECT_TRUE(Engine().answer(Dialect::OpenAiChat, Answer::Body, {body}).record.answer_inspected);
}

TEST(Exchange, R16_AnAnswerThatIsNotJsonIsRefused) {
  Engine engine;
  const Outcome got = engine.answer(Dialect::OpenAiChat, Answer::Body, {"<html>"});
  EXPECT_EQ(got.denial.status, 502);
  EXPECT_EQ(got.denial.message, "Invalid response from provider");
  EXPECT_EQ(engine.answer(Dialect::OpenAiChat, Answer::Body, {"busy, try later"}, false).step,
            Step::Done)
      << "an error page need not be JSON";
  EXPECT_EQ(engine.answer(Dialect::OpenAiChat, Answer::Body, {"no: capsem_block"}, false).step,
            Step::Deny)
      << "but it is inspected";
}

// Fails on every text that holds its word.
class FailingDetector final : public detect::Detector {
 public:
  std::unique_ptr<detect::Scratch> make_scratch() const override {
    return std::make_unique<detect::Scratch>();
  }
  Result<std::size_t> scan(const detect::Window& window, detect::Scratch&,
                           std::vector<detect::Finding>&) const override {
    if (window.text.find("poison") != std::string_view::npos) {
      return gateway_error("detector_failed", "the test asked for it");
    }
    return window.text.size();
  }
};

TEST(Exchange, AnInspectorThatFailsBlocksInEveryPlace) {
  Engine engine({}, *policy::Snapshot::freeze({policy::KeywordPolicy{}}, "r",
                                              std::make_unique<FailingDetector>()));
  const Outcome request =
      engine.request(Dialect::OpenAiChat, test::request_body(Dialect::OpenAiChat, "poison", false));
  EXPECT_EQ(request.step, Step::Deny);
  EXPECT_EQ(request.denial.status, 403);
  EXPECT_EQ(request.denial.code, "inspection_failed");
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    const Outcome body = engine.answer(channel.dialect, Answer::Body,
                                       {test::text_body(channel.dialect, "some poison here")});
    EXPECT_EQ(body.step, Step::Deny);
    EXPECT_EQ(body.denial.code, "inspection_failed");
    const std::string stream = test::text_stream(channel, {"some ", "poison ", "here"});
    const Outcome got = engine.answer(channel.dialect, channel.answer, {stream});
    EXPECT_TRUE(got.step == Step::Cut || got.step == Step::Deny);
    EXPECT_EQ(got.denial.code, "inspection_failed");
    EXPECT_EQ(test::visible_text(channel, got.out).find("poison"), std::string::npos);
  }
}

TEST(Exchange, AStreamEventThatCannotBeReadEndsTheStream) {
  Engine engine;
  const std::string fine = test::text_stream(test::kStreams[0], {"hello there "});
  const std::string good_part = fine.substr(0, fine.find("data: [DONE]"));
  const Outcome got =
      engine.answer(Dialect::OpenAiChat, Answer::Sse, {good_part + "data: {broken\n\n"});
  EXPECT_EQ(got.step, Step::Cut);
  EXPECT_EQ(got.record.error_code, "inspection_failed");
  EXPECT_NE(got.out.find("\"error\""), std::string::npos);
}

TEST(Exchange, TextOutsideTheDataOfAnEventIsInspected) {
  Engine engine;
  for (const char* hidden : {": capsem_block\n\n", "id: capsem_block\ndata: {\"choices\":[]}\n\n",
                             "event: capsem_block\ndata: {\"choices\":[]}\n\n"}) {
    const Outcome got = engine.answer(Dialect::OpenAiChat, Answer::Sse, {hidden});
    EXPECT_NE(got.step, Step::Done) << hidden;
    EXPECT_EQ(got.out.find("capsem_block"), std::string::npos);
  }
  const std::string ping = ": ping\n\ndata: {\"choices\":[]}\n\ndata: [DONE]\n\n";
  EXPECT_EQ(engine.answer(Dialect::OpenAiChat, Answer::Sse, {ping}).out, ping);
}

// --- Limits, from both sides ---------------------------------------------------------------------

TEST(Exchange, ARequestMayBeAsLargeAsItsLimitAndNoLarger) {
  const std::string body = test::request_body(Dialect::OpenAiChat, "hi", false);
  EngineSettings settings;
  settings.limits.request_bytes_max = static_cast<std::uint32_t>(body.size());
  EXPECT_EQ(Engine(settings).request(Dialect::OpenAiChat, body).step, Step::Continue);
  settings.limits.request_bytes_max -= 1;
  const Outcome got = Engine(settings).request(Dialect::OpenAiChat, body);
  EXPECT_EQ(got.step, Step::Deny);
  EXPECT_EQ(got.denial.status, 413);
}

TEST(Exchange, AnAnswerMayBeAsLargeAsItsLimitAndNoLarger) {
  const std::string body = test::text_body(Dialect::OpenAiChat, "hello");
  EngineSettings settings;
  settings.limits.answer_bytes_max = static_cast<std::uint32_t>(body.size());
  EXPECT_EQ(Engine(settings).answer(Dialect::OpenAiChat, Answer::Body, {body}).step, Step::Done);
  settings.limits.answer_bytes_max -= 1;
  const Outcome got = Engine(settings).answer(Dialect::OpenAiChat, Answer::Body, {body});
  EXPECT_EQ(got.denial.status, 502);
  EXPECT_EQ(got.denial.code, "answer_too_large");
}

TEST(Exchange, AStreamMayBeAsLongAsItsLimitAndNoLonger_T10) {
  const std::string stream = test::text_stream(test::kStreams[0], chop("some words here ", 4));
  EngineSettings settings;
  settings.limits.stream_bytes_max = stream.size();
  EXPECT_EQ(Engine(settings).answer(Dialect::OpenAiChat, Answer::Sse, {stream}).step, Step::Done);
  settings.limits.stream_bytes_max -= 1;
  const std::string_view view = stream;
  const Outcome got = Engine(settings).answer(Dialect::OpenAiChat, Answer::Sse,
                                              {view.substr(0, 200), view.substr(200)});
  EXPECT_EQ(got.denial.code, "limit_stream_total");
}

TEST(Exchange, HitsPastTheirLimitAreCountedNoMoreButOfAnyOtherRuleTheFirstStillBlocks) {
  policy::PiiPolicy pii;
  pii.entities[static_cast<std::size_t>(detect::EntityType::EmailAddress)] = {true, Verdict::Log};
  pii.entities[static_cast<std::size_t>(detect::EntityType::CreditCard)] = {true, Verdict::Block};
  const auto snapshot = *policy::Snapshot::freeze({pii}, "r");
  std::string text;
  for (std::size_t i = 0; i < UnitBook::kHitsMax + 10; ++i) text += "a@b.com ";
  const Outcome logged =
      Engine({}, snapshot)
          .request(Dialect::OpenAiChat, test::request_body(Dialect::OpenAiChat, text, false));
  EXPECT_EQ(logged.step, Step::Continue);
  ASSERT_EQ(logged.record.decisions.size(), 1u);
  EXPECT_NE(logged.record.decisions[0].details.find("count=100000"), std::string::npos);
  const Outcome blocked =
      Engine({}, snapshot)
          .request(Dialect::OpenAiChat,
                   test::request_body(Dialect::OpenAiChat, text + "4111 1111 1111 1111", false));
  EXPECT_EQ(blocked.step, Step::Deny);
}

TEST(Exchange, CountsPastTheirLimitsAreRefused) {
  EngineSettings settings;
  settings.limits.messages_max = 1;
  settings.limits.tools_max = 0;
  Engine engine(settings);
  EXPECT_EQ(engine
                .request(Dialect::OpenAiChat,
                         R"({"model":"m","messages":[{"role":"user","content":"a"}]})")
                .step,
            Step::Continue);
  EXPECT_EQ(
      engine
          .request(
              Dialect::OpenAiChat,
              R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]})")
          .denial.code,
      "too_many_messages");
  EXPECT_EQ(
      engine
          .request(
              Dialect::OpenAiChat,
              R"({"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"a"}}]})")
          .denial.code,
      "too_many_tools");
}

TEST(Exchange, PromptsAsTokenIdsAreRefusedUnlessAllowed) {
  const std::string body = R"({"model":"m","prompt":[1,2,3]})";
  EXPECT_EQ(Engine().request(Dialect::OpenAiCompletions, body).denial.code, "token_arrays");
  EngineSettings settings;
  settings.allow_token_arrays = true;
  const Outcome got = Engine(settings).request(Dialect::OpenAiCompletions, body);
  EXPECT_EQ(got.step, Step::Continue);
  EXPECT_FALSE(got.record.not_checked.empty()) << "and the record says what was not read";
}

}  // namespace
}  // namespace capsem::engine
