// R36, R38, T26, T44: who may call.
#include "server/tenant/directory.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

namespace capsem::tenant {
namespace {

const std::string kPepper(32, 'p');

Directory::Contents contents() {
  Directory::Contents all;
  all.pepper = kPepper;
  all.as_of_ns = 7;
  all.tenants.push_back({.id = "ten_a", .name = "A", .content = ContentLevel::Full});
  Integration integration{
      .id = "int_1", .name = "support", .tenant = "ten_a", .provider = "openai"};
  integration.provider_key = Secret("sk-stored");
  all.integrations.push_back(std::move(integration));
  return all;
}
void add(Directory::Contents& all, const std::string& token, const std::string& id) {
  Key key{.id = id, .integration = "int_1"};
  all.keys.emplace_back(mac_of(token, kPepper), std::move(key));
}

TEST(Directory, R36_KeysAreFoundByTheWholeToken) {
  auto all = contents();
  const std::string stem = "ag_live_" + std::string(32, 'x');  // 40 characters alike
  add(all, stem + "11111111", "key_1");
  add(all, stem + "22222222", "key_2");
  const Directory directory(std::move(all));
  ASSERT_NE(directory.find_key(stem + "11111111"), nullptr);
  EXPECT_EQ(directory.find_key(stem + "11111111")->id, "key_1");
  EXPECT_EQ(directory.find_key(stem + "22222222")->id, "key_2");  // T44
  for (const std::string& other :
       {std::string(), stem, stem + "11111112", stem + "1111111", stem + "111111111",
        "Bearer " + stem + "11111111", std::string("' OR 1=1--")}) {
    EXPECT_EQ(directory.find_key(other), nullptr) << other;
  }
}

TEST(Directory, AnotherPepperKnowsNoKey) {
  auto all = contents();
  add(all, "ag_live_token", "key_1");
  all.pepper = std::string(32, 'q');
  EXPECT_EQ(Directory(std::move(all)).find_key("ag_live_token"), nullptr);
}

TEST(Directory, R38_IntegrationsAndTenants) {
  const Directory directory(contents());
  const Integration* integration = directory.find_integration("int_1");
  ASSERT_NE(integration, nullptr);
  EXPECT_EQ(integration->provider_key.reveal(), "sk-stored");
  EXPECT_EQ(directory.find_integration("support"), nullptr);  // by its id alone
  EXPECT_EQ(directory.find_integration(""), nullptr);
  EXPECT_EQ(directory.tenant("ten_a").content, ContentLevel::Full);
  EXPECT_EQ(directory.tenant("default").id, "default");
  EXPECT_EQ(directory.tenant("default").content, ContentLevel::None);
  EXPECT_EQ(directory.tenant("unknown").id, "default");
  EXPECT_EQ(directory.as_of_ns(), 7);
  EXPECT_FALSE(directory.sealed());
}

TEST(Directory, TheDefaultTenantMayHaveSettings) {
  auto all = contents();
  all.tenants.push_back({.id = "default", .name = "Root", .content = ContentLevel::Hash});
  const Directory directory(std::move(all));
  EXPECT_EQ(directory.tenant("default").content, ContentLevel::Hash);
  EXPECT_EQ(directory.tenant("unknown").content, ContentLevel::Hash);
}

// T26: what is looked up is a digest under a secret key, so a guess that shares 39 characters with
// a key lands as far from it as any other.
TEST(Directory, T26_NearMissesShareNothing) {
  const std::string token = "ag_live_0123456789012345678901234567890123456789";
  const Mac real = mac_of(token, kPepper);
  int alike = 0;
  for (std::size_t at = 0; at < token.size(); ++at) {
    std::string near = token;
    near[at] = near[at] == 'x' ? 'y' : 'x';
    const Mac mac = mac_of(near, kPepper);
    for (std::size_t i = 0; i < mac.size(); ++i) alike += mac[i] == real[i] ? 1 : 0;
  }
  EXPECT_LT(alike, 30);  // 48 digests of 32 bytes: 6 by chance
}

TEST(Directory, ContentLevels) {
  for (const auto level :
       {ContentLevel::None, ContentLevel::Hash, ContentLevel::Redacted, ContentLevel::Full}) {
    EXPECT_EQ(content_level_from(to_string(level)), level);
  }
  EXPECT_EQ(content_level_from("FULL"), std::nullopt);
  EXPECT_EQ(content_level_from(""), std::nullopt);
}

}  // namespace
}  // namespace capsem::tenant
