#include "server/mock/behaviour.h"

#include <gtest/gtest.h>

namespace capsem::mock {
namespace {

TEST(Directives, AreReadInAnyOrderAndSeparatedByBlanksOrSemicolons) {
  Behaviour b;
  EXPECT_EQ(apply_directives("status=429; retry-after=2 cut=3 whole", b), "");
  EXPECT_EQ(b.status, 429);
  EXPECT_EQ(b.retry_after, "2");
  EXPECT_EQ(b.cut, 3U);
  EXPECT_TRUE(b.whole);
}

TEST(Directives, TakeQuotedTextsAndObjectsAsOneValue) {
  Behaviour b;
  EXPECT_EQ(apply_directives(R"(say="a \"b\" c" say="two" tool=f args={"x":{"y":"}"}} cut=1)", b),
            "");
  EXPECT_EQ(b.says, (std::vector<std::string>{"a \"b\" c", "two"}));
  ASSERT_EQ(b.tools.size(), 1U);
  EXPECT_EQ(b.tools[0].name, "f");
  EXPECT_EQ(b.tools[0].arguments, R"({"x":{"y":"}"}})");
  EXPECT_EQ(b.cut, 1U);
}

TEST(Directives, CarryTextsThatNoDetectorReads) {
  Behaviour b;
  EXPECT_EQ(apply_directives("say-letters=gbeacogd", b), "");
  EXPECT_EQ(b.says, std::vector<std::string>{"a@.c"});
}

TEST(Directives, SetTheUsageThatIsReported) {
  for (const std::string_view text : {"usage=120/30", "usage=\"120,30\""}) {
    Behaviour b;
    EXPECT_EQ(apply_directives(text, b), "");
    EXPECT_EQ(b.usage, (std::pair<std::int64_t, std::int64_t>{120, 30})) << text;
  }
  EXPECT_FALSE(Behaviour{}.usage) << "unasked it is counted";
}

TEST(Directives, AreRefusedWhenOneIsUnknown) {
  Behaviour b;
  EXPECT_EQ(apply_directives("cut=2 stattus=500", b), "stattus");
}

TEST(Directives, AreFoundInsideAText) {
  EXPECT_EQ(find_directives("hello [[mock cut=1 say=\"]] x\"]] there"), "cut=1 say=\"]] x\"");
  EXPECT_EQ(find_directives("hello [[mock cut=1"), "");
  EXPECT_EQ(find_directives("hello"), "");
}

}  // namespace
}  // namespace capsem::mock
