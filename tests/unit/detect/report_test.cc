// What `capsem scan` and the evaluation see of the detectors.
#include "core/detect/report.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace capsem::detect {
namespace {

ReportTypes types_named(std::initializer_list<std::string_view> names) {
  ReportTypes types = ReportTypes::none();
  for (const std::string_view name : names) EXPECT_TRUE(types.add(name)) << name;
  return types;
}

std::string found(const ReportOptions& options, const ReportTypes& types, std::string_view text) {
  TextReporter reporter(options, types);
  const auto findings = reporter.report(text);
  EXPECT_TRUE(findings);
  std::string out;
  for (const auto& f : *findings) out += std::string(f.type) + " ";
  return out;
}

TEST(Report, CountsCodePointsAndBytes) {
  TextReporter reporter({}, types_named({"EMAIL_ADDRESS", "PERSON"}));
  const auto findings =
      reporter.report("\xC3\xA9t\xC3\xA9 \xF0\x9F\x98\x80 jane@example.org, John Smith");
  ASSERT_TRUE(findings);
  ASSERT_EQ(findings->size(), 2U);
  const auto& mail = (*findings)[0];
  EXPECT_EQ(mail.type, "EMAIL_ADDRESS");
  EXPECT_EQ(mail.byte_start, 11U);
  EXPECT_EQ(mail.byte_end, 27U);
  EXPECT_EQ(mail.start, 6U);
  EXPECT_EQ(mail.end, 22U);
  EXPECT_EQ((*findings)[1].type, "PERSON");
}

TEST(Report, HonoursThresholdContextAndTypes) {
  constexpr std::string_view text = "phone (415) 555-0132, mail jane@example.org";
  const ReportTypes both = types_named({"PHONE_NUMBER", "EMAIL_ADDRESS"});
  EXPECT_EQ(found({}, both, text), "PHONE_NUMBER EMAIL_ADDRESS ");
  EXPECT_EQ(found({.threshold = 0.5F, .context = false}, both, text), "EMAIL_ADDRESS ");
  EXPECT_EQ(found({.threshold = 0.4F, .context = false}, types_named({"PHONE_NUMBER"}), text),
            "PHONE_NUMBER ");
}

TEST(Report, OffsetsAreThoseOfTheWholeTextHoweverLongItIs) {
  std::string text(700'000, ' ');
  text.replace(300'000, 16, "jane@example.org");
  std::size_t last = 0;
  TextReporter reporter({}, types_named({"EMAIL_ADDRESS"}));
  const auto findings = reporter.report(text, [&last](std::size_t done) {
    EXPECT_GT(done, last);
    last = done;
  });
  ASSERT_TRUE(findings);
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_EQ((*findings)[0].start, 300'000U);
  EXPECT_EQ((*findings)[0].byte_end, 300'016U);
  EXPECT_EQ(last, text.size());
}

TEST(Report, NothingIsFoundWhereNothingIsLookedFor) {
  EXPECT_EQ(found({}, ReportTypes::none(), "jane@example.org"), "");
  EXPECT_FALSE(ReportTypes::none().add("EMAIL"));
}

TEST(Report, EveryNameIsOneThatIsTaken) {
  for (const std::string_view name : report_type_names()) {
    EXPECT_TRUE(ReportTypes::none().add(name)) << name;
  }
}

struct TailCase {
  std::string_view name, text;
  std::size_t end;  // of the finding
  Tail tail;
  std::string_view rest;  // what it stands for beyond that
};

TEST(Report, FindingsStandForTheirTails) {
  constexpr TailCase kCases[] = {
      {"none", "abc def", 3, Tail::None, ""},
      {"a token goes on to its last byte", "abcDEF-1_2.~+/=z, and", 3, Tail::Token,
       "DEF-1_2.~+/=z"},
      {"a token at the text's end", "abcdef", 3, Tail::Token, "def"},
      {"a block goes on over its last line", "BEGIN\nab\n-----END X-----\nrest", 5, Tail::PemBlock,
       "\nab\n-----END X-----"},
      {"a block that does not end", "BEGIN\nab\ncd", 5, Tail::PemBlock, "\nab\ncd"},
      {"a block whose last line does not end", "BEGIN\n-----END", 5, Tail::PemBlock, "\n-----END"},
  };
  for (const TailCase& c : kCases) {
    SCOPED_TRACE(c.name);
    Finding finding;
    finding.end = c.end;
    finding.tail = c.tail;
    const std::size_t end = tail_end(c.text, finding);
    ASSERT_GE(end, c.end);
    EXPECT_EQ(c.text.substr(c.end, end - c.end), c.rest);
  }
}

}  // namespace
}  // namespace capsem::detect
