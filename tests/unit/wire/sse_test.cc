// The SSE parser gives the same events however the input is cut (R4; WHATWG HTML 9.2).
#include "core/wire/sse.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace capsem::wire {
namespace {

struct Recorder : SseSink {
  std::string
      events;       // "[name:data]" of each event with data, "(raw)" of others that mean something
  std::string raw;  // all bytes, to be equal to the input
  Status on_event(const SseEvent& event) override {
    raw += event.raw;
    if (event.has_data) {
      events += "[";
      if (!event.name.empty()) events += std::string(event.name) + ":";
      events += std::string(event.data) + "]";
    }
    return {};
  }
};

Recorder parse(const std::vector<std::string_view>& pieces) {
  Recorder recorder;
  SseParser parser;
  for (const auto piece : pieces) EXPECT_TRUE(parser.feed(piece, recorder));
  EXPECT_TRUE(parser.finish(recorder));
  return recorder;
}

struct SseCase {
  const char* name;
  std::string_view input;
  std::string_view events;
};

constexpr SseCase kSseCases[] = {
    {"one event", "data: a\n\n", "[a]"},
    {"no space behind the colon", "data:a\n\n", "[a]"},
    {"two spaces: one belongs to the data", "data:  a\n\n", "[ a]"},
    {"two data lines are one event", "data: a\ndata: b\n\n", "[a\nb]"},
    {"three data lines", "data: a\ndata: b\ndata: c\n\ndata: d\n\n", "[a\nb\nc][d]"},
    {"a name before the data", "event: e\ndata: a\n\n", "[e:a]"},
    {"a name behind the data", "data: a\nevent: e\n\ndata: b\n\n", "[e:a][b]"},
    {"CRLF", "event: e\r\ndata: a\r\n\r\ndata: b\r\n\r\n", "[e:a][b]"},
    {"CR alone", "data: a\r\rdata: b\r\r", "[a][b]"},
    {"a comment is not data", ": ping\n\ndata: a\n\n", "[a]"},
    {"ids and retry are not data", "id: 1\nretry: 5\ndata: a\n\n", "[a]"},
    {"blank lines before the first event", "\n\n\ndata: a\n\n", "[a]"},
    {"an empty data line", "data\n\n", "[]"},
    {"a byte order mark before the first field",
     "\xEF\xBB\xBF"
     "data: a\n\ndata: b\n\n",
     "[a][b]"},
    {"an unterminated event is given at the end", "data: a\n\ndata: b", "[a][b]"},
    {"an unterminated event with its line end", "data: a\n\ndata: b\n", "[a][b]"},
    {"UTF-8", "data: caf\xC3\xA9 \xF0\x9F\x98\x80\n\n", "[caf\xC3\xA9 \xF0\x9F\x98\x80]"},
    {"a field that only begins like data", "database: x\ndata: a\n\n", "[a]"},
    // Former bugs.
    {"CR ends one read, LF begins the next", "data: a\r\ndata: b\r\n\r\n", "[a\nb]"},
};

TEST(SseParser, GivesTheSameEventsHoweverTheInputIsCut) {
  for (const auto& c : kSseCases) {
    for (std::size_t cut = 0; cut <= c.input.size(); ++cut) {
      SCOPED_TRACE(testing::Message() << c.name << ", cut at byte " << cut);
      const Recorder got = parse({c.input.substr(0, cut), c.input.substr(cut)});
      EXPECT_EQ(got.events, c.events);
      EXPECT_EQ(got.raw, c.input) << "every byte is given exactly once";
    }
  }
}

TEST(SseParser, GivesTheSameEventsByteByByte) {
  for (const auto& c : kSseCases) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < c.input.size(); ++i) bytes.push_back(c.input.substr(i, 1));
    const Recorder got = parse(bytes);
    EXPECT_EQ(got.events, c.events) << c.name;
    EXPECT_EQ(got.raw, c.input) << c.name;
  }
}

TEST(SseParser, KeepsItsPlaceOverManyEventsInOddPieces) {
  std::string input, events;
  for (int i = 0; i < 500; ++i) {
    const std::string data(static_cast<std::size_t>(i % 97), static_cast<char>('a' + i % 26));
    input += "event: n\ndata: " + data + (i % 3 == 0 ? "\ndata: more" : "") + "\n\n";
    events += "[n:" + data + (i % 3 == 0 ? "\nmore" : "") + "]";
  }
  for (const std::size_t size : {1u, 2u, 3u, 7u, 64u, 1000u}) {
    std::vector<std::string_view> pieces;
    for (std::size_t i = 0; i < input.size(); i += size) {
      pieces.push_back(std::string_view(input).substr(i, size));
    }
    const Recorder got = parse(pieces);
    EXPECT_EQ(got.events, events) << size;
    EXPECT_EQ(got.raw, input) << size;
  }
}

TEST(SseParser, RefusesAnEventPastItsLimitAndStaysRefused) {
  const std::string at_limit = "data: " + std::string(100 - 8, 'x') + "\n\n";
  ASSERT_EQ(at_limit.size(), 100u);
  Recorder recorder;
  SseParser fits(100);
  EXPECT_TRUE(fits.feed(at_limit, recorder));
  SseParser parser(99);
  const Status refused = parser.feed(at_limit, recorder);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "event_too_large");
  EXPECT_FALSE(parser.feed("data: a\n\n", recorder)) << "an error is final";
  SseParser endless(99);
  Status status;
  for (int i = 0; i < 100 && status; ++i) status = endless.feed("xxxxxxxx", recorder);
  EXPECT_FALSE(status) << "an event that never ends is refused, too";
}

TEST(SseParser, StopsAtTheSinksError) {
  struct Refuser : SseSink {
    int calls = 0;
    Status on_event(const SseEvent&) override {
      ++calls;
      return gateway_error("stop", "");
    }
  } refuser;
  SseParser parser;
  EXPECT_FALSE(parser.feed("data: a\n\ndata: b\n\n", refuser));
  EXPECT_EQ(refuser.calls, 1);
}

}  // namespace
}  // namespace capsem::wire
