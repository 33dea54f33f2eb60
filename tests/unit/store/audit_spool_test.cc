#include "server/store/audit_spool.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "core/audit/record.h"
#include "server/store/audit_entry.h"
#include "tests/unit/store/audit_fixture.h"

namespace capsem::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class AuditSpoolTest : public testing::Test {
 protected:
  sql::Folder folder_;
  const std::string path_ = folder_.path("audit.spool");
};

TEST_F(AuditSpoolTest, GivesBackWhatItWasGivenInOrder) {
  {
    AuditSpool spool;
    ASSERT_TRUE(is_done(spool.open(path_, 1'000'000)));
    EXPECT_TRUE(spool.empty());
    EXPECT_TRUE(is_done(spool.append({"one", ""})));
    EXPECT_TRUE(is_done(spool.append({std::string(1'000, 'x')})));
  }
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  AuditSpool spool;
  ASSERT_TRUE(is_done(spool.open(path_, 1'000'000)));
  EXPECT_EQ(spool.torn_bytes(), 0U);
  const auto all = spool.read({}, 1'000'000);
  ASSERT_TRUE(is_done(all));
  EXPECT_THAT(all->payloads, ElementsAre("one", "", std::string(1'000, 'x')));
  EXPECT_THAT(spool.read(all->end, 1'000'000)->payloads, IsEmpty());
  const auto first = spool.read({}, 1);
  EXPECT_THAT(first->payloads, ElementsAre("one"));
  EXPECT_THAT(spool.read(first->end, 1)->payloads, ElementsAre("", std::string(1'000, 'x')));
  EXPECT_TRUE(is_done(spool.clear()));
  EXPECT_TRUE(spool.empty());
  EXPECT_TRUE(is_done(spool.append({"two"})));
  EXPECT_THAT(spool.read(all->end, 100)->payloads, ElementsAre("two")) << "a place of another file";
}

TEST_F(AuditSpoolTest, ATornEndIsNotThereAtAnyByteP4) {
  {
    AuditSpool spool;
    ASSERT_TRUE(is_done(spool.open(path_, 1'000'000)));
    ASSERT_TRUE(is_done(spool.append({"first", "second"})));
  }
  const std::string whole = contents(path_);
  const std::size_t header = whole.find('\n') + 1, frame = 20;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    put(path_, whole.substr(0, size));
    AuditSpool spool;
    ASSERT_TRUE(is_done(spool.open(path_, 1'000'000))) << size;
    const std::size_t payloads = size >= whole.size() ? 2 : size >= header + frame + 5 ? 1 : 0;
    EXPECT_EQ(spool.read({}, 1'000)->payloads.size(), payloads) << size;
    ASSERT_TRUE(is_done(spool.append({"third"})));
    EXPECT_EQ(spool.read({}, 1'000)->payloads.back(), "third") << size;
  }
}

TEST_F(AuditSpoolTest, AChangedByteIsNotReadIn) {
  {
    AuditSpool spool;
    ASSERT_TRUE(is_done(spool.open(path_, 1'000'000)));
    ASSERT_TRUE(is_done(spool.append({"payload"})));
  }
  const std::string whole = contents(path_);
  for (std::size_t at = whole.find('\n') + 1; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    put(path_, changed);
    AuditSpool spool;
    ASSERT_TRUE(is_done(spool.open(path_, 1'000'000)));
    EXPECT_TRUE(spool.empty()) << at;
    EXPECT_GT(spool.torn_bytes(), 0U);
  }
  put(path_, std::string(200, 'x'));
  AuditSpool spool;
  EXPECT_EQ(code_of(spool.open(path_, 1'000'000)), "unwritable_file") << "somebody else's file";
}

TEST_F(AuditSpoolTest, IsBoundedFromBothSides) {
  AuditSpool spool;
  constexpr std::size_t kFrame = 20;
  ASSERT_TRUE(is_done(spool.open(path_, 2 * (kFrame + 10))));
  EXPECT_TRUE(is_done(spool.append({std::string(10, 'x')})));
  EXPECT_EQ(code_of(spool.append({std::string(11, 'x')})), "spool_full");
  EXPECT_TRUE(is_done(spool.append({std::string(10, 'x')})));
  EXPECT_EQ(code_of(spool.append({""})), "spool_full");
  EXPECT_EQ(spool.read({}, 1'000)->payloads.size(), 2U);
}

TEST(AuditEntry, ComesBackFromBytesAsItWas) {
  audit::Record record = blocked_record(5);
  record.integration = "int_1";
  record.review_id = "rev_1";
  AuditEntry entry(record, to_json_line(record));
  entry.extra->body = std::string("sealed\0bytes", 12);
  entry.extra->key_id = "key";
  entry.extra->level = audit::ContentLevel::Full;
  std::string bytes;
  entry.append_to(bytes);
  const auto back = AuditEntry::read_from(bytes);
  ASSERT_TRUE(is_done(back));
  EXPECT_EQ(back->line(), entry.line());
  EXPECT_EQ(back->usage_key(), entry.usage_key());
  EXPECT_EQ(back->run_id(), record.run_id);
  EXPECT_EQ(back->usage.blocked, 1);
  EXPECT_EQ(back->extra->body, entry.extra->body);
  ASSERT_EQ(back->extra->violations.size(), 1U);
  EXPECT_EQ(back->extra->violations[0].enforcement, "BLOCK");
  EXPECT_EQ(back->extra->violations[0].phase, "input");
  std::string again;
  back->append_to(again);
  EXPECT_EQ(again, bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(code_of(AuditEntry::read_from(std::string_view(bytes).substr(0, size))),
              "damaged_spool")
        << size;
  }
  EXPECT_EQ(code_of(AuditEntry::read_from(bytes + "x")), "damaged_spool");
}

TEST(AuditEntry, KeepsWhatEachDecisionDid) {
  for (const auto& [verdict, word] : {std::pair(policy::Verdict::Block, "BLOCK"),
                                      {policy::Verdict::Redact, "REDACT"},
                                      {policy::Verdict::Confirm, "APPROVAL_REQUIRED"},
                                      {policy::Verdict::Log, "WARN"},
                                      {policy::Verdict::Monitor, "MONITOR_ONLY"}}) {
    audit::Record record = blocked_record(1);
    record.decisions[0].verdict = verdict;
    std::string bytes;
    AuditEntry(record, to_json_line(record)).append_to(bytes);
    const auto back = AuditEntry::read_from(bytes);
    ASSERT_TRUE(is_done(back));
    ASSERT_EQ(back->extra->violations.size(), 1U);
    EXPECT_EQ(back->extra->violations[0].enforcement, word);
  }
}

TEST(AuditEntry, NamesFromOutsideAreCutAndCannotForgeOthers) {
  audit::Record record = allowed_record(1);
  record.model = std::string("model\0key", 9);
  record.user_id.assign(1'000, 'u');
  const AuditEntry entry(record, to_json_line(record));
  EXPECT_EQ(entry.model(), "model");
  EXPECT_EQ(entry.caller(), std::string(256, 'u'));
  EXPECT_EQ(entry.tenant(), "default");
}

TEST(AuditEntry, IsMarkedOnce) {
  const audit::Record record = blocked_record(1);
  AuditEntry entry(record, to_json_line(record));
  entry.mark_refused();
  entry.mark_refused();
  const std::string line(entry.line());
  EXPECT_EQ(line, to_json_line(record).substr(0, to_json_line(record).size() - 1) +
                      R"(,"answered":"audit_unavailable"})");
  EXPECT_EQ(entry.run_id(), record.run_id);
}

}  // namespace
}  // namespace capsem::store
