#include "server/admin/fields.h"

#include <gtest/gtest.h>

#include "server/admin/pending.h"
#include "server/admin/show.h"

namespace capsem::admin {
namespace {

class Body {
 public:
  explicit Body(std::string text) : text_(std::move(text)) {
    text_.reserve(text_.size() + wire::JsonReader::kPadding);
    const auto parsed = reader_.parse(text_);
    EXPECT_TRUE(parsed) << text_;
  }
  const wire::JsonReader* get() const { return &reader_; }

 private:
  std::string text_;
  wire::JsonReader reader_;
};

struct TextCase {
  std::string json;
  bool sound;
};

TEST(Fields, TextsHaveBoundsAndNoControlCharacters) {
  const TextCase cases[] = {
      {R"({"t":"ab"})", true},        {R"({"t":"abcd"})", true},
      {R"({"t":"a"})", false},        {R"({"t":"abcde"})", false},
      {R"({"t":1})", false},          {R"({"t":null})", false},
      {R"({"t":["ab"]})", false},     {R"({})", false},
      {R"({"t":"a\nb"})", false},     {R"({"t":"a\u0000b"})", false},
      {"{\"t\":\"a\x7f\"}", false},   {R"({"t":"\u00e4"})", true},
      {R"({"t":"ab","u":1})", false}, {R"([])", false},
  };
  for (const TextCase& c : cases) {
    const Body body(c.json);
    Fields fields(body.get());
    const std::string text = fields.text("t", {.min = 2, .max = 4});
    EXPECT_EQ(fields.done().has_value(), c.sound) << c.json;
  }
  const Body lines(R"({"t":"a\n\tb"})");
  Fields fields(lines.get());
  EXPECT_EQ(fields.text("t", {.max = 10, .lines = true}), "a\n\tb");
  EXPECT_TRUE(fields.done());
}

TEST(Fields, NumbersAreWholeAndBounded) {
  const TextCase cases[] = {
      {R"({"n":1})", true},     {R"({"n":10})", true},
      {R"({"n":0})", false},    {R"({"n":11})", false},
      {R"({"n":1.5})", false},  {R"({"n":1e1})", false},
      {R"({"n":"5"})", false},  {R"({"n":99999999999999999999})", false},
      {R"({"n":true})", false},
  };
  for (const TextCase& c : cases) {
    const Body body(c.json);
    Fields fields(body.get());
    fields.number("n", 1, 10);
    EXPECT_EQ(fields.done().has_value(), c.sound) << c.json;
  }
}

TEST(Fields, ListsAreBoundedInBothDirections) {
  const TextCase cases[] = {
      {R"({"l":[]})", true},        {R"({"l":["a","b"]})", true}, {R"({"l":["a","b","c"]})", false},
      {R"({"l":["abcd"]})", false}, {R"({"l":[""]})", false},     {R"({"l":[1]})", false},
      {R"({"l":[["a"]]})", false},  {R"({"l":"a"})", false},      {R"({"l":{"a":"b"}})", false},
  };
  for (const TextCase& c : cases) {
    const Body body(c.json);
    Fields fields(body.get());
    fields.optional_list("l", 2, {.min = 1, .max = 3});
    EXPECT_EQ(fields.done().has_value(), c.sound) << c.json;
  }
}

// A secret that was put in the wrong place is not repeated.
TEST(Fields, ErrorsDoNotRepeatWhatCame) {
  for (const char* json : {R"({"sk-proj-CANARY":1})", R"({"v":"sk-proj CANARY"})",
                           R"({"v":["sk-proj-CANARY"]})", R"({"v":"CANARYCANARYCANARY"})"}) {
    const Body body(json);
    Fields fields(body.get());
    fields.optional_secret("v", {.min = 1, .max = 16});
    const auto sound = fields.done();
    ASSERT_FALSE(sound) << json;
    EXPECT_EQ(sound.error().detail.find("CANARY"), std::string::npos) << sound.error().detail;
  }
}

TEST(Fields, SecretsAreVisibleAscii) {
  const TextCase cases[] = {{R"({"v":"sk-a~!"})", true},
                            {R"({"v":"sk a"})", false},
                            {R"({"v":"sk-\u00e4"})", false},
                            {R"({"v":"sk\n"})", false},
                            {R"({"v":""})", false}};
  for (const TextCase& c : cases) {
    const Body body(c.json);
    Fields fields(body.get());
    fields.secret("v", {.min = 1, .max = 16});
    EXPECT_EQ(fields.done().has_value(), c.sound) << c.json;
  }
}

TEST(Parameters, ComeOnceAndAreKnown) {
  const Route route{.method = "GET", .pattern = "/x", .parameters = {"a", "b"}};
  const TextCase cases[] = {
      {"", true},
      {"a=1", true},
      {"a=1&b=2", true},
      {"a=", true},
      {"a", true},
      {"&a=1&", true},
      {"a=1&a=1", false},
      {"c=1", false},
      {"A=1", false},
      {"a=%00", false},
      {"a=%0a", false},
      {"%61=1", false},
      {"a=" + std::string(1'024, 'x'), true},
      {"a=" + std::string(1'025, 'x'), false},
  };
  for (const TextCase& c : cases) {
    EXPECT_EQ(read_parameters(c.json, route).has_value(), c.sound) << c.json.substr(0, 20);
  }
  EXPECT_EQ((*read_parameters("a=x%20y", route))[0].second, "x y");
}

TEST(Times, AreReadStrictly) {
  EXPECT_EQ(time_from("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(time_from("1970-01-02T00:00:01.5Z"), 86'401'500);
  EXPECT_EQ(time_from("2026-11-21T03:04:05.678Z"), 1'795'230'245'678);
  EXPECT_EQ(time_text(1'795'230'245'678), "2026-11-21T03:04:05.678Z");
  for (const char* bad :
       {"", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z",
        "1970-02-30T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+00:00",
        "1970-01-01T00:00:00.1x2Z", "x970-01-01T00:00:00Z"}) {
    EXPECT_EQ(time_from(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace capsem::admin
