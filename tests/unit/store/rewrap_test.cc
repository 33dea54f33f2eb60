// A master key is replaced: everything that is sealed is sealed anew, and says the same.
#include "server/store/rewrap.h"

#include <gtest/gtest.h>

#include "server/store/secrets.h"
#include "tests/unit/store/directory_fixture.h"

namespace capsem::store {
namespace {

Secret copy(std::string_view bytes) {
  return Secret(bytes);
}

class Rewrap : public DirectoryFixture {
 protected:
  void use(std::initializer_list<const Secret*> keys) {
    std::vector<Secret> list;
    for (const Secret* key : keys) list.push_back(copy(key->reveal()));
    vault_->use(std::move(list));
  }
  Secret old_ = vault::make_master_key(), new_ = vault::make_master_key();
};

TEST_P(Rewrap, AllBlobsMoveToTheFirstKey) {
  use({&old_});
  // More than are done in one transaction.
  for (int i = 0; i < 120; ++i) {
    ASSERT_TRUE(is_done(
        create_secret(*connection_, *vault_,
                      {.tenant = "default", .name = "s" + std::to_string(i), .provider = "openai"},
                      Secret("sk-value-of-secret-" + std::to_string(i)), 1)));
  }
  EXPECT_EQ(rewrap(*connection_, *vault_).value_or(99), 0u);
  use({&new_, &old_});
  EXPECT_EQ(rewrap(*connection_, *vault_).value_or(0), 120u);
  EXPECT_EQ(rewrap(*connection_, *vault_).value_or(99), 0u);
  use({&new_});
  std::size_t opened = 0;
  EXPECT_TRUE(is_done(
      connection_->run("SELECT id, name, blob, key_id FROM secret", {}, [&](const sql::Row& row) {
        const auto plain = vault_->open(
            row.blob(2), {.tenant = "default", .provider = "openai", .row = row.text(0)});
        ASSERT_TRUE(plain);
        EXPECT_EQ(plain->reveal(), "sk-value-of-secret-" + std::string(row.text(1).substr(1)));
        EXPECT_EQ(row.text(3), vault_->key_id());
        ++opened;
      })));
  EXPECT_EQ(opened, 120u);
}

TEST_P(Rewrap, WhatDoesNotOpenStaysAndIsCounted) {
  use({&old_});
  const NewIntegration one = create("one"), two = create("two");
  std::string damaged = blob_of(one.row.secret);
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  set_blob(one.row.secret, damaged);
  use({&new_, &old_});
  const auto done = rewrap(*connection_, *vault_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "not_rewrapped");
  EXPECT_EQ(blob_of(one.row.secret), damaged);
  EXPECT_EQ(vault::Vault::key_id_of(blob_of(two.row.secret)), vault_->key_id());
}

TEST_P(Rewrap, KeptContentsAndReviews) {
  use({&old_});
  const vault::Place content{.tenant = "default", .provider = "audit_content", .row = "run-1"};
  const vault::Place answer{.tenant = "default", .provider = "review", .row = "rev-1"};
  const auto kept = vault_->seal("content", content), held = vault_->seal("answer", answer);
  ASSERT_TRUE(kept && held);
  const std::string key_id = vault_->key_id();
  ASSERT_TRUE(is_done(connection_->run(
      "INSERT INTO audit_content (run_id, tenant_id, level, time_ms, body, key_id) "
      "VALUES ('run-1', 'default', 'full', 1, $1, $2)",
      {sql::Blob{*kept}, std::string_view(key_id)})));
  ASSERT_TRUE(is_done(connection_->run(
      "INSERT INTO audit_content (run_id, tenant_id, level, time_ms, body, key_id) "
      "VALUES ('run-2', 'default', 'full', 1, $1, '')",
      {sql::Blob{"plain"}})));
  use({&new_, &old_});
  EXPECT_EQ(rewrap(*connection_, *vault_).value_or(0), 1u);
  use({&new_});
  EXPECT_TRUE(is_done(connection_->run("SELECT run_id, body FROM audit_content ORDER BY run_id", {},
                                       [&](const sql::Row& row) {
                                         if (row.text(0) == "run-2") {
                                           EXPECT_EQ(row.blob(1), "plain");
                                           return;
                                         }
                                         const auto plain = vault_->open(row.blob(1), content);
                                         ASSERT_TRUE(plain);
                                         EXPECT_EQ(plain->reveal(), "content");
                                       })));
}

TEST_P(Rewrap, WithoutAKeyNothing) {
  use({});
  const auto done = rewrap(*connection_, *vault_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "no_master_key");
}

CAPSEM_ON_BOTH_DATABASES(Rewrap);

}  // namespace
}  // namespace capsem::store
