#include "core/wire/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace capsem::wire {
namespace {

using testing::EndsWith;
using testing::StartsWith;

// A text with the padding that parse() asks for; the padding is hostile on purpose.
class Padded {
 public:
  explicit Padded(std::string_view text) : size_(text.size()), bytes_(text) {
    for (std::size_t i = 0; i < JsonReader::kPadding; ++i) bytes_ += "\"}],1e9"[i % 7];
  }
  std::string_view view() const { return std::string_view(bytes_).substr(0, size_); }

 private:
  std::size_t size_;
  std::string bytes_;
};

bool accepts(std::string_view text, JsonLimits limits = {}) {
  JsonReader reader(limits);
  const Padded padded(text);
  return reader.parse(padded.view()).has_value();
}

std::string why_not(std::string_view text, JsonLimits limits = {}) {
  JsonReader reader(limits);
  const Padded padded(text);
  const Status status = reader.parse(padded.view());
  EXPECT_TRUE(reader.nodes().empty() || status.has_value());
  return status ? "accepted" : status.error().detail;
}

TEST(JsonReader, accepts_what_rfc_8259_allows) {
  for (const std::string_view text : {
           "null",
           "true",
           "false",
           "0",
           "-0",
           "1.5",
           "-1.25e+10",
           "1E2",
           "1e-2",
           "0.0",
           "\"\"",
           "\"a\"",
           "[]",
           "{}",
           " [ ] ",
           "\t{\r\n}\n",
           "[1,2 , 3]",
           "[[],{}]",
           R"({"a":1,"b":[2]})",
           R"("\"\\\/\b\f\n\r\t\u0041")",
           R"("\ud83d\ude00")",
           R"("\u0000")",
           "\"\x7f\"",
           "\"h\xC3\xA9\"",
           "\"\xF0\x9F\x98\x80\"",
           "\"\xED\x9F\xBF\"",
           "\"\xEE\x80\x80\"",
           R"({"":1})",
           R"({"a":{"a":1}})",
           R"([{"a":1},{"a":1}])",
           "123456789012345678901234567890",
           "\"\xEF\xBB\xBF\"",
       }) {
    EXPECT_TRUE(accepts(text)) << text << ": " << why_not(text);
  }
}

TEST(JsonReader, refuses_what_rfc_8259_forbids) {
  for (const std::string_view text : {
           "",
           " ",
           "nul",
           "nulll",
           "True",
           "tru",
           "NaN",
           "Infinity",
           "-",
           "-a",
           "+1",
           "01",
           "-01",
           "1.",
           ".5",
           "1.e1",
           "1e",
           "1e+",
           "0x10",
           "1 2",
           "1_000",
           "'a'",
           "\"a",
           "\"",
           "\"\\\"",
           "\"\\x\"",
           "\"\\u12\"",
           "\"\\u12g4\"",
           "\"\\U0041\"",
           "\"a\nb\"",
           "\"a\tb\"",
           "[",
           "[1",
           "[1,",
           "[1,]",
           "[,1]",
           "[1 2]",
           "[1,,2]",
           "]",
           "{",
           "{\"a\"",
           "{\"a\":",
           "{\"a\":1",
           "{\"a\":1,",
           "{\"a\":1,}",
           "{,}",
           "{a:1}",
           "{1:1}",
           "{\"a\" 1}",
           "{\"a\"::1}",
           "{\"a\":1 \"b\":2}",
           "[1}",
           "{\"a\":1]",
           "[] []",
           "{}{}",
           "[]x",
           "/**/1",
           "[1]//",
           "\f1",
           "\v1",
           "\xC2\xA0"
           "1",
           "undefined",
       }) {
    EXPECT_FALSE(accepts(text)) << text;
  }
  EXPECT_FALSE(accepts(std::string_view("\0", 1)));
  EXPECT_FALSE(accepts(std::string_view("[1]\0", 4)));
  EXPECT_FALSE(accepts(std::string_view("\"a\0b\"", 5)));
}

// What two parsers read differently is refused (T05).
TEST(JsonReader, refuses_what_parsers_disagree_about) {
  EXPECT_THAT(why_not("\xEF\xBB\xBF{}"), StartsWith("Expecting value (at byte 0)"));
  EXPECT_THAT(why_not(R"(["\ud800"])"), StartsWith("Invalid escape (at byte 2)"));
  EXPECT_THAT(why_not(R"("\udc00\ud800")"), StartsWith("Invalid escape"));
  EXPECT_THAT(why_not(R"("\ud83dx")"), StartsWith("Invalid escape"));
  EXPECT_THAT(why_not(R"("\ud83d\u0041")"), StartsWith("Invalid escape"));
  EXPECT_THAT(why_not(R"({"a":1,"a":2})"), StartsWith("Duplicate member name (at byte 7)"));
  EXPECT_THAT(why_not(R"({"a":1,"b":2,"\u0061":3})"),
              StartsWith("Duplicate member name (at byte 13)"));
  EXPECT_THAT(why_not(R"({"":1,"":2})"), StartsWith("Duplicate"));
  EXPECT_THAT(why_not(R"([{"x":{"role":1,"role":1}}])"), StartsWith("Duplicate"));
}

TEST(JsonReader, refuses_invalid_utf8_and_says_where) {
  const std::vector<std::string> bad = {
      "\x80",         "\xC0\xAF",         "\xC1\xBF",         "\xE0\x80\x80",     "\xED\xA0\x80",
      "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
      "\xC3",         "\xE2\x82",         "\xF0\x9F\x98"};
  for (const std::string& bytes : bad) {
    EXPECT_EQ(why_not("\"ok" + bytes + "\""), "Invalid UTF-8 (at byte 3)");
    EXPECT_EQ(why_not("\"\xC3\xA9" + bytes), "Invalid UTF-8 (at byte 3)");
  }
}

TEST(JsonReader, nodes_are_in_document_order_and_know_their_bytes) {
  const Padded text(R"( {"a":[1,"x\n"],"b\u0031":{"c":null}} )");
  JsonReader reader;
  ASSERT_TRUE(reader.parse(text.view()));
  const auto nodes = reader.nodes();
  ASSERT_EQ(nodes.size(), 6U);
  const auto raw = [&](std::size_t i) {
    return text.view().substr(nodes[i].begin, nodes[i].end - nodes[i].begin);
  };
  EXPECT_EQ(nodes[0].kind, JsonKind::Object);
  EXPECT_EQ(nodes[0].next, 6U);
  EXPECT_EQ(raw(0), R"({"a":[1,"x\n"],"b\u0031":{"c":null}})");
  EXPECT_EQ(nodes[1].key, "a");
  EXPECT_EQ(nodes[1].next, 4U);
  EXPECT_EQ(nodes[2].text, "1");
  EXPECT_EQ(nodes[3].text, "x\n");
  EXPECT_EQ(raw(3), R"("x\n")");
  EXPECT_EQ(nodes[4].key, "b1");
  EXPECT_EQ(nodes[5].kind, JsonKind::Null);
  EXPECT_EQ(nodes[5].text, "null");
  EXPECT_EQ(reader.find(0, "b1"), &nodes[4]);
  EXPECT_EQ(reader.find(nodes[4], "c"), &nodes[5]);
  EXPECT_EQ(reader.find(0, "c"), nullptr);
  EXPECT_EQ(reader.find(1, "a"), nullptr);
}

TEST(JsonReader, strings_without_escapes_are_views_into_the_text) {
  const Padded text(
      R"({"key":"value","long":"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789"})");
  JsonReader reader;
  ASSERT_TRUE(reader.parse(text.view()));
  for (const JsonNode& node : reader.nodes()) {
    if (node.kind != JsonKind::String) continue;
    EXPECT_EQ(node.text.data(), text.view().data() + node.begin + 1);
    EXPECT_EQ(node.text.size(), node.end - node.begin - 2);
  }
}

TEST(JsonReader, escapes_are_undone_wherever_they_stand) {
  const std::string filler(70, 'f');
  for (std::size_t at = 0; at <= filler.size(); ++at) {
    std::string body = filler;
    body.insert(at, R"(\u00e9\ud83d\ude00\")");
    std::string want = filler;
    want.insert(at, "\xC3\xA9\xF0\x9F\x98\x80\"");
    const Padded text("[\"" + body + "\",\"" + body + "\"]");
    JsonReader reader;
    ASSERT_TRUE(reader.parse(text.view()));
    EXPECT_EQ(reader.nodes()[1].text, want);
    EXPECT_EQ(reader.nodes()[2].text, want);
  }
}

TEST(JsonReader, every_truncation_of_a_document_is_refused) {
  const std::string text =
      R"({"messages":[{"role":"user","content":"h\u00e9\ud83d\ude00\\ \"x\""}],"n":-1.5e+3,"t":true,)"
      R"("f":false,"z":null,"e":[],"o":{}})";
  ASSERT_TRUE(accepts(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(accepts(std::string_view(text).substr(0, size))) << size;
  }
}

TEST(JsonReader, limits_hold_at_their_edge) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(accepts(nested(64)));
  EXPECT_THAT(why_not(nested(65)), StartsWith("Nested too deeply (at byte 64)"));
  EXPECT_FALSE(accepts(nested(1'000'000)));
  EXPECT_FALSE(accepts(std::string(1'000'000, '[')));

  EXPECT_TRUE(accepts("[1,2,3]", {.depth_max = 64, .nodes_max = 4, .number_digits_max = 400}));
  EXPECT_THAT(why_not("[1,2,3]", {.depth_max = 64, .nodes_max = 3, .number_digits_max = 400}),
              StartsWith("Too many values"));

  EXPECT_TRUE(accepts(std::string(400, '7')));
  EXPECT_THAT(why_not(std::string(401, '7')), StartsWith("Number too long"));
  EXPECT_FALSE(accepts("1e" + std::string(400, '9')));
}

TEST(JsonReader, many_members_cost_no_more_than_sorting) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i)
    text += "\"key_with_equal_ends_" + std::to_string(i) + "_suffix\":0,";
  const std::string good = text + "\"last\":0}";
  EXPECT_TRUE(accepts(good));
  EXPECT_THAT(why_not(text + "\"key_with_equal_ends_77_suffix\":0}"), StartsWith("Duplicate"));
}

TEST(JsonReader, a_duplicate_is_found_at_every_distance) {
  for (int members = 2; members < 80; ++members) {
    std::string text = "{\"dup\":0";
    for (int i = 2; i < members; ++i) text += ",\"m" + std::to_string(i) + "\":{\"dup\":0}";
    EXPECT_TRUE(accepts(text + "}"));
    EXPECT_THAT(why_not(text + ",\"d\\u0075p\":1}"), StartsWith("Duplicate")) << members;
  }
}

TEST(JsonReader, is_reusable_after_any_text) {
  JsonReader reader;
  const Padded good(R"({"a":"\n"})");
  std::string big = "[0";
  for (int i = 0; i < 100'000; ++i) big += ",\"\\n\"";
  const Padded huge(big + "]");
  for (int round = 0; round < 3; ++round) {
    const Padded bad("[1,");
    EXPECT_FALSE(reader.parse(bad.view()));
    ASSERT_TRUE(reader.parse(huge.view()));
    EXPECT_EQ(reader.nodes().size(), 100'002U);
    ASSERT_TRUE(reader.parse(good.view()));
    EXPECT_EQ(reader.nodes()[1].text, "\n");
    EXPECT_EQ(reader.text(), good.view());
  }
}

TEST(JsonReader, an_error_is_the_clients_and_ends_with_its_place) {
  JsonReader reader;
  const Padded text("{\"a\":}");
  const Status status = reader.parse(text.view());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, "invalid_json");
  EXPECT_EQ(status.error().fault, Fault::Client);
  EXPECT_THAT(status.error().detail, EndsWith("(at byte 5)"));
}

}  // namespace
}  // namespace capsem::wire
