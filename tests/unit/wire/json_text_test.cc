// Escapes are undone the same way however the text is cut, and what is not JSON is noticed (R33).
#include "core/wire/json_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace capsem::wire {
namespace {

struct Case {
  const char* name;
  std::string_view input, output;
  bool broken;
};

constexpr Case kCases[] = {
    {"nothing to undo", R"({"email":"a@b.c"})", R"({"email":"a@b.c"})", false},
    {"simple escapes", R"({"a":"x\n\t\"\\\/y"})", "{\"a\":\"x\n\t\"\\/y\"}", false},
    {"a letter as an escape", R"({"a":"capsem\u005fblock"})", R"({"a":"capsem_block"})", false},
    {"a surrogate pair", R"("\ud83d\ude00")", "\"\xF0\x9F\x98\x80\"", false},
    {"a lone high surrogate", R"("\ud83dx")", "\"\xEF\xBF\xBDx\"", false},
    {"a lone low surrogate", R"("\ude00")", "\"\xEF\xBF\xBD\"", false},
    {"two high surrogates", R"("\ud83d\ud83d\ude00")", "\"\xEF\xBF\xBD\xF0\x9F\x98\x80\"", false},
    {"an unknown escape gives its character", R"("\capsem")", "\"capsem\"", true},
    {"an escape outside a string", R"(capsem\u005fblock)", "capsem_block", true},
    {"hex that stops early", R"("\u00zz")", "\"u00zz\"", true},
    {"hex that stops at an escape", "\"\\u0\\n\"", "\"u0\n\"", true},
    {"an escaped quote does not end the string", R"("a\"b\u0063")", "\"a\"bc\"", false},
};

TEST(JsonTextDecoder, UndoesEscapesTheSameWayAtEveryCut_R33) {
  for (const auto& c : kCases) {
    for (std::size_t cut = 0; cut <= c.input.size(); ++cut) {
      SCOPED_TRACE(testing::Message() << c.name << ", cut at byte " << cut);
      JsonTextDecoder decoder;
      std::string out;
      bool broken = decoder.feed(c.input.substr(0, cut), out) != JsonTextDecoder::npos;
      broken = (decoder.feed(c.input.substr(cut), out) != JsonTextDecoder::npos) || broken;
      EXPECT_FALSE(decoder.pending());
      decoder.finish(out);
      EXPECT_EQ(out, c.output);
      EXPECT_EQ(broken, c.broken);
    }
  }
}

TEST(JsonTextDecoder, GivesAnEscapeThatNeverEndsAsItStands) {
  for (const auto& [input, output] :
       {std::pair{"\"a\\", "\"a\\"}, {"\"a\\u00", "\"au00"}, {"\"a\\ud83d", "\"a\xEF\xBF\xBD"}}) {
    JsonTextDecoder decoder;
    std::string out;
    decoder.feed(input, out);
    EXPECT_TRUE(decoder.pending());
    decoder.finish(out);
    EXPECT_EQ(out, output);
  }
}

TEST(UndoJsonEscapes, LeavesATextWithoutBackslashWhereItIs) {
  const std::string text = R"({"a":1})";
  std::string buffer = "untouched";
  EXPECT_EQ(undo_json_escapes(text, buffer).data(), text.data());
  EXPECT_EQ(buffer, "untouched");
  EXPECT_EQ(undo_json_escapes(R"("\u0041")", buffer), "\"A\"");
}

}  // namespace
}  // namespace capsem::wire
