#include "server/store/policy_files.h"

#include <gtest/gtest.h>

#include "server/store/meta.h"
#include "server/store/tenants.h"
#include "server/store/tokens.h"
#include "tests/unit/store/store_database.h"

namespace capsem::store {
namespace {

class PolicyFiles : public StoreDatabase {
 protected:
  void SetUp() override {
    StoreDatabase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(is_done(ensure_default_tenant(*connection_, clock_.now_ms)));
  }
  Uploaded upload(const std::string& source) {
    auto made = upload_policy(
        *connection_, {.tenant = "default", .file = "a.toml", .source = source}, clock_.now_ms);
    EXPECT_TRUE(is_done(made));
    return made ? *made : Uploaded{};
  }
  std::int64_t version() { return read_version(*connection_, kPolicyVersion).value_or(-1); }
  std::int64_t active() {
    const auto row = read_policy_file(*connection_, "default", "a.toml");
    return row && *row ? (*row)->active_revision : -1;
  }
};

TEST_P(PolicyFiles, CountTheirRevisionsFromOne) {
  EXPECT_EQ(active(), -1);
  EXPECT_EQ(upload("one").row.revision, 1);
  EXPECT_EQ(upload("two").row.revision, 2);
  const Uploaded again = upload("two");
  EXPECT_EQ(again.row.revision, 2);
  EXPECT_FALSE(again.made);
  EXPECT_EQ(upload("one").row.revision, 3);  // what it said before is said anew
  EXPECT_EQ(version(), 0);                   // nothing acts yet
  EXPECT_EQ(active(), 0);
  const auto read = read_revision(*connection_, "default", "a.toml", 1);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->source, "one");
  EXPECT_EQ((*read)->source_bytes, 3);
  EXPECT_FALSE(*read_revision(*connection_, "default", "a.toml", 4));
  EXPECT_FALSE(*read_revision(*connection_, "other", "a.toml", 1));
  const auto list = list_revisions(*connection_, "default", "a.toml", 3, 10);
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ(list->front().revision, 2);
}

TEST_P(PolicyFiles, AnyRevisionCanAct) {
  for (const char* source : {"one", "two", "three"}) upload(source);
  const auto activate = [&](std::int64_t revision) {
    const auto row = read_revision(*connection_, "default", "a.toml", revision);
    return activate_revision(*connection_, **row, "me", clock_.now_ms);
  };
  EXPECT_EQ(activate(3), true);
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(activate(3), false);
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(activate(1), true);  // back
  EXPECT_EQ(version(), 2);
  EXPECT_EQ(active(), 1);
  EXPECT_EQ(deactivate_policy(*connection_, "other", "a.toml"), false);
  EXPECT_EQ(deactivate_policy(*connection_, "default", "a.toml"), true);
  EXPECT_EQ(version(), 3);
  EXPECT_EQ(deactivate_policy(*connection_, "default", "a.toml"), false);
  EXPECT_EQ(active(), 0);
  EXPECT_EQ(list_policy_files(*connection_, "default", "", 10)->size(), 1u);
  EXPECT_TRUE(list_policy_files(*connection_, "default", "a.toml", 10)->empty());
}

TEST(PolicyFileNames, ArePlain) {
  for (const char* name : {"a.toml", "a-b_c.2.yaml", "x.yml", "x.json"}) {
    EXPECT_TRUE(is_policy_file_name(name)) << name;
  }
  for (const char* name : {"", ".toml", ".hidden.toml", "a.txt", "a/b.toml", "..toml/", "a b.toml",
                           "a.toml ", "a.toml\n", "\xc3\xa4.toml"}) {
    EXPECT_FALSE(is_policy_file_name(name)) << name;
  }
  EXPECT_TRUE(is_policy_file_name(std::string(kPolicyFileNameBytesMax - 5, 'a') + ".toml"));
  EXPECT_FALSE(is_policy_file_name(std::string(kPolicyFileNameBytesMax - 4, 'a') + ".toml"));
}

TEST_P(PolicyFiles, TenantsAreChanged) {
  const auto made = create_tenant(*connection_, {.id = "acme", .name = "Acme"}, clock_.now_ms);
  ASSERT_TRUE(is_done(made));
  EXPECT_EQ(code_of(create_tenant(*connection_, {.id = "acme", .name = "x"}, clock_.now_ms)),
            "store_conflict");
  EXPECT_EQ(code_of(create_tenant(*connection_, {.id = "b", .name = "Acme"}, clock_.now_ms)),
            "store_conflict");
  TenantRow row = *made;
  row.content_level = "full";
  row.evaluations_per_month = 0;
  ASSERT_TRUE(is_done(update_tenant(*connection_, row)));
  const auto read = read_tenant(*connection_, "acme");
  EXPECT_EQ((*read)->content_level, "full");
  EXPECT_EQ((*read)->evaluations_per_month, 0u);
  row.id = "nobody";
  EXPECT_EQ(code_of(update_tenant(*connection_, row)), "not_found");
  EXPECT_EQ(list_tenants(*connection_, "", {})->size(), 2u);
  EXPECT_EQ(list_tenants(*connection_, "acme", {})->size(), 1u);
}

TEST_P(PolicyFiles, TheFirstTokenIsMadeOnce) {
  const auto first = create_bootstrap_token(*connection_, clock_.now_ms);
  ASSERT_TRUE(first && *first);
  const auto pepper = pepper_of(*connection_);
  const auto found = find_token(*connection_, tenant::mac_of((*first)->reveal(), *pepper));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->role, "admin");
  EXPECT_EQ((*found)->tenant, "");
  const auto second = create_bootstrap_token(*connection_, clock_.now_ms);
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);

  // Nobody locks everybody out.
  EXPECT_EQ(code_of(revoke_token(*connection_, kBootstrapToken, clock_.now_ms)), "conflict");
  const auto other = create_token(
      *connection_, {.name = "other", .role = "admin", .expires_ms = clock_.now_ms + 10},
      clock_.now_ms);
  ASSERT_TRUE(is_done(other));
  clock_.pass_ms(10);
  EXPECT_EQ(code_of(revoke_token(*connection_, kBootstrapToken, clock_.now_ms)), "conflict");
  ASSERT_TRUE(
      is_done(create_token(*connection_, {.name = "third", .role = "admin"}, clock_.now_ms)));
  EXPECT_EQ(revoke_token(*connection_, kBootstrapToken, clock_.now_ms), true);
  EXPECT_EQ(revoke_token(*connection_, kBootstrapToken, clock_.now_ms), false);
  EXPECT_FALSE(*create_bootstrap_token(*connection_, clock_.now_ms));  // there was one
}

CAPSEM_ON_BOTH_DATABASES(PolicyFiles);

}  // namespace
}  // namespace capsem::store
