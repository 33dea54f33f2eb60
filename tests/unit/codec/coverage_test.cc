#include "core/codec/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/codec/codec.h"
#include "core/wire/json.h"

namespace capsem::codec {
namespace {

TEST(Coverage, lists_every_row_of_every_dialect_as_json) {
  std::string text = coverage_json();
  const std::size_t size = text.size();
  text.append(wire::JsonReader::kPadding, ' ');
  wire::JsonReader reader;
  ASSERT_TRUE(reader.parse(std::string_view(text).substr(0, size)));
  const auto nodes = reader.nodes();
  std::size_t rows = 0, fields = 0;
  for (std::size_t i = 1; i < nodes[0].next; i = nodes[i].next) {
    ++rows;
    for (const std::string_view name : {"dialect", "where", "path", "point", "part", "treatment"}) {
      const auto* member = reader.find(i, name);
      ASSERT_NE(member, nullptr);
      EXPECT_FALSE(member->text.empty());
    }
  }
  for (std::size_t i = 0; i < kDialectCount; ++i) {
    fields += codec_for(static_cast<Dialect>(i)).fields().size();
  }
  EXPECT_EQ(rows, fields);
  EXPECT_GT(rows, 1000U);
}

TEST(Coverage, reads_as_a_table_too) {
  EXPECT_THAT(coverage_text(),
              testing::HasSubstr("openai_chat         request   TC     arguments    json       "
                                 "messages[].tool_calls[]!.function.arguments\n"));
}

}  // namespace
}  // namespace capsem::codec
