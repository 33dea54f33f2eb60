// The audit's commit points on the way of a request (promise 3): every point at which something
// waits for its record, with a record that is kept, is not, or not in time, a client that leaves
// meanwhile, and a gateway that drains.
#include "server/proxy/commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/world.h"

namespace capsem::proxy::test {
namespace {

using audit::RecordKind;
using testing::HasSubstr;
using testing::Not;
using Mode = HoldingSink::Mode;

constexpr std::string_view kPolicies = R"(schema = 1
[[policy]]
id = "blocked"
type = "keyword"
keywords = ["stopword"]
[[policy]]
id = "warned"
type = "keyword"
keywords = ["warnword"]
action = "warn"
)";

// What waits at which point: how it is brought about, and what its client gets in the end.
struct Point {
  const char* name;
  const char* prompt;  // of the request
  const char* answer;  // the provider's text
  bool streams;
  bool provider_first;      // the provider is called before anything waits
  const char* kept_status;  // once the record is kept
  const char* kept_says;
  const char* outcome;  // of the record that waits
};

std::ostream& operator<<(std::ostream& out, const Point& point) {
  return out << point.name;
}

const Point kPoints[] = {
    {"a denied request", "stopword", "fine", false, false, "403", "stopword", "blocked"},
    {"a warning before the provider", "warnword", "fine", false, false, "200", "fine", "opening"},
    {"a denied answer", "x", "a stopword", false, true, "403", "stopword", "blocked"},
    {"an answer that is warned of", "x", "a warnword", false, true, "200", "a warnword",
     "complete"},
    {"a stream that is cut", "x", "a stopword", true, true, "200", "request_blocked", "cut"},
    {"a stream that is warned of", "x", "a warnword", true, true, "200", "[DONE]", "complete"},
};

class CommitPoints : public testing::TestWithParam<Point> {
 protected:
  void SetUp() override {
    world.settings.drain_announce_ms = 0;
    world.settings.drain_ms = 300;
    if (GetParam().streams) return stream.play(world.provider, GetParam().answer);
    world.provider.answers([answer = GetParam().answer](const std::string&) {
      return http_answer(chat_answer(answer));
    });
  }
  void begin(Mode mode) {
    world.start(kPolicies);
    world.sink.mode_ = mode;
    client = std::make_unique<Client>(world.gateway->port());
    std::string body = chat(GetParam().prompt);
    if (GetParam().streams) body.insert(body.size() - 1, R"(,"stream":true)");
    client->send(request("POST", "/v1/chat/completions", body, World::bearer("sk-own")));
    if (!GetParam().streams) return;
    EXPECT_TRUE(client->readable(8'000));
    stream.first_part_has_left();
  }
  // What the next request gets, whose prompt is harmless.
  void expect_served() {
    EXPECT_EQ(status_in(world.ask_root("x")),
              GetParam().provider_first ? GetParam().kept_status : "200");
  }
  // Nothing that waits has left: the provider was not called, or no last byte was sent.
  void expect_held() {
    ASSERT_TRUE(world.sink.wait_held(1));
    EXPECT_EQ(world.provider.count(), GetParam().provider_first ? 1U : 0U);
    if (!GetParam().streams) {
      EXPECT_FALSE(client->readable(30));
    }
    const auto records = world.sink.records();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].outcome, GetParam().outcome);
    EXPECT_EQ(records[0].kind, std::string(GetParam().outcome) == "opening" ? RecordKind::Opening
                                                                            : RecordKind::Exchange);
  }
  bool opens() const { return std::string(GetParam().outcome) == "opening"; }

  TwoPartStream stream;
  World world;
  std::unique_ptr<Client> client;
};

TEST_P(CommitPoints, WhatIsKeptGoesOn) {
  begin(Mode::Hold);
  expect_held();
  world.sink.mode_ = Mode::AtOnce;
  world.sink.acknowledge(true);
  const std::string answer = client->receive();
  EXPECT_EQ(status_in(answer), GetParam().kept_status) << answer;
  EXPECT_THAT(answer, HasSubstr(GetParam().kept_says));
  const auto records = world.sink.wait_for(opens() ? 2 : 1);
  EXPECT_EQ(records.back().status, std::stoi(GetParam().kept_status));
  EXPECT_EQ(records.back().kind, RecordKind::Exchange);
  if (!GetParam().streams) {
    EXPECT_EQ(records.back().response_bytes, body_in(answer).size());
  }
  // The connection serves the next.
  client->send(request("POST", "/v1/chat/completions", chat("stopword"), World::bearer("sk-own")));
  EXPECT_EQ(status_in(client->receive()), "403");
}

TEST_P(CommitPoints, ASinkThatAnswersAtOnceCostsNoWait) {
  begin(Mode::AtOnce);
  const std::string answer = client->receive();
  EXPECT_EQ(status_in(answer), GetParam().kept_status);
  EXPECT_THAT(answer, HasSubstr(GetParam().kept_says));
}

TEST_P(CommitPoints, WhatIsNotKeptDoesNotHappen) {
  begin(Mode::Hold);
  expect_held();
  world.sink.acknowledge(false);
  const std::string answer = client->receive();
  if (GetParam().streams) {
    // The last bytes do not leave; what did ends with a fault.
    EXPECT_THAT(answer, HasSubstr("audit_unavailable"));
    EXPECT_THAT(answer, Not(HasSubstr("request_blocked")));
  } else {
    EXPECT_EQ(status_in(answer), "503");
    EXPECT_THAT(answer, HasSubstr("retry-after: 1\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr(GetParam().kept_says)));
  }
  EXPECT_EQ(world.provider.count(), GetParam().provider_first ? 1U : 0U);
}

TEST_P(CommitPoints, NoAnswerInTimeIsNotKept) {
  world.settings.audit.write_ms_max = 50;
  begin(Mode::Hold);
  const std::string answer = client->receive();
  EXPECT_THAT(answer, HasSubstr(GetParam().streams ? "audit_unavailable" : "503 "));
  EXPECT_EQ(world.provider.count(), GetParam().provider_first ? 1U : 0U);
  // Late, and of use to nobody.
  world.sink.mode_ = Mode::AtOnce;
  world.sink.acknowledge(true);
  expect_served();
}

TEST_P(CommitPoints, AClientThatLeavesMeanwhileIsForgotten) {
  begin(Mode::Hold);
  expect_held();
  client->close();
  // One record in all: the one that waits, or, of a request that was not begun, its end.
  const auto records = world.sink.wait_for(opens() ? 2 : 1);
  if (opens()) {
    EXPECT_EQ(records.back().outcome, "client_gone");
  }
  world.sink.mode_ = Mode::AtOnce;
  world.sink.acknowledge(true);
  expect_served();
  EXPECT_EQ(world.provider.count(), GetParam().provider_first ? 2U : 1U);
}

TEST_P(CommitPoints, ADrainDoesNotWaitForEver) {
  begin(Mode::Hold);
  expect_held();
  world.gateway->drain();
  const std::string answer = client->receive();
  if (GetParam().streams) {
    EXPECT_THAT(answer, HasSubstr("(ended)"));
  } else {
    EXPECT_EQ(status_in(answer), "503");
    EXPECT_THAT(answer, HasSubstr("shutting down"));
  }
  world.gateway->wait();
  world.stop();
  // The loop is gone; what is said now finds nobody.
  world.sink.acknowledge(true);
}

INSTANTIATE_TEST_SUITE_P(All, CommitPoints, testing::ValuesIn(kPoints));

TEST(Commit, Promise3_DurabilitySaysWhatWaits) {
  struct Case {
    Durability durability;
    const char* prompt;
    std::size_t records;  // before the provider is called
  };
  for (const Case& c : {Case{Durability::Decisions, "x", 0}, Case{Durability::All, "x", 1},
                        Case{Durability::Async, "x", 0}, Case{Durability::Decisions, "warnword", 1},
                        Case{Durability::Async, "warnword", 0}}) {
    World world;
    world.settings.audit.durability = c.durability;
    std::size_t before = 99;
    world.provider.answers([&](const std::string&) {
      before = world.sink.records().size();
      return http_answer(chat_answer("fine"));
    });
    world.start(kPolicies);
    EXPECT_EQ(status_in(world.ask_root(c.prompt)), "200");
    EXPECT_EQ(before, c.records) << c.prompt;
    world.sink.wait_for(c.records + 1);
  }
}

TEST(Commit, AsyncWaitsForNothing) {
  World world;
  world.settings.audit.durability = Durability::Async;
  world.start(kPolicies);
  world.sink.mode_ = Mode::Hold;
  EXPECT_EQ(status_in(world.ask_root("stopword")), "403");
}

TEST(Commit, OpenGoesOnWithoutARecordOnceItIsLate) {
  World world;
  world.settings.audit.on_failure = AuditFailure::Open;
  world.settings.audit.write_ms_max = 50;
  world.start(kPolicies);
  world.sink.mode_ = Mode::Hold;
  EXPECT_EQ(status_in(world.ask_root("stopword")), "403");
  EXPECT_EQ(status_in(world.ask_root("warnword")), "200");
}

TEST(Commit, WhatCannotBeRecordedDoesNotBegin) {
  World world;
  world.start(kPolicies);
  world.sink.available_ = false;
  for (const std::string& answer :
       {world.ask_root("x"), world.ask_openai("x"), world.ask_openai("x", "/v1/embeddings"),
        world.ask("GET", "/v1/models", "", World::bearer("sk-own")),
        world.ask("POST", "/v1/evaluate", R"({"input":"x"})", World::bearer("sk-own"))}) {
    EXPECT_EQ(status_in(answer), "503");
    EXPECT_THAT(answer, HasSubstr("audit"));
    EXPECT_THAT(answer, HasSubstr("retry-after: 1\r\n"));
  }
  EXPECT_EQ(status_in(world.ask("GET", "/health", "", "")), "200");
  // How a review stands may be asked: nothing comes of it.
  EXPECT_EQ(status_in(world.ask("GET", "/v1/reviews/r-1", "", World::bearer("sk-own"))), "200");
  EXPECT_EQ(world.provider.count(), 0U);
  world.sink.available_ = true;
  EXPECT_EQ(status_in(world.ask_root("x")), "200");
}

TEST(Commit, TheCheckApiTellsADecisionOnceItIsOnRecord) {
  World world;
  world.start(kPolicies);
  world.sink.mode_ = Mode::Hold;
  const auto ask = [&](std::string_view input, Client& client) {
    client.send(request("POST", "/v1/evaluate", R"({"input":")" + std::string(input) + "\"}",
                        World::bearer("sk-own")));
  };
  Client plain(world.gateway->port());
  ask("x", plain);
  EXPECT_THAT(plain.receive(), HasSubstr(R"("outcome":"ALLOW")"));
  Client held(world.gateway->port());
  ask("stopword", held);
  ASSERT_TRUE(world.sink.wait_held(1));
  EXPECT_FALSE(held.readable(30));
  world.sink.acknowledge(true);
  EXPECT_THAT(held.receive(), HasSubstr(R"("outcome":"BLOCK")"));
  Client refused(world.gateway->port());
  ask("stopword", refused);
  ASSERT_TRUE(world.sink.wait_held(1));
  world.sink.acknowledge(false);
  EXPECT_EQ(status_in(refused.receive()), "503");
}

TEST(Commit, WeightyIsWhatWasEnforcedAndIsMoreThanANote) {
  using policy::Verdict;
  const auto one = [](Verdict verdict, bool enforced) {
    const policy::Decision decision{.verdict = verdict, .enforced = enforced};
    return weighty({&decision, 1});
  };
  EXPECT_FALSE(weighty({}));
  EXPECT_FALSE(one(Verdict::Allow, true));
  EXPECT_FALSE(one(Verdict::Monitor, true));
  EXPECT_TRUE(one(Verdict::Log, true));
  EXPECT_TRUE(one(Verdict::Confirm, true));
  EXPECT_TRUE(one(Verdict::Block, true));
  EXPECT_FALSE(one(Verdict::Block, false));
}

}  // namespace
}  // namespace capsem::proxy::test
