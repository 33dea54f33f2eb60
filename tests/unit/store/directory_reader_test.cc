// Rows into what loops know: who may call, and by which policies.
#include "server/store/directory_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "server/store/bindings.h"
#include "server/store/integrations.h"
#include "server/store/keys.h"
#include "server/store/policy_files.h"
#include "server/store/secrets.h"
#include "server/store/tenants.h"
#include "tests/unit/store/directory_fixture.h"

namespace capsem::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Reader : public DirectoryFixture {};

TEST_P(Reader, AnIntegrationWithItsKeys) {
  const NewIntegration made = create("support");
  const DirectoryReading reading = read();
  EXPECT_THAT(reading.problems, IsEmpty());
  const std::string token(made.key.key.reveal());
  auto contents = read();  // a directory takes its contents
  const tenant::Directory directory(std::move(contents.contents));
  const tenant::Integration* found = directory.find_integration(made.row.id);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "support");
  EXPECT_EQ(found->provider, "openai");
  EXPECT_EQ(found->tenant, "default");
  EXPECT_EQ(found->provider_key.reveal(), kProviderKey);
  EXPECT_TRUE(found->active);
  const tenant::Key* key = directory.find_key(token);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->integration, made.row.id);
  EXPECT_EQ(directory.find_key(token.substr(0, token.size() - 1)), nullptr);
  EXPECT_FALSE(directory.sealed());
  EXPECT_THAT(reading.restricted, IsEmpty());
}

TEST_P(Reader, R36_RevokedAndExpiredKeysAreNotThere) {
  const NewIntegration made = create("support");
  KeyRow row{.tenant = "default", .integration = made.row.id, .name = "second"};
  row.expires_ms = clock_.now_ms + 1'000;
  const auto second = create_key(*connection_, row, clock_.now_ms);
  ASSERT_TRUE(is_done(second));
  EXPECT_EQ(read().contents.keys.size(), 2u);
  EXPECT_EQ(read().next_expiry_ms, row.expires_ms);
  clock_.pass_ms(999);
  EXPECT_EQ(read().contents.keys.size(), 2u);
  clock_.pass_ms(1);
  EXPECT_EQ(read().contents.keys.size(), 1u);
  EXPECT_EQ(read().next_expiry_ms, 0);
  ASSERT_TRUE(revoke_key(*connection_, made.key.row.id, clock_.now_ms).value_or(false));
  EXPECT_THAT(read().contents.keys, IsEmpty());
}

// T39: two tenants' blobs are swapped in the table. Both integrations are sealed, a third goes on.
TEST_P(Reader, T39_ABlobThatWasMovedSealsItsIntegrationAlone) {
  const NewIntegration one = create("one"), two = create("two"), three = create("three");
  const std::string blob = blob_of(one.row.secret), other = blob_of(two.row.secret);
  set_blob(one.row.secret, other);
  set_blob(two.row.secret, blob);
  DirectoryReading reading = read();
  ASSERT_EQ(reading.problems.size(), 2u);
  for (const RowProblem& problem : reading.problems) {
    EXPECT_EQ(problem.code, "damaged_secret");
    EXPECT_NE(problem.detail.find("integration/"), std::string::npos) << problem.detail;
    EXPECT_EQ(problem.detail.find(kProviderKey), std::string::npos);
  }
  EXPECT_EQ(reading.policies->assignments.own_keys.size(), 1u);
  const tenant::Directory directory(std::move(reading.contents));
  EXPECT_TRUE(directory.find_integration(one.row.id)->provider_key.empty());
  EXPECT_TRUE(directory.find_integration(two.row.id)->provider_key.empty());
  EXPECT_EQ(directory.find_integration(three.row.id)->provider_key.reveal(), kProviderKey);
}

TEST_P(Reader, R37_AFlippedByteIsAnErrorAndNotGarbage) {
  const NewIntegration made = create("support");
  const std::string blob = blob_of(made.row.secret);
  EXPECT_EQ(blob.find(kProviderKey), std::string::npos);
  for (std::size_t at = 0; at < blob.size(); ++at) {
    std::string changed = blob;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    set_blob(made.row.secret, changed);
    const DirectoryReading reading = read();
    ASSERT_EQ(reading.problems.size(), 1u) << at;
    ASSERT_TRUE(reading.contents.integrations.at(0).provider_key.empty()) << at;
  }
}

TEST_P(Reader, SealedThereIsNoProviderKeyAndNothingToLookFor) {
  create("support");
  const auto reading = read_directory(*connection_, {.vault = nullptr, .wall_ms = clock_.now_ms});
  ASSERT_TRUE(is_done(reading));
  EXPECT_TRUE(reading->contents.sealed);
  EXPECT_TRUE(reading->contents.integrations.at(0).provider_key.empty());
  EXPECT_EQ(reading->contents.keys.size(), 1u);
  EXPECT_THAT(reading->policies->assignments.own_keys, IsEmpty());
  EXPECT_THAT(reading->problems, IsEmpty());
}

TEST_P(Reader, RestrictionsOfAKeyBecomePolicies) {
  const NewIntegration made = create("support");
  KeyRow row{.tenant = "default", .integration = made.row.id, .name = "narrow"};
  row.agents = {"sales-*"};
  row.models = {"gpt-4*", "o1"};
  row.policies = {"earnings"};
  row.limits = {{"requests_per_minute", 10}, {"tokens_per_day", 7}};
  const auto key = create_key(*connection_, row, clock_.now_ms);
  ASSERT_TRUE(is_done(key));
  const DirectoryReading reading = read();
  const std::string& id = key->row.id;
  EXPECT_THAT(reading.restricted, ElementsAre(id));
  const policy::Assignments& assignments = reading.policies->assignments;
  ASSERT_EQ(assignments.keys.size(), 1u);
  EXPECT_EQ(assignments.keys[0].key, id);
  EXPECT_THAT(assignments.keys[0].agents, ElementsAre("sales-*"));
  EXPECT_THAT(assignments.keys[0].policies, ElementsAre("earnings"));
  ASSERT_EQ(assignments.made.size(), 2u);
  EXPECT_EQ(assignments.made[0].key, id);
  const auto& models = std::get<policy::ListsPolicy>(assignments.made[0].policy);
  ASSERT_EQ(models.models->allow.size(), 2u);
  EXPECT_EQ(models.models->allow[1].pattern, "o1");
  const auto& limits = std::get<policy::LimitPolicy>(assignments.made[1].policy);
  EXPECT_EQ(limits.requests_per_minute, 10u);
  EXPECT_EQ(limits.tokens_per_day, 7u);
  EXPECT_EQ(limits.per, policy::LimitPolicy::Per::Key);
}

// Fail closed: a restriction that cannot be read must not be taken for none.
TEST_P(Reader, AKeyWithADamagedRowIsRefused) {
  const NewIntegration made = create("support");
  for (const auto& [column, text] :
       {std::pair{"models", "not json"}, std::pair{"agents", "{}"}, std::pair{"policies", "[1]"},
        std::pair{"limits", "{\"unknown\":1}"}, std::pair{"limits", "{\"tokens_per_day\":-1}"},
        std::pair{"models", "[\"[\"]"}}) {
    KeyRow row{.tenant = "default", .integration = made.row.id, .name = "narrow"};
    const auto key = create_key(*connection_, row, clock_.now_ms);
    ASSERT_TRUE(is_done(key));
    set_key(key->row.id, column, text);
    const DirectoryReading reading = read();
    ASSERT_EQ(reading.problems.size(), 1u) << column << text;
    EXPECT_EQ(reading.problems[0].code, "damaged_row");
    EXPECT_EQ(reading.contents.keys.size(), 1u) << column << text;
    ASSERT_TRUE(revoke_key(*connection_, key->row.id, clock_.now_ms));
  }
}

TEST_P(Reader, R48_Quotas) {
  NewIntegration made = create("support");
  made.row.evaluations_per_month = 100;
  ASSERT_TRUE(is_done(update_integration(*connection_, made.row)));
  TenantRow tenant{.id = "default", .name = "default", .content_level = "full"};
  tenant.evaluations_per_month = 7;
  ASSERT_TRUE(is_done(update_tenant(*connection_, tenant)));
  const DirectoryReading reading = read();
  const auto& quotas = reading.policies->assignments.made;
  ASSERT_EQ(quotas.size(), 2u);
  EXPECT_THAT(quotas[0].targets, ElementsAre(made.row.id));
  EXPECT_EQ(std::get<policy::LimitPolicy>(quotas[0].policy).evaluations_per_month, 100u);
  EXPECT_THAT(quotas[1].targets, ElementsAre(made.row.id, "root"));
  EXPECT_EQ(std::get<policy::LimitPolicy>(quotas[1].policy).evaluations_per_month, 7u);
  EXPECT_EQ(reading.contents.tenants.at(0).content, tenant::ContentLevel::Full);
}

TEST_P(Reader, BindingsReachTheTenantsOwnIntegrations) {
  ASSERT_TRUE(is_done(create_tenant(*connection_, {.id = "acme", .name = "Acme"}, 1)));
  const NewIntegration ours = create("ours"), theirs = create("theirs", kProviderKey, "acme");
  for (const auto& [tenant, policy, target] :
       {std::tuple{"default", "p1", std::string("*")}, std::tuple{"default", "p2", theirs.row.id},
        std::tuple{"acme", "p3", std::string("*")}, std::tuple{"acme", "p4", ours.row.id},
        std::tuple{"acme", "p5", std::string("root")}}) {
    ASSERT_TRUE(is_done(create_binding(
        *connection_, {.tenant = tenant, .policy = policy, .target = target}, clock_.now_ms)));
  }
  std::vector<std::string> shown;
  const auto inputs = read().policies;
  for (const auto& row : inputs->assignments.bindings) {
    shown.push_back(row.policy + " " + (row.target == theirs.row.id ? "theirs" : row.target) + " " +
                    row.tenant);
  }
  EXPECT_THAT(shown, ElementsAre("p1 * ", "p2 theirs ", "p3 theirs acme"));
}

TEST_P(Reader, ActiveRevisionsAreFiles) {
  PolicyRevision row{.tenant = "default", .file = "a.toml", .note = "", .created_by = "t"};
  row.source = "one";
  ASSERT_TRUE(is_done(upload_policy(*connection_, row, 1)));
  EXPECT_THAT(read().policies->files, IsEmpty());
  row.revision = 1;
  ASSERT_TRUE(is_done(activate_revision(*connection_, row, "t", 1)));
  const auto first = read().policies;
  ASSERT_EQ(first->files.size(), 1u);
  EXPECT_EQ(first->files[0].name, "uploaded/a.toml");
  EXPECT_EQ(first->files[0].text, "one");
  EXPECT_EQ(first->assignments.uploaded.at("uploaded/a.toml"), "default");
  EXPECT_EQ(uploaded_name("acme", "a.toml"), "uploaded/acme/a.toml");
  row.source = "two";
  ASSERT_TRUE(is_done(upload_policy(*connection_, row, 1)));
  EXPECT_EQ(read().policies->digest, first->digest) << "uploaded is not active";
  row.revision = 2;
  ASSERT_TRUE(is_done(activate_revision(*connection_, row, "t", 1)));
  EXPECT_EQ(read().policies->files[0].text, "two");
  EXPECT_NE(read().policies->digest, first->digest);
}

TEST_P(Reader, StoredKeysAreLookedForFromSixteenBytesOn) {
  const SecretRow row{.tenant = "default", .name = "short", .provider = "openai"};
  ASSERT_TRUE(is_done(create_secret(*connection_, *vault_, row,
                                    Secret(std::string(kWatchedBytesMin - 1, 'x')), 1)));
  EXPECT_THAT(read().policies->assignments.own_keys, IsEmpty());
  const SecretRow enough{.tenant = "default", .name = "enough", .provider = "openai"};
  ASSERT_TRUE(is_done(
      create_secret(*connection_, *vault_, enough, Secret(std::string(kWatchedBytesMin, 'x')), 2)));
  const auto keys = read().policies->assignments.own_keys;
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0]->name, "enough");
}

TEST_P(Reader, DigestsTellWhatChangedPolicies) {
  const NewIntegration made = create("support");
  const std::string before = read().policies->digest;
  ASSERT_TRUE(is_done(create_key(
      *connection_, {.tenant = "default", .integration = made.row.id, .name = "plain"}, 1)));
  EXPECT_EQ(read().policies->digest, before) << "a key without restrictions changes no policy";
  ASSERT_TRUE(is_done(
      create_binding(*connection_, {.tenant = "default", .policy = "p", .target = "*"}, 1)));
  const auto bound = read().policies;
  EXPECT_NE(bound->digest, before);
  EXPECT_NE(bound->assignments.bound, "");
  EXPECT_TRUE(delete_binding(*connection_, "", "p", "*").value_or(false));
  EXPECT_EQ(read().policies->digest, before);
  EXPECT_EQ(read().policies->assignments.bound, "");
}

CAPSEM_ON_BOTH_DATABASES(Reader);

}  // namespace
}  // namespace capsem::store
