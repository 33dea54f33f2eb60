#include "core/policy/schema.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "core/policy/native_keys.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {
namespace {

TEST(Schema, ThePublishedFileIsWhatTheLoaderKnows) {
  std::ifstream in("docs/policy.schema.json");
  std::ostringstream published;
  published << in.rdbuf();
  EXPECT_TRUE(published.str() == json_schema())
      << "write it again: capsem policy schema > docs/policy.schema.json";
}

TEST(Schema, HasEveryKeyOfEveryType) {
  const SourceTree tree = read_tree(Syntax::Json, json_schema());
  ASSERT_FALSE(tree.error) << tree.error->message;
  const SourceNode& defs = tree.root.member("$defs")->value;
  for (const PolicyType& type : kPolicyTypes) {
    SCOPED_TRACE(type.name);
    const SourceMember* policy = defs.member(std::string(type.name) + "_policy");
    ASSERT_NE(policy, nullptr);
    const SourceNode& properties = policy->value.member("properties")->value;
    const auto keys = keys_of(type);
    EXPECT_EQ(properties.members.size(), keys.size());
    for (const KeyInfo& key : keys) EXPECT_NE(properties.member(key.name), nullptr) << key.name;
    EXPECT_EQ(properties.member("type")->value.member("const")->value.text, type.name);
  }
  for (const KeyInfo& key : kDocumentKeys) {
    EXPECT_NE(tree.root.member("properties")->value.member(key.name), nullptr) << key.name;
  }
}

}  // namespace
}  // namespace capsem::policy
