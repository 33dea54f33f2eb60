#include "server/app/findings_text.h"

#include <gtest/gtest.h>

#include <vector>

namespace capsem::app {
namespace {

using detect::ReportedFinding;

TEST(FindingsText, IsOneLineOfJson) {
  const std::vector<ReportedFinding> findings = {
      {.type = "EMAIL_ADDRESS",
       .rule = "EMAIL_ADDRESS",
       .start = 1,
       .end = 3,
       .byte_start = 2,
       .byte_end = 5,
       .tail_end = 5,
       .score = 1},
      {.type = "SECRET",
       .rule = "private-key",
       .start = 7,
       .end = 9,
       .byte_start = 9,
       .byte_end = 11,
       .tail_end = 40,
       .score = 0.85F},
  };
  EXPECT_EQ(findings_json(findings),
            R"({"findings":[{"type":"EMAIL_ADDRESS","start":1,"end":3,"byte_start":2,"byte_end":5,)"
            R"("score":1.00,"rule":"EMAIL_ADDRESS"},{"type":"SECRET","start":7,"end":9,)"
            R"("byte_start":9,"byte_end":11,"score":0.85,"rule":"private-key"}]})");
  EXPECT_EQ(findings_json({}), R"({"findings":[]})");
}

TEST(FindingsText, HolesAreNamedAfterTheirFirstFinding) {
  const auto finding = [](std::string_view type, std::size_t begin, std::size_t end,
                          std::size_t tail) {
    ReportedFinding f;
    f.type = type;
    f.byte_start = begin;
    f.byte_end = end;
    f.tail_end = tail;
    return f;
  };
  constexpr std::string_view text = "0123456789abcdef";
  EXPECT_EQ(redact(text, {}), text);
  const std::vector<ReportedFinding> overlapping = {finding("A", 2, 5, 5), finding("B", 4, 8, 8),
                                                    finding("C", 8, 9, 9)};
  EXPECT_EQ(redact(text, overlapping), "01[A][C]9abcdef");
  const std::vector<ReportedFinding> with_tail = {finding("A", 2, 4, 14), finding("B", 6, 7, 7)};
  EXPECT_EQ(redact(text, with_tail), "01[A]ef");
}

}  // namespace
}  // namespace capsem::app
