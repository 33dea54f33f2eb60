// Redaction through the whole engine: what leaves is what came, but for what was redacted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/exchange.h"
#include "core/policy/snapshot.h"
#include "core/wire/json.h"
#include "tests/support/answers.h"

namespace capsem::engine {
namespace {

using codec::Dialect;
using policy::RedactionStyle;
using policy::Verdict;
using test::Channel;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::shared_ptr<const policy::Snapshot> redacting(RedactionStyle style, bool restore = false) {
  policy::PiiPolicy pii;
  for (const auto type : {detect::EntityType::EmailAddress, detect::EntityType::CreditCard}) {
    pii.entities[static_cast<std::size_t>(type)] = {true, Verdict::Redact};
  }
  pii.head.redaction = {.style = style, .restore = restore};
  if (restore) pii.head.on = policy::kPrompt;
  return *policy::Snapshot::freeze({pii}, "sha256:test");
}

bool is_json(std::string text) {
  text.reserve(text.size() + wire::JsonReader::kPadding);
  return wire::JsonReader().parse(text).has_value();
}

struct Outcome {
  Step step = Step::Continue;
  std::string request, out;
  Verdict verdict = Verdict::Allow;
  std::vector<std::string> kept{};  // texts for the record
};

// The answer comes in pieces of `cut` bytes; 0: whole.
Outcome exchange_of(const std::shared_ptr<const policy::Snapshot>& snapshot, Dialect dialect,
                    std::string_view request, Answer kind = Answer::Opaque,
                    std::string_view answer = {}, std::size_t cut = 0) {
  static const EngineSettings settings;
  Workspace workspace(1, 2);
  Exchange exchange({.dialect = dialect}, snapshot, settings, workspace, {},
                    {.redaction_secret = "a secret of tests"});
  exchange.keep_texts(1 << 20);
  Outcome outcome;
  exchange.on_request_bytes(request);
  outcome.step = exchange.on_request_end();
  outcome.request = exchange.request_body();
  if (outcome.step == Step::Continue && !answer.empty()) {
    exchange.on_answer_head(kind, true);
    if (cut == 0) cut = answer.size();
    for (std::size_t i = 0; outcome.step == Step::Continue && i < answer.size(); i += cut) {
      outcome.step = exchange.on_answer_bytes(answer.substr(i, cut), outcome.out);
    }
    if (outcome.step == Step::Continue) outcome.step = exchange.on_answer_end(outcome.out);
  }
  outcome.verdict = exchange.verdict();
  for (const audit::KeptText& text : exchange.kept_texts()) outcome.kept.push_back(text.text);
  return outcome;
}

struct RequestCase {
  const char* name;
  std::string_view body, redacted;  // empty: refused
};

const RequestCase kRequests[] = {
    {"plain",
     R"({"model":"m", "messages":[{"role":"user","content":"to bob@example.com, please"}]})",
     R"({"model":"m", "messages":[{"role":"user","content":"to [EMAIL_ADDRESS], please"}]})"},
    {"escapes stay whole",
     R"({"messages":[{"role":"user","content":"\u00e9\n\"bob\u0040example.com\"\ud83d\ude00"}]})",
     R"({"messages":[{"role":"user","content":"\u00e9\n\"[EMAIL_ADDRESS]\"\ud83d\ude00"}]})"},
    {"over two parts",
     R"({"messages":[{"role":"user","content":[{"type":"text","text":"a bob@exa"},{"type":"text","text":"mple.com b"}]}]})",
     R"({"messages":[{"role":"user","content":[{"type":"text","text":"a [EMAIL_ADDRESS]"},{"type":"text","text":" b"}]}]})"},
    {"JSON in a string",
     R"({"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"to\":\"b\\u006fb@example.com\",\"n\":4111111111111111}"}}]}]})",
     R"({"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"to\":\"[EMAIL_ADDRESS]\",\"n\":\"[CREDIT_CARD]\"}"}}]}]})"},
    {"unknown members, their names too",
     R"({"messages":[{"role":"user","content":"x"}],"extra":{"bob@example.com":1,"eve@example.com":[4111111111111111]}})",
     R"({"messages":[{"role":"user","content":"x"}],"extra":{"[EMAIL_ADDRESS]":1,"[EMAIL_ADDRESS]#2":["[CREDIT_CARD]"]}})"},
    {"a model's name cannot be redacted",
     R"({"model":"bob@example.com","messages":[{"role":"user","content":"x"}]})", ""},
};

TEST(Redaction, SplicesRequests) {
  const auto snapshot = redacting(RedactionStyle::Mask);
  for (const RequestCase& c : kRequests) {
    SCOPED_TRACE(c.name);
    const Outcome outcome = exchange_of(snapshot, Dialect::OpenAiChat, c.body);
    EXPECT_EQ(outcome.step, c.redacted.empty() ? Step::Deny : Step::Continue);
    EXPECT_EQ(outcome.verdict, c.redacted.empty() ? Verdict::Block : Verdict::Redact);
    if (c.redacted.empty()) continue;
    EXPECT_EQ(outcome.request, c.redacted);
    EXPECT_TRUE(is_json(outcome.request));
  }
}

TEST(Redaction, LeavesTheRestOfARequestAsItIs) {
  const std::string_view body = R"({ "messages":[{"role":"user","content":"hi\u0021"}] })";
  const Outcome outcome = exchange_of(redacting(RedactionStyle::Mask), Dialect::OpenAiChat, body);
  EXPECT_EQ(outcome.request, body);
  EXPECT_EQ(outcome.verdict, Verdict::Allow);
}

TEST(Redaction, NamesTheSameValueTheSame) {
  const std::string turn =
      R"({"messages":[{"role":"user","content":"a@example.com b@example.com A@example.com"})";
  const auto placeholders = redacting(RedactionStyle::Placeholder);
  EXPECT_EQ(exchange_of(placeholders, Dialect::OpenAiChat, turn + "]}").request,
            R"({"messages":[{"role":"user","content":"<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2> )"
            R"(<EMAIL_ADDRESS_1>"}]})");
  // The next turn carries the history, and gives it the same names.
  const std::string next = exchange_of(placeholders, Dialect::OpenAiChat,
                                       turn + R"(,{"role":"user","content":"c@example.com"}]})")
                               .request;
  EXPECT_TRUE(next.contains("<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2> <EMAIL_ADDRESS_1>")) << next;
  EXPECT_TRUE(next.contains("\"<EMAIL_ADDRESS_3>\"")) << next;
  const auto hashes = redacting(RedactionStyle::Hash);
  const std::string first = exchange_of(hashes, Dialect::OpenAiChat, turn + "]}").request;
  EXPECT_TRUE(first.contains("[EMAIL_ADDRESS:")) << first;
  EXPECT_EQ(first, exchange_of(hashes, Dialect::OpenAiChat, turn + "]}").request);
}

std::vector<std::string> chop(std::string_view text, std::size_t size) {
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < text.size(); i += size) pieces.emplace_back(text.substr(i, size));
  return pieces;
}

// However the model's text is cut into deltas, and these into reads, the client sees the same; no
// repeat gives away what the deltas do not.
TEST(Redaction, OfStreamedTextsIsTheSameAtEveryCut) {
  const auto snapshot = redacting(RedactionStyle::Mask);
  const std::string_view text = "Ask bob@example.com or 4111 1111 1111 1111.";
  for (const Channel& channel : test::kStreams) {
    const std::string request = test::request_body(channel.dialect, "hi", true);
    for (std::size_t size = 1; size <= text.size(); ++size) {
      SCOPED_TRACE(std::string(channel.name) + ", deltas of " + std::to_string(size));
      const std::string stream = test::text_stream(channel, chop(text, size));
      const Outcome whole = exchange_of(snapshot, channel.dialect, request, channel.answer, stream);
      EXPECT_EQ(whole.step, Step::Done);
      EXPECT_EQ(test::visible_text(channel, whole.out), "Ask [EMAIL_ADDRESS] or [CREDIT_CARD].");
      EXPECT_FALSE(whole.out.contains("bob@example.com"));
      EXPECT_FALSE(whole.out.contains("4111 1111"));
      for (const std::size_t cut : {1U, 7U, 64U}) {
        EXPECT_EQ(exchange_of(snapshot, channel.dialect, request, channel.answer, stream, cut).out,
                  whole.out);
      }
    }
  }
}

// Every repeat of the answer is what its deltas came to.
TEST(Redaction, RepeatsMatchTheDeltas) {
  const Channel channel = {"openai_responses", Dialect::OpenAiResponses, Answer::Sse};
  const std::string stream = test::text_stream(channel, chop("Ask bob@example.com.", 3));
  const Outcome outcome =
      exchange_of(redacting(RedactionStyle::Mask), channel.dialect,
                  test::request_body(channel.dialect, "hi", true), channel.answer, stream);
  const auto count = [](std::string_view in, std::string_view what) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = in.find(what, at)) != std::string_view::npos; ++at) ++n;
    return n;
  };
  EXPECT_GE(count(stream, "Ask bob@example.com."), 2U);
  EXPECT_EQ(count(outcome.out, "Ask [EMAIL_ADDRESS]."), count(stream, "Ask bob@example.com."));
}

TEST(Redaction, OfBodiesIsThatOfStreams) {
  const auto snapshot = redacting(RedactionStyle::Mask);
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    const std::string body = test::text_body(channel.dialect, "Ask bob@example.com.");
    const Outcome outcome =
        exchange_of(snapshot, channel.dialect, test::request_body(channel.dialect, "hi", false),
                    Answer::Body, body);
    std::string wanted = body;
    for (std::size_t at = 0; (at = wanted.find("bob@example.com")) != std::string::npos;) {
      wanted.replace(at, 15, "[EMAIL_ADDRESS]");
    }
    EXPECT_EQ(outcome.out, wanted);
    EXPECT_TRUE(is_json(outcome.out));
  }
}

TEST(Redaction, OfToolArgumentsIsTheSameAtEveryCut) {
  const auto snapshot = redacting(RedactionStyle::Mask);
  const std::string_view arguments =
      R"({"a":"x\n\u0062ob@example.com\u00e9","n":4111111111111111,"b":[1,{"c":"d"}]})";
  for (const Channel& channel : test::kStreams) {
    const std::string request = test::request_body(channel.dialect, "hi", true);
    std::string expected;
    for (std::size_t size = arguments.size(); size >= 1; --size) {
      SCOPED_TRACE(std::string(channel.name) + ", fragments of " + std::to_string(size));
      const std::string stream = test::tool_stream(channel, "f", chop(arguments, size));
      if (stream.empty()) break;
      const Outcome outcome =
          exchange_of(snapshot, channel.dialect, request, channel.answer, stream);
      EXPECT_EQ(outcome.step, Step::Done);
      EXPECT_FALSE(outcome.out.contains("ob@example.com"));
      EXPECT_FALSE(outcome.out.contains("4111111111"));
      EXPECT_EQ(exchange_of(snapshot, channel.dialect, request, channel.answer, stream, 5).out,
                outcome.out);
      if (size == arguments.size()) {
        EXPECT_TRUE(outcome.out.contains("[EMAIL_ADDRESS]")) << outcome.out;
        EXPECT_TRUE(outcome.out.contains("[CREDIT_CARD]")) << outcome.out;
      }
    }
  }
}

TEST(Redaction, PutsValuesBack) {
  const auto snapshot = redacting(RedactionStyle::Placeholder, true);
  const std::string_view said = "I wrote to <EMAIL_ADDRESS_1>, not <EMAIL_ADDRESS_9> or <b>.";
  for (const Channel& channel : test::kStreams) {
    const std::string request = test::request_body(channel.dialect, "ask bob@example.com", true);
    for (std::size_t size = 1; size <= said.size(); ++size) {
      SCOPED_TRACE(std::string(channel.name) + ", deltas of " + std::to_string(size));
      const Outcome outcome = exchange_of(snapshot, channel.dialect, request, channel.answer,
                                          test::text_stream(channel, chop(said, size)));
      EXPECT_FALSE(outcome.request.contains("bob@"));
      EXPECT_EQ(outcome.step, Step::Done);
      EXPECT_EQ(test::visible_text(channel, outcome.out),
                "I wrote to bob@example.com, not <EMAIL_ADDRESS_9> or <b>.");
    }
    const std::string body = test::text_body(channel.dialect, said);
    const Outcome whole = exchange_of(snapshot, channel.dialect, request, Answer::Body, body);
    EXPECT_TRUE(whole.out.contains("wrote to bob@example.com,")) << channel.name << whole.out;
    EXPECT_TRUE(is_json(whole.out));
  }
}

TEST(Redaction, DropsTheLogprobsOfAChoice) {
  const std::string_view body =
      R"({"choices":[{"index":0,"message":{"role":"assistant","content":"a@example.com"},"logprobs":{"content":[{"token":"a@","logprob":-1},{"token":"example.com","logprob":-1}]}},{"index":1,"message":{"role":"assistant","content":"hi"},"logprobs":{"content":[{"token":"hi","logprob":-1}]}}]})";
  const Outcome outcome =
      exchange_of(redacting(RedactionStyle::Mask), Dialect::OpenAiChat,
                  test::request_body(Dialect::OpenAiChat, "hi", false), Answer::Body, body);
  EXPECT_EQ(
      outcome.out,
      R"({"choices":[{"index":0,"message":{"role":"assistant","content":"[EMAIL_ADDRESS]"},"logprobs":null},{"index":1,"message":{"role":"assistant","content":"hi"},"logprobs":{"content":[{"token":"hi","logprob":-1}]}}]})");
}

// ---- What is kept of texts ----

TEST(RedactionOfTheRecord, IsThatOfTheRequest) {
  const Outcome outcome = exchange_of(
      redacting(RedactionStyle::Mask), Dialect::OpenAiChat,
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"a bob@exa"},)"
      R"({"type":"text","text":"mple.com b"}]},{"role":"assistant","tool_calls":[{"id":"c",)"
      R"("type":"function","function":{"name":"f","arguments":"{\"to\":\"b\\u006fb@example.com\",)"
      R"(\"n\":4111111111111111}"}}]},{"role":"tool","tool_call_id":"c","content":"4111111111111111"}]})");
  EXPECT_THAT(outcome.kept,
              ElementsAre("a [EMAIL_ADDRESS] b", R"({"to":"[EMAIL_ADDRESS]","n":"[CREDIT_CARD]"})",
                          "[CREDIT_CARD]"));
}

// A person who decides on it, and the record of what was refused, are shown no more than the
// provider would have been.
TEST(RedactionOfTheRecord, IsThereForWhatDidNotLeave) {
  policy::KeywordPolicy keyword;
  keyword.keywords = {"falcon"};
  for (const Verdict verdict : {Verdict::Confirm, Verdict::Block}) {
    keyword.action = verdict;
    policy::PiiPolicy pii;
    pii.entities[static_cast<std::size_t>(detect::EntityType::EmailAddress)] = {true,
                                                                                Verdict::Redact};
    const auto snapshot = *policy::Snapshot::freeze({keyword, pii}, "sha256:test");
    const Outcome asked =
        exchange_of(snapshot, Dialect::OpenAiChat,
                    test::request_body(Dialect::OpenAiChat, "falcon to a@example.com", false));
    EXPECT_EQ(asked.step, Step::Deny);
    EXPECT_THAT(asked.kept, ElementsAre("falcon to [EMAIL_ADDRESS]"));
    const std::string body = test::text_body(Dialect::OpenAiChat, "b@example.com falcon");
    EXPECT_THAT(
        exchange_of(snapshot, Dialect::OpenAiChat,
                    test::request_body(Dialect::OpenAiChat, "hi", false), Answer::Body, body)
            .kept,
        ElementsAre("hi", "[EMAIL_ADDRESS] falcon"));
    const Channel chat = test::kStreams[0];
    const std::string stream =
        test::text_stream(chat, chop("b@example.com falcon c@example.com", 34));
    EXPECT_THAT(exchange_of(snapshot, chat.dialect, test::request_body(chat.dialect, "hi", true),
                            chat.answer, stream)
                    .kept,
                ElementsAre("hi", "[EMAIL_ADDRESS] falcon [EMAIL_ADDRESS]"));
  }
}

// What is refused because nothing can be put in its place is not kept either.
TEST(RedactionOfTheRecord, ReachesWhereNothingIsRewritten) {
  const Outcome page = exchange_of(redacting(RedactionStyle::Mask), Dialect::OpenAiChat,
                                   test::request_body(Dialect::OpenAiChat, "hi", false),
                                   Answer::Body, "a page for bob@example.com");
  EXPECT_EQ(page.step, Step::Deny);
  for (const std::string& text : page.kept) EXPECT_THAT(text, Not(HasSubstr("bob@")));
}

TEST(RedactionOfTheRecord, IsThatOfStreamsAtEveryCut) {
  const auto snapshot = redacting(RedactionStyle::Mask);
  const std::string_view text = "Ask bob@example.com or 4111 1111 1111 1111.";
  const std::string_view arguments =
      R"({"a":"x\n\u0062ob@example.com \u00e9","n":4111111111111111})";
  for (const Channel& channel : test::kStreams) {
    const std::string request = test::request_body(channel.dialect, "hi", true);
    for (const std::size_t size : {1U, 3U, 10U, 80U}) {
      SCOPED_TRACE(std::string(channel.name) + ", pieces of " + std::to_string(size));
      const Outcome said = exchange_of(snapshot, channel.dialect, request, channel.answer,
                                       test::text_stream(channel, chop(text, size)));
      EXPECT_THAT(said.kept, ElementsAre("hi", "Ask [EMAIL_ADDRESS] or [CREDIT_CARD]."));
      const std::string calls = test::tool_stream(channel, "f", chop(arguments, size));
      if (calls.empty()) continue;
      const Outcome called = exchange_of(snapshot, channel.dialect, request, channel.answer, calls);
      EXPECT_THAT(called.kept, Contains(HasSubstr(R"("a":"x\n[EMAIL_ADDRESS] \u00e9")")));
      EXPECT_THAT(called.kept, Contains(HasSubstr(R"("n":"[CREDIT_CARD]")")));
    }
  }
}

// A client that leaves in the middle leaves a whole address in a text whose end nobody saw.
TEST(RedactionOfTheRecord, OfAStreamThatHasNoEnd) {
  static const EngineSettings settings;
  Workspace workspace(1, 2);
  Exchange exchange({.dialect = Dialect::OpenAiChat}, redacting(RedactionStyle::Mask), settings,
                    workspace, {}, {.redaction_secret = "a secret of tests"});
  exchange.keep_texts(1 << 20);
  const Channel chat = test::kStreams[0];
  exchange.on_request_bytes(test::request_body(chat.dialect, "hi", true));
  exchange.on_request_end();
  exchange.on_answer_head(chat.answer, true);
  std::string stream = test::text_stream(chat, {"ask bob@example.com"});
  stream.resize(stream.find("bob@example.com"));
  stream += "bob@example.com\"},\"finish_reason\":null}]}\n\n";
  std::string out;
  ASSERT_EQ(exchange.on_answer_bytes(stream, out), Step::Continue);
  const auto record = exchange.take_record();
  ASSERT_EQ(record.texts.size(), 2U) << out;
  EXPECT_EQ(record.texts[1].text, "ask [EMAIL_ADDRESS]");
}

// Where nobody has looked, nobody knows what to leave out.
TEST(RedactionOfTheRecord, LeavesOutWhatWasNotInspected) {
  static EngineSettings settings;
  settings.limits.messages_max = 1;
  Workspace workspace(1, 2);
  Exchange exchange({.dialect = Dialect::OpenAiChat}, redacting(RedactionStyle::Mask), settings,
                    workspace);
  exchange.keep_texts(1 << 20);
  exchange.on_request_bytes(
      R"({"messages":[{"role":"user","content":"a@example.com"},{"role":"user","content":"x"}]})");
  ASSERT_EQ(exchange.on_request_end(), Step::Deny);
  EXPECT_THAT(exchange.take_record().texts, IsEmpty());
}

// What was put back for the client is its own; the record keeps what the provider saw.
TEST(RedactionOfTheRecord, PutsNothingBack) {
  const auto snapshot = redacting(RedactionStyle::Placeholder, true);
  for (const Channel& channel : test::kStreams) {
    SCOPED_TRACE(channel.name);
    const std::string request = test::request_body(channel.dialect, "ask bob@example.com", true);
    const std::string said = "<EMAIL_ADDRESS_1> it is";
    for (const bool whole : {false, true}) {
      const Outcome outcome = whole
                                  ? exchange_of(snapshot, channel.dialect, request, Answer::Body,
                                                test::text_body(channel.dialect, said))
                                  : exchange_of(snapshot, channel.dialect, request, channel.answer,
                                                test::text_stream(channel, chop(said, 4)));
      EXPECT_TRUE(outcome.out.contains("bob@example.com")) << outcome.out;
      EXPECT_THAT(outcome.kept, ElementsAre("ask <EMAIL_ADDRESS_1>", "<EMAIL_ADDRESS_1> it is"));
    }
  }
}

TEST(Redaction, HashesAreTheTenantsOwn) {
  static const EngineSettings settings;
  const auto sent = [](std::string_view secret, std::string_view tenant, std::uint64_t seed) {
    Workspace workspace(seed, seed);
    Exchange exchange({.dialect = Dialect::OpenAiChat}, redacting(RedactionStyle::Hash), settings,
                      workspace, {}, {.redaction_secret = secret, .redaction_tenant = tenant});
    exchange.on_request_bytes(test::request_body(Dialect::OpenAiChat, "to a@example.com", false));
    exchange.on_request_end();
    return std::string(exchange.request_body());
  };
  EXPECT_EQ(sent("secret", "acme", 1), sent("secret", "acme", 2)) << "another loop, another start";
  EXPECT_NE(sent("secret", "acme", 1), sent("secret", "other", 1));
  EXPECT_NE(sent("secret", "acme", 1), sent("another", "acme", 1));
}

// Two requests that are alike once they are redacted are two requests (R50).
TEST(Redaction, LeavesWhatAnApprovalIsBoundToAsItCame) {
  static const EngineSettings settings;
  const auto digest_of = [](std::string_view text) {
    Workspace workspace(1, 2);
    Exchange exchange({.dialect = Dialect::OpenAiChat}, redacting(RedactionStyle::Mask), settings,
                      workspace);
    exchange.on_request_bytes(test::request_body(Dialect::OpenAiChat, text, false));
    exchange.on_request_end();
    return exchange.request_digest_text();
  };
  EXPECT_EQ(digest_of("to a@example.com"), digest_of("to a@example.com"));
  EXPECT_NE(digest_of("to a@example.com"), digest_of("to b@example.com"));
  EXPECT_FALSE(digest_of("to a@example.com").contains("a@"));
}

// ... before and after a person has let it go, so that what its answer was approved for is found.
TEST(Redaction, LeavesWhatAnApprovalIsBoundToOverItsGrant) {
  static const EngineSettings settings;
  policy::KeywordPolicy keyword;
  keyword.keywords = {"falcon"};
  keyword.action = Verdict::Confirm;
  policy::PiiPolicy pii;
  pii.entities[static_cast<std::size_t>(detect::EntityType::EmailAddress)] = {true,
                                                                              Verdict::Redact};
  Workspace workspace(1, 2);
  Exchange exchange({.dialect = Dialect::OpenAiChat},
                    *policy::Snapshot::freeze({keyword, pii}, "sha256:test"), settings, workspace);
  exchange.on_request_bytes(
      test::request_body(Dialect::OpenAiChat, "falcon to a@example.com", false));
  ASSERT_EQ(exchange.on_request_end(), Step::Deny);
  const std::string held = exchange.request_digest_text();
  std::string nothing;
  ASSERT_EQ(exchange.grant(nothing), Step::Continue);
  EXPECT_TRUE(exchange.request_body().contains("falcon to [EMAIL_ADDRESS]"));
  EXPECT_EQ(exchange.request_digest_text(), held);
}

}  // namespace
}  // namespace capsem::engine
