// What a database takes as text, wherever in it the exception stands.
#include "server/sql/text.h"

#include <gtest/gtest.h>

#include <string>

namespace capsem::sql {
namespace {

TEST(SqlText, ACharacterAtAnyPlaceOfAnyTextIsJudgedAlike) {
  struct Case {
    std::string bytes;
    bool storable;
  };
  for (const Case& c :
       {Case{"a", true}, Case{std::string(1, '\0'), false}, Case{"\x7f", true}, Case{"\x80", false},
        Case{"\xff", false}, Case{"\xc3\xa4", true}, Case{"\xe2\x82\xac", true},
        Case{"\xf0\x9f\x98\x80", true}, Case{"\xed\xa0\x80", false}, Case{"\xc0\x80", false}}) {
    for (std::size_t before = 0; before < 200; ++before) {
      for (const std::size_t after : {std::size_t{0}, std::size_t{1}, std::size_t{70}}) {
        const std::string text = std::string(before, 'x') + c.bytes + std::string(after, '\x01');
        ASSERT_EQ(is_storable(text), c.storable) << before << " " << after;
        const std::string stored = storable(text);
        ASSERT_EQ(stored == text, c.storable);
        ASSERT_TRUE(is_storable(stored));
        ASSERT_EQ(stored.substr(0, before), text.substr(0, before));
      }
    }
  }
}

TEST(SqlText, EachByteThatIsNoCharacterBecomesAMarkOfItsOwn) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(storable(std::string("a\xff\0b", 4)), "a" + mark + mark + "b");
}

}  // namespace
}  // namespace capsem::sql
