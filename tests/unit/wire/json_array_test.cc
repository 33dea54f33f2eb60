#include "core/wire/json_array.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/wire/json.h"

namespace capsem::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Collector : public JsonArraySink {
 public:
  Status on_element(const JsonElement& element) override {
    elements.emplace_back(element.data);
    raw += element.raw;
    // The padding is readable.
    unsigned sum = 0;
    for (std::size_t i = 0; i < JsonReader::kPadding; ++i) {
      sum += static_cast<unsigned char>(element.data.data()[element.data.size() + i]);
    }
    padding_sum = sum;
    return {};
  }
  std::vector<std::string> elements;
  std::string raw;
  unsigned padding_sum = 0;
};

constexpr std::string_view kStream =
    "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a]}\\\"[{\\\\\"}]}}]}\n,\r\n"
    "{\"b\":[1,{\"c\":\"\\u005d\"}]}\n, 12 ,\"x,]\" ,null,[ ] ]\n";

TEST(JsonArraySplitter, gives_each_element_and_all_bytes) {
  Collector out;
  JsonArraySplitter splitter;
  ASSERT_TRUE(splitter.feed(kStream, out));
  EXPECT_THAT(out.elements,
              ElementsAre(R"({"candidates":[{"content":{"parts":[{"text":"a]}\"[{\\"}]}}]})",
                          R"({"b":[1,{"c":"\u005d"}]})", "12", "\"x,]\"", "null", "[ ]"));
  const auto tail = splitter.finish();
  ASSERT_TRUE(tail);
  EXPECT_EQ(*tail, " ]\n");
  EXPECT_EQ(out.raw + std::string(*tail), kStream);
}

TEST(JsonArraySplitter, cuts_do_not_matter) {
  Collector whole;
  JsonArraySplitter one;
  ASSERT_TRUE(one.feed(kStream, whole));
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut) {
    Collector out;
    JsonArraySplitter splitter;
    ASSERT_TRUE(splitter.feed(kStream.substr(0, cut), out));
    ASSERT_TRUE(splitter.feed(kStream.substr(cut), out));
    EXPECT_EQ(out.elements, whole.elements) << cut;
    EXPECT_EQ(out.raw + std::string(*splitter.finish()), kStream) << cut;
  }
  Collector out;
  JsonArraySplitter splitter;
  for (const char c : kStream) ASSERT_TRUE(splitter.feed({&c, 1}, out));
  EXPECT_EQ(out.elements, whole.elements);
  EXPECT_EQ(splitter.pending_bytes(), 3U);
}

TEST(JsonArraySplitter, an_element_comes_out_with_its_last_byte) {
  Collector out;
  JsonArraySplitter splitter;
  ASSERT_TRUE(splitter.feed("[{\"a\":1", out));
  EXPECT_THAT(out.elements, IsEmpty());
  ASSERT_TRUE(splitter.feed("}", out));
  EXPECT_THAT(out.elements, ElementsAre("{\"a\":1}"));
  EXPECT_EQ(splitter.pending_bytes(), 0U);
}

TEST(JsonArraySplitter, a_lone_object_is_one_element) {
  Collector out;
  JsonArraySplitter splitter;
  ASSERT_TRUE(splitter.feed(" {\"error\":{\"code\":403}}\n", out));
  EXPECT_TRUE(splitter.lone());
  EXPECT_THAT(out.elements, ElementsAre("{\"error\":{\"code\":403}}"));
  EXPECT_EQ(splitter.finish().value(), "\n");
  EXPECT_FALSE(splitter.feed("{}", out));
}

TEST(JsonArraySplitter, an_empty_array_is_all_framing) {
  Collector out;
  JsonArraySplitter splitter;
  ASSERT_TRUE(splitter.feed(" [ ] ", out));
  EXPECT_THAT(out.elements, IsEmpty());
  EXPECT_EQ(splitter.finish().value(), " [ ] ");
}

TEST(JsonArraySplitter, wrong_framing_is_refused) {
  for (const std::string_view text : {"x", "1", "[,", "[{},,", "[{}{", "[{}]x", "[{},]", "]", "[}",
                                      "[{}:", "[\"a\"\"b\"", "{}{", "{},"}) {
    Collector out;
    JsonArraySplitter splitter;
    const Status status = splitter.feed(text, out);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code, "invalid_json");
    EXPECT_FALSE(splitter.feed(" ", out)) << "an error is final";
    EXPECT_FALSE(splitter.finish());
  }
}

TEST(JsonArraySplitter, an_array_that_is_not_closed_is_truncated) {
  for (const std::string_view text :
       {"", " ", "[", "[{}", "[{},", "[{\"a\":", "[\"x", "[1", "{\"a\""}) {
    Collector out;
    JsonArraySplitter splitter;
    ASSERT_TRUE(splitter.feed(text, out)) << text;
    const auto tail = splitter.finish();
    ASSERT_FALSE(tail) << text;
    EXPECT_EQ(tail.error().code, "truncated_stream");
  }
}

TEST(JsonArraySplitter, elements_are_capped_and_the_buffer_does_not_grow_with_their_number) {
  const std::string element = "{\"t\":\"" + std::string(1000, 'x') + "\"}";
  {
    Collector out;
    JsonArraySplitter splitter(2000);
    ASSERT_TRUE(splitter.feed("[" + element, out));
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(splitter.feed("," + element, out));
    EXPECT_EQ(out.elements.size(), 1001U);
  }
  for (const std::size_t step : {1U, 7U, 5000U}) {
    Collector out;
    JsonArraySplitter splitter(500);
    const std::string text = "[" + element;
    Status status;
    for (std::size_t at = 0; status && at < text.size(); at += step) {
      status = splitter.feed(std::string_view(text).substr(at, step), out);
    }
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, "event_too_large");
    EXPECT_THAT(out.elements, IsEmpty());
  }
}

class Refuser : public JsonArraySink {
 public:
  Status on_element(const JsonElement&) override { return gateway_error("stop", "stop"); }
};

TEST(JsonArraySplitter, a_sinks_error_is_final) {
  Refuser out;
  JsonArraySplitter splitter;
  EXPECT_EQ(splitter.feed("[{},{}]", out).error().code, "stop");
  EXPECT_EQ(splitter.feed("", out).error().code, "stop");
  EXPECT_EQ(splitter.finish().error().code, "stop");
}

}  // namespace
}  // namespace capsem::wire
