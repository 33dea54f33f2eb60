#include "server/store/integrations.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/store/bindings.h"
#include "server/store/meta.h"
#include "server/store/secrets.h"
#include "server/store/tenants.h"
#include "server/tenant/token.h"
#include "tests/unit/store/store_database.h"

namespace capsem::store {
namespace {

constexpr std::string_view kProviderKey = "sk-proj-0123456789abcdefghij";

class Integrations : public StoreDatabase {
 protected:
  void SetUp() override {
    StoreDatabase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(is_done(ensure_default_tenant(*connection_, clock_.now_ms)));
    std::vector<Secret> keys;
    keys.push_back(vault::make_master_key());
    vault_ = vault::Vault(std::move(keys));
  }

  NewIntegration create(const std::string& name, std::string_view key = kProviderKey) {
    IntegrationRow row;
    row.tenant = "default";
    row.name = name;
    row.provider = "openai";
    auto made = create_integration(*connection_, &vault_, row, Secret(key), {.name = "first"},
                                   clock_.now_ms);
    EXPECT_TRUE(is_done(made));
    return made ? std::move(*made) : NewIntegration{};
  }
  std::int64_t version(std::string_view name) {
    return read_version(*connection_, name).value_or(-1);
  }
  std::int64_t count(std::string_view statement) {
    return number_of(*connection_, statement, {}).value_or(-1);
  }
  std::string blob_of(std::string_view id) {
    std::string blob;
    EXPECT_TRUE(is_done(connection_->run("SELECT blob FROM secret WHERE id = $1", {id},
                                         [&](const sql::Row& row) { blob = row.blob(0); })));
    return blob;
  }

  vault::Vault vault_;
};

// R36: the key is there once; what stays is its digest and its prefix.
TEST_P(Integrations, AreMadeWithAKeyThatIsShownOnce) {
  const std::int64_t directory = version(kDirectoryVersion), policy = version(kPolicyVersion);
  const NewIntegration made = create("support");
  EXPECT_TRUE(made.key.key.reveal().starts_with("ag_live_"));
  EXPECT_TRUE(made.key.key.reveal().starts_with(made.key.row.prefix.substr(0, 12)));
  EXPECT_GT(version(kDirectoryVersion), directory);
  EXPECT_GT(version(kPolicyVersion), policy);

  const auto row = read_key(*connection_, made.key.row.id);
  ASSERT_TRUE(row && *row);
  EXPECT_EQ((*row)->integration, made.row.id);
  EXPECT_EQ((*row)->prefix, made.key.row.prefix);
  const auto pepper = pepper_of(*connection_);
  ASSERT_TRUE(pepper);
  const tenant::Mac mac = tenant::mac_of(made.key.key.reveal(), *pepper);
  const std::string_view digest(reinterpret_cast<const char*>(mac.data()), mac.size());
  EXPECT_EQ(number_of(*connection_, "SELECT COUNT(*) FROM gateway_key WHERE mac = $1",
                      {sql::Blob{digest}}),
            1);
}

// R37: sealed, never twice the same, and bound to its row.
TEST_P(Integrations, SealTheirProviderKeys) {
  const NewIntegration a = create("a"), b = create("b");
  const std::string blob_a = blob_of(a.row.secret), blob_b = blob_of(b.row.secret);
  EXPECT_EQ(blob_a.find(kProviderKey), std::string::npos);
  EXPECT_NE(blob_a, blob_b);
  const auto opened =
      vault_.open(blob_a, {.tenant = "default", .provider = "openai", .row = a.row.secret});
  ASSERT_TRUE(is_done(opened));
  EXPECT_EQ(opened->reveal(), kProviderKey);
  EXPECT_EQ(code_of(vault_.open(blob_a,
                                {.tenant = "default", .provider = "openai", .row = b.row.secret})),
            "damaged_secret");
}

TEST_P(Integrations, NeedAMasterKeyOrASecretThatIsThere) {
  IntegrationRow row;
  row.tenant = "default";
  row.name = "x";
  row.provider = "openai";
  const vault::Vault closed;
  const auto create_with = [&](const vault::Vault* vault, std::string_view key) {
    return code_of(
        create_integration(*connection_, vault, row, Secret(key), {.name = "k"}, clock_.now_ms));
  };
  EXPECT_EQ(create_with(&closed, kProviderKey), "no_master_key");
  EXPECT_EQ(create_with(nullptr, kProviderKey), "no_master_key");
  row.secret = "nobody's";
  EXPECT_EQ(create_with(&vault_, ""), "unknown_secret");
  const auto gemini =
      create_secret(*connection_, vault_, {.tenant = "default", .name = "g", .provider = "gemini"},
                    Secret(kProviderKey), clock_.now_ms);
  ASSERT_TRUE(gemini);
  row.secret = gemini->id;
  EXPECT_EQ(create_with(&vault_, ""), "invalid_request");  // another provider's
  const auto openai =
      create_secret(*connection_, vault_, {.tenant = "default", .name = "o", .provider = "openai"},
                    Secret(kProviderKey), clock_.now_ms);
  row.secret = openai->id;
  EXPECT_EQ(create_with(&vault_, ""), "");
  EXPECT_EQ(create_with(&vault_, ""), "store_conflict");  // the name is taken
  EXPECT_EQ(count("SELECT COUNT(*) FROM integration"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) FROM gateway_key"), 1);
}

TEST_P(Integrations, TakeWhatIsTheirsWithThem) {
  const NewIntegration made = create("support"), other = create("other");
  ASSERT_TRUE(is_done(create_binding(
      *connection_, {.tenant = "default", .policy = "p", .target = made.row.id}, clock_.now_ms)));
  ASSERT_TRUE(is_done(create_binding(
      *connection_, {.tenant = "default", .policy = "p", .target = other.row.id}, clock_.now_ms)));
  ASSERT_TRUE(is_done(delete_integration(*connection_, made.row)));
  EXPECT_EQ(count("SELECT COUNT(*) FROM integration"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) FROM gateway_key"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) FROM binding"), 1);
  EXPECT_EQ(count("SELECT COUNT(*) FROM secret"), 1);
  EXPECT_EQ(code_of(delete_integration(*connection_, made.row)), "not_found");
}

// R82
TEST_P(Integrations, SecretsAreNotDeletedWhileTheyAreUsed) {
  const NewIntegration made = create("support");
  EXPECT_EQ(code_of(delete_secret(*connection_, made.row.secret)), "in_use");
  const auto unused = create_secret(*connection_, vault_,
                                    {.tenant = "default", .name = "spare", .provider = "openai"},
                                    Secret(kProviderKey), clock_.now_ms);
  ASSERT_TRUE(unused);
  EXPECT_TRUE(is_done(delete_secret(*connection_, unused->id)));
  EXPECT_EQ(code_of(delete_secret(*connection_, unused->id)), "not_found");
  EXPECT_EQ(code_of(rotate_secret(*connection_, vault_, unused->id, Secret("x"), clock_.now_ms)),
            "not_found");
  const std::string before = blob_of(made.row.secret);
  const std::int64_t directory = version(kDirectoryVersion);
  const auto rotated = rotate_secret(*connection_, vault_, made.row.secret,
                                     Secret("sk-another-0123456789abcdef"), clock_.now_ms);
  ASSERT_TRUE(is_done(rotated));
  EXPECT_EQ(rotated->hint, "sk-anoth...");
  EXPECT_NE(blob_of(made.row.secret), before);
  EXPECT_GT(version(kDirectoryVersion), directory);
}

TEST(Hints, ShowEightCharactersOfLongKeysOnly) {
  EXPECT_EQ(hint_of(Secret(std::string(19, 'k'))), "...");
  EXPECT_EQ(hint_of(Secret(std::string(20, 'k'))), "kkkkkkkk...");
  EXPECT_EQ(hint_of(Secret("")), "...");
}

// R36, X2: the old key goes on for the overlap, not longer.
TEST_P(Integrations, KeysAreRotatedWithAnOverlap) {
  const NewIntegration made = create("support");
  const std::string& old_id = made.key.row.id;
  const auto fresh = rotate_key(*connection_, old_id, 60'000, clock_.now_ms);
  ASSERT_TRUE(is_done(fresh));
  EXPECT_NE(fresh->key.reveal(), made.key.key.reveal());
  const auto old_row = read_key(*connection_, old_id);
  ASSERT_TRUE(old_row && *old_row);
  EXPECT_EQ((*old_row)->replaced_by, fresh->row.id);
  EXPECT_EQ((*old_row)->expires_ms, clock_.now_ms + 60'000);
  EXPECT_EQ(fresh->row.expires_ms, 0);
  EXPECT_EQ(code_of(rotate_key(*connection_, old_id, 0, clock_.now_ms)), "conflict");
  EXPECT_EQ(code_of(rotate_key(*connection_, "nobody", 0, clock_.now_ms)), "not_found");
  EXPECT_EQ(revoke_key(*connection_, fresh->row.id, clock_.now_ms), true);
  EXPECT_EQ(revoke_key(*connection_, fresh->row.id, clock_.now_ms), false);
  EXPECT_EQ(code_of(rotate_key(*connection_, fresh->row.id, 0, clock_.now_ms)), "conflict");
}

TEST_P(Integrations, AnOverlapEndsNoLaterThanTheKeyDid) {
  const NewIntegration made = create("support");
  KeyRow row;
  row.tenant = "default";
  row.integration = made.row.id;
  row.name = "short";
  row.expires_ms = clock_.now_ms + 1'000;
  const auto key = create_key(*connection_, row, clock_.now_ms);
  ASSERT_TRUE(key);
  ASSERT_TRUE(is_done(rotate_key(*connection_, key->row.id, 60'000, clock_.now_ms)));
  EXPECT_EQ((*read_key(*connection_, key->row.id))->expires_ms, clock_.now_ms + 1'000);
  clock_.pass_ms(1'000);
  EXPECT_EQ(code_of(rotate_key(*connection_, key->row.id, 60'000, clock_.now_ms)), "conflict");
}

TEST_P(Integrations, KeysKeepTheirRestrictions) {
  const NewIntegration made = create("support");
  KeyRow row;
  row.tenant = "default";
  row.integration = made.row.id;
  row.name = "bot \"quoted\" \u00e4";
  row.agents = {"bot-*", "a\"b"};
  row.models = {"gpt-4*"};
  row.policies = {"p1"};
  row.limits = {{"requests_per_minute", 10}, {"cost_micros_per_day", 5'000'000}};
  const auto key = create_key(*connection_, row, clock_.now_ms);
  ASSERT_TRUE(is_done(key));
  const auto fresh = rotate_key(*connection_, key->row.id, 0, clock_.now_ms);
  ASSERT_TRUE(is_done(fresh));
  for (const std::string& id : {key->row.id, fresh->row.id}) {
    const auto read = read_key(*connection_, id);
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((*read)->name, row.name);
    EXPECT_EQ((*read)->agents, row.agents);
    EXPECT_EQ((*read)->models, row.models);
    EXPECT_EQ((*read)->policies, row.policies);
    EXPECT_EQ((*read)->limits, row.limits);
  }
}

// Rows made in the same millisecond, read two at a time: each comes once.
TEST_P(Integrations, PagesAreCompleteAndWithoutRepeats) {
  for (int i = 0; i < 5; ++i) create("n" + std::to_string(i));
  clock_.pass_ms(5);
  for (int i = 5; i < 8; ++i) create("n" + std::to_string(i));
  Slice slice{.limit = 2};
  std::vector<std::string> names;
  while (true) {
    const auto page = list_integrations(*connection_, "default", slice);
    ASSERT_TRUE(is_done(page));
    if (page->empty()) break;
    for (const IntegrationRow& row : *page) names.push_back(row.name);
    slice.before_ms = page->back().created_ms;
    slice.before_id = page->back().id;
  }
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"}));
  EXPECT_TRUE(list_integrations(*connection_, "other", {})->empty());
}

TEST_P(Integrations, BindingsAreMadeOnce) {
  const BindingRow row{.tenant = "default", .policy = "pii*", .target = "root"};
  const std::int64_t before = version(kPolicyVersion);
  EXPECT_EQ(create_binding(*connection_, row, clock_.now_ms), true);
  EXPECT_EQ(version(kPolicyVersion), before + 1);
  EXPECT_EQ(create_binding(*connection_, row, clock_.now_ms), false);
  EXPECT_EQ(version(kPolicyVersion), before + 1);
  EXPECT_EQ(count_bindings(*connection_, "some-id"), 0);
  EXPECT_EQ(create_binding(*connection_, {.tenant = "default", .policy = "q", .target = "*"},
                           clock_.now_ms),
            true);
  EXPECT_EQ(count_bindings(*connection_, "some-id"), 1);
  EXPECT_EQ(list_bindings(*connection_, "", "", "root", {})->size(), 1u);
  EXPECT_EQ(delete_binding(*connection_, "another", "pii*", "root"), false);
  EXPECT_EQ(delete_binding(*connection_, "", "pii*", "root"), true);
  EXPECT_EQ(delete_binding(*connection_, "", "pii*", "root"), false);
}

CAPSEM_ON_BOTH_DATABASES(Integrations);

}  // namespace
}  // namespace capsem::store
