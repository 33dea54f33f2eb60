// What loops know follows what the database says: at once when asked, in order, and not at all
// while it is gone.
#include "server/store/directory_keeper.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "server/store/bindings.h"
#include "server/store/keys.h"
#include "tests/unit/store/directory_fixture.h"

namespace capsem::store {
namespace {

// What a gateway would have been given.
struct Loops {
  bool take(std::shared_ptr<const tenant::Directory> given) {
    const std::scoped_lock guard(lock);
    directory = std::move(given);
    events += 'd';
    return directories_work;
  }
  bool take_policies() {
    const std::scoped_lock guard(lock);
    events += 'p';
    return policies_work;
  }
  DirectoryKeeper::Hooks hooks() {
    return {.directory = [this](auto given) { return take(std::move(given)); },
            .policies = [this] { return take_policies(); },
            .problem = {}};
  }
  bool knows(const Secret& key) {
    const std::scoped_lock guard(lock);
    return directory != nullptr && directory->find_key(key.reveal()) != nullptr;
  }
  std::string told() {
    const std::scoped_lock guard(lock);
    return std::exchange(events, {});
  }

  std::mutex lock;
  std::shared_ptr<const tenant::Directory> directory;
  std::string events;  // in order: d, p
  std::atomic<bool> directories_work{true}, policies_work{true};
};

class Keeper : public DirectoryFixture {
 protected:
  // A poll that never comes by itself: everything here is poked.
  std::unique_ptr<DirectoryKeeper> started(Loops& loops, std::uint32_t poll_ms = 3'600'000) {
    auto keeper = std::make_unique<DirectoryKeeper>(target_, poll_ms, clock_);
    EXPECT_TRUE(is_done(keeper->load(vault_)));
    loops.directory = keeper->directory();
    keeper->start(loops.hooks());
    return keeper;
  }
  static bool poke(DirectoryKeeper& keeper) {
    std::promise<bool> answer;
    keeper.poke([&](bool current) { answer.set_value(current); });
    return answer.get_future().get();
  }
  Result<NewKey> add_key(const NewIntegration& to, KeyRow row = {}) {
    row.tenant = "default";
    row.integration = to.row.id;
    row.name = "further";
    return create_key(*connection_, row, clock_.now_ms);
  }
};

TEST_P(Keeper, KnowsAtTheStartWhatTheDatabaseSays) {
  const NewIntegration made = create("support");
  Loops loops;
  const auto keeper = started(loops);
  EXPECT_TRUE(loops.knows(made.key.key));
  EXPECT_TRUE(keeper->healthy());
  EXPECT_EQ(keeper->age_ms(), 0);
}

// T39: two tenants' blobs were swapped; whose row it is, is told once.
TEST_P(Keeper, ASecretThatDoesNotOpenIsToldOfFromTheStartOn) {
  const NewIntegration made = create("support"), other = create("other");
  const std::string secret = made.row.secret, blob = blob_of(other.row.secret);
  set_blob(secret, blob);
  std::vector<RowProblem> told;
  std::mutex lock;
  DirectoryKeeper keeper(target_, 3'600'000, clock_);
  ASSERT_TRUE(is_done(keeper.load(vault_)));
  keeper.start({.directory = {}, .policies = {}, .problem = [&](const RowProblem& problem) {
                  const std::scoped_lock guard(lock);
                  told.push_back(problem);
                }});
  EXPECT_TRUE(poke(keeper));
  keeper.stop();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].code, "damaged_secret");
  EXPECT_EQ(told[0].tenant, "default");
  EXPECT_NE(told[0].detail.find(secret), std::string::npos);
}

TEST_P(Keeper, R36_ARevocationIsInForceWhenThePokeIsAnswered) {
  const NewIntegration made = create("support");
  Loops loops;
  const auto keeper = started(loops);
  ASSERT_TRUE(revoke_key(*connection_, made.key.row.id, clock_.now_ms));
  EXPECT_TRUE(poke(*keeper));
  EXPECT_FALSE(loops.knows(made.key.key));
  EXPECT_TRUE(poke(*keeper)) << "nothing new is fine";
}

TEST_P(Keeper, NothingIsReadWhileNothingChanges) {
  create("support");
  Loops loops;
  const auto keeper = started(loops);
  const std::uint64_t readings = keeper->readings();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(poke(*keeper));
  EXPECT_EQ(keeper->readings(), readings);
  EXPECT_EQ(loops.told(), "");
}

TEST_P(Keeper, OthersChangesAreSeenByPolling) {
  const NewIntegration made = create("support");
  Loops loops;
  const auto keeper = started(loops, 1);
  auto other = another();
  ASSERT_TRUE(revoke_key(*other, made.key.row.id, clock_.now_ms));
  for (int i = 0; i < 10'000 && loops.knows(made.key.key); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(loops.knows(made.key.key));
}

TEST_P(Keeper, WhoMayCallComesBeforePolicies) {
  const NewIntegration made = create("support");
  Loops loops;
  const auto keeper = started(loops);
  ASSERT_TRUE(is_done(poke(*keeper) ? Status() : gateway_error("x", "x")));
  loops.told();
  ASSERT_TRUE(is_done(create_binding(
      *connection_, {.tenant = "default", .policy = "p", .target = made.row.id}, 1)));
  ASSERT_TRUE(revoke_key(*connection_, made.key.row.id, clock_.now_ms));
  EXPECT_TRUE(poke(*keeper));
  EXPECT_EQ(loops.told(), "dp");
  EXPECT_EQ(keeper->policies()->assignments.bindings.size(), 1u);
}

// A key is never good for more than it was made for: it appears when its restrictions are in force.
TEST_P(Keeper, ARestrictedKeyWaitsForItsRestrictions) {
  const NewIntegration made = create("support");
  Loops loops;
  const auto keeper = started(loops);
  poke(*keeper);
  loops.told();
  loops.policies_work = false;
  KeyRow narrow;
  narrow.models = {"gpt-4"};
  const auto key = add_key(made, narrow);
  const auto plain = add_key(made);
  ASSERT_TRUE(is_done(key) && is_done(plain));
  EXPECT_FALSE(poke(*keeper));
  EXPECT_EQ(loops.told(), "dp");
  EXPECT_FALSE(loops.knows(key->key));
  EXPECT_TRUE(loops.knows(plain->key));
  EXPECT_FALSE(poke(*keeper)) << "still not in force";
  loops.policies_work = true;
  EXPECT_TRUE(poke(*keeper));
  EXPECT_TRUE(loops.knows(key->key));
  EXPECT_TRUE(loops.told().ends_with("dpd"));
}

TEST_P(Keeper, LoopsThatDoNotTakeItAreNoSuccess) {
  const NewIntegration made = create("support");
  Loops loops;
  const auto keeper = started(loops);
  loops.directories_work = false;
  ASSERT_TRUE(revoke_key(*connection_, made.key.row.id, clock_.now_ms));
  EXPECT_FALSE(poke(*keeper));
}

TEST_P(Keeper, KeysExpireByThemselves) {
  const NewIntegration made = create("support");
  KeyRow row;
  row.expires_ms = clock_.now_ms + 60'000;
  const auto key = add_key(made, row);
  ASSERT_TRUE(is_done(key));
  Loops loops;
  const auto keeper = started(loops);
  clock_.pass_ms(59'999);
  poke(*keeper);
  EXPECT_TRUE(loops.knows(key->key));
  clock_.pass_ms(1);
  poke(*keeper);
  EXPECT_FALSE(loops.knows(key->key));
  EXPECT_TRUE(loops.knows(made.key.key));
}

TEST_P(Keeper, SealingWipesAndUnsealingBringsBack) {
  const NewIntegration made = create("support");
  Loops loops;
  const auto keeper = started(loops);
  keeper->set_vault(nullptr);
  EXPECT_TRUE(poke(*keeper));
  EXPECT_TRUE(keeper->directory()->sealed());
  EXPECT_TRUE(keeper->directory()->find_integration(made.row.id)->provider_key.empty());
  EXPECT_TRUE(keeper->policies()->assignments.own_keys.empty());
  keeper->set_vault(vault_);
  EXPECT_TRUE(poke(*keeper));
  EXPECT_FALSE(keeper->directory()->sealed());
  EXPECT_EQ(keeper->directory()->find_integration(made.row.id)->provider_key.reveal(),
            kProviderKey);
}

// Promise 16: what is known stays, grows old, and is young again when the database is back.
TEST_P(Keeper, AgeIsKept) {
  create("support");
  Loops loops;
  const auto keeper = started(loops);
  clock_.pass_ms(5'000);
  EXPECT_EQ(keeper->age_ms(), 5'000);
  EXPECT_TRUE(poke(*keeper));
  EXPECT_EQ(keeper->age_ms(), 0);
  EXPECT_EQ(loops.directory->as_of_ns(), clock_.now_ns);
  EXPECT_EQ(loops.told(), "") << "nothing was built for it";
}

TEST_P(Keeper, WhileTheDatabaseIsGoneWhatIsKnownStays) {
  const NewIntegration made = create("support");
  Loops loops;
  const auto keeper = started(loops);
  poke(*keeper);
  ASSERT_TRUE(is_done(connection_->run("ALTER TABLE meta RENAME TO hidden")));
  clock_.pass_ms(1'000);
  EXPECT_FALSE(poke(*keeper));
  EXPECT_FALSE(keeper->healthy());
  EXPECT_EQ(keeper->age_ms(), 1'000);
  EXPECT_TRUE(loops.knows(made.key.key));
  ASSERT_TRUE(is_done(connection_->run("ALTER TABLE hidden RENAME TO meta")));
  EXPECT_TRUE(poke(*keeper));
  EXPECT_TRUE(keeper->healthy());
  EXPECT_EQ(keeper->age_ms(), 0);
}

TEST_P(Keeper, WhoWaitsIsToldWhenItEnds) {
  Loops loops;
  auto keeper = started(loops);
  keeper->stop();
  bool told = false;
  keeper->poke([&](bool current) { told = !current; });
  EXPECT_TRUE(told);
}

CAPSEM_ON_BOTH_DATABASES(Keeper);

}  // namespace
}  // namespace capsem::store
