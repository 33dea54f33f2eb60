// The coverage contract: a word put into any field of any dialect reaches the sink at the field's
// inspection point. There is no list here; the rows are the list.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/codec/codec.h"
#include "tests/support/field_sample.h"
#include "tests/unit/codec/collect.h"

namespace capsem::codec {
namespace {

using test::Reading;
using test::sample_json;
using test::Spelling;

// Not an id, not base64: exempt fields must show it too.
constexpr std::string_view kMarker = "marker word {}";

std::string name_of(const testing::TestParamInfo<int>& info) {
  return std::string(to_string(static_cast<Dialect>(info.param)));
}

class EveryField : public testing::TestWithParam<int> {
 protected:
  Dialect dialect() const { return static_cast<Dialect>(GetParam()); }
  std::span<const Field> fields() const { return codec_for(dialect()).fields(); }
};
INSTANTIATE_TEST_SUITE_P(Of, EveryField, testing::Range(0, static_cast<int>(kDialectCount)),
                         name_of);

// The field that chooses among selectors cannot hold another value and still be chosen.
bool chooses(const Field& field) {
  const auto dot = field.path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string_view own = field.path.substr(dot + 1);
  own = own.substr(0, own.find('!'));
  const std::string key = "[" + std::string(own) + "=";
  std::string path(field.path.substr(0, dot));
  for (auto at = path.find("[+"); at != std::string::npos; at = path.find("[+"))
    path.erase(at + 1, 1);
  const auto found = path.rfind(key);
  return found != std::string::npos && path.find('.', path.find(']', found)) == std::string::npos;
}

void expect_found(const Reading& reading, const Field& field, Dialect dialect,
                  const std::string& json) {
  if (field.treat == Treat::Tokens) {
    EXPECT_TRUE(reading.request_facts.has_token_arrays) << field.path;
    EXPECT_FALSE(reading.unchecked.empty()) << field.path;
    return;
  }
  const test::Said* said = reading.find(kMarker);
  ASSERT_NE(said, nullptr) << to_string(dialect) << " " << field.path << "\n" << json;
  if (chooses(field)) return;
  EXPECT_EQ(said->text.point, field.point) << field.path << "\n" << json;
  EXPECT_EQ(said->text.part, field.part) << field.path << "\n" << json;
  EXPECT_EQ(said->text.repeat, field.repeat) << field.path << "\n" << json;
  EXPECT_NE(said->text.field, 65535) << field.path << " was found as an unknown member\n" << json;
}

TEST_P(EveryField, shows_a_word_at_its_point_R33) {
  for (const Field& field : fields()) {
    for (std::size_t i = 0; i < test::alternatives_of(field); ++i) {
      const std::string json = sample_json(field, kMarker, Spelling::AsWritten, i);
      Reading reading;
      ASSERT_TRUE(reading.read(field.where, dialect(), json, test::sample_event_name(field, i)))
          << json << reading.error;
      expect_found(reading, field, dialect(), json);
    }
  }
}

// SDKs in Python write snake_case, the others camelCase, and both may stand in one body.
TEST(EveryFieldOfGemini, is_read_in_both_spellings) {
  for (const Field& field : codec_for(Dialect::Gemini).fields()) {
    const std::string json = sample_json(field, kMarker, Spelling::Snake);
    Reading reading;
    ASSERT_TRUE(reading.read(field.where, Dialect::Gemini, json));
    expect_found(reading, field, Dialect::Gemini, json);
  }
}

TEST_P(EveryField, has_unknown_siblings_that_are_inspected) {
  for (const Field& field : fields()) {
    const std::string json = test::sample_with_unknown(field, "new member", "fresh words");
    if (json.empty()) continue;
    Reading reading;
    ASSERT_TRUE(reading.read(field.where, dialect(), json, test::sample_event_name(field))) << json;
    EXPECT_NE(reading.find("fresh words"), nullptr) << field.path << "\n" << json;
    EXPECT_NE(reading.find("new member"), nullptr) << field.path << "\n" << json;
  }
}

// null where a text may stand is what SDKs send from model_dump() (R3).
TEST_P(EveryField, may_be_null) {
  for (const Field& field : fields()) {
    std::string json = sample_json(field, kMarker);
    const std::string word = "\"" + std::string(kMarker) + "\"";
    const auto at = json.find(word);
    if (at == std::string::npos || field.treat == Treat::Keys) continue;
    json.replace(at, word.size(), "null");
    Reading reading;
    EXPECT_TRUE(reading.read(field.where, dialect(), json, test::sample_event_name(field))) << json;
    EXPECT_EQ(reading.find(kMarker), nullptr);
  }
}

// A value of another type than the field's is inspected all the same.
TEST_P(EveryField, of_another_type_is_inspected_raw) {
  for (const Field& field : fields()) {
    std::string json = sample_json(field, kMarker);
    const std::string word = "\"" + std::string(kMarker) + "\"";
    const auto at = json.find(word);
    if (at == std::string::npos || field.treat == Treat::Keys) continue;
    json.replace(at, word.size(), R"({"q q":[["marker word {}"]]})");
    Reading reading;
    ASSERT_TRUE(reading.read(field.where, dialect(), json, test::sample_event_name(field))) << json;
    EXPECT_NE(reading.find(kMarker), nullptr) << field.path << "\n" << json;
    EXPECT_NE(reading.find("q q"), nullptr) << field.path << "\n" << json;
  }
}

TEST_P(EveryField, is_silent_while_it_looks_opaque_only_if_the_row_says_so) {
  for (const Field& field : fields()) {
    constexpr std::string_view kId = "an_id.7:x/y-Z";
    const std::string json = sample_json(field, kId);
    Reading reading;
    ASSERT_TRUE(reading.read(field.where, dialect(), json, test::sample_event_name(field))) << json;
    const bool exempt = field.treat == Treat::Opaque || field.treat == Treat::End ||
                        field.treat == Treat::Blob || field.treat == Treat::Unseen;
    if (field.treat == Treat::Tokens || chooses(field)) continue;
    EXPECT_EQ(reading.find(kId) == nullptr, exempt) << field.path << "\n" << json;
  }
}

TEST(Fields, are_listed_once) {
  for (std::size_t d = 0; d < kDialectCount; ++d) {
    std::map<std::string, int> seen;
    for (const Field& field : codec_for(static_cast<Dialect>(d)).fields()) {
      const std::string key = std::string(to_string(field.where)) + " " + std::string(field.path) +
                              (field.treat == Treat::Tokens ? " tokens" : "");
      EXPECT_EQ(++seen[key], 1) << to_string(static_cast<Dialect>(d)) << " " << key;
    }
  }
}

}  // namespace
}  // namespace capsem::codec
