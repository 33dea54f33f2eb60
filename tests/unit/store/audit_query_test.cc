#include "server/store/audit_query.h"

#include "server/vault/vault.h"
#include "tests/unit/store/audit_fixture.h"

namespace capsem::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::int64_t kMinuteMs = 60'000, kStart = 1'795'000'000'000;

class AuditQueryTest : public AuditDatabase {
 protected:
  void SetUp() override {
    AuditDatabase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    AuditWriterOptions small = options();
    small.segment_records_max = 10;
    AuditWriterOptions other = small;
    other.gateway = "two";
    one_ = start(small);
    two_ = start(other);
  }
  // A record a minute: the even ones through one gateway, the odd ones through the other.
  void write(int from, int until) {
    for (int i = from; i < until; ++i) {
      audit::Record record =
          i % 5 == 0 ? blocked_record(i, time_of(i)) : allowed_record(i, time_of(i));
      record.integration = i % 3 == 0 ? "int_a" : "";
      record.key_id = i % 3 == 0 ? "key_a" : "";
      record.tenant = i % 7 == 0 ? "acme" : "default";
      record.agent = i == 11 ? "\"quoted\" agent" : "agent";
      record.evaluated = i % 2 == 0;
      (i % 2 == 0 ? one_ : two_)->write(record);
    }
    ASSERT_TRUE(one_->flush(kLongMs) && two_->flush(kLongMs));
  }
  static std::int64_t time_of(int number) { return kStart + number * kMinuteMs; }
  static int number_of(const AuditRow& row) {
    return std::stoi(row.run_id.substr(24), nullptr, 16);
  }

  AuditPage page(const AuditFilter& filter) {
    auto page = query_records(*connection_, filter);
    EXPECT_TRUE(is_done(page));
    return page ? std::move(*page) : AuditPage{};
  }
  std::vector<int> all(AuditFilter filter) {
    std::vector<int> numbers;
    for (int pages = 0; pages < 1'000; ++pages) {
      const AuditPage next = page(filter);
      for (const AuditRow& row : next.rows) numbers.push_back(number_of(row));
      if (next.next.empty()) return numbers;
      filter.cursor = next.next;
    }
    ADD_FAILURE() << "pages without end";
    return numbers;
  }

  std::unique_ptr<AuditWriter> one_, two_;
};
CAPSEM_ON_BOTH_DATABASES(AuditQueryTest);

TEST_P(AuditQueryTest, PagesOfAnySizeGiveEveryRecordOnceInOrder) {
  write(0, 53);
  std::vector<int> up(53), down;
  for (int i = 0; i < 53; ++i) up[static_cast<std::size_t>(i)] = i;
  down.assign(up.rbegin(), up.rend());
  for (const std::uint32_t limit : {1U, 7U, 10U, 52U, 53U, 54U, 1'000U}) {
    EXPECT_EQ(all({.newest_first = true, .limit = limit}), down) << limit;
    EXPECT_EQ(all({.newest_first = false, .limit = limit}), up) << limit;
    EXPECT_EQ(all({.limit = 1'000, .scan_max = limit}), down) << limit;
  }
  EXPECT_TRUE(page({.limit = 1'000}).complete);
  EXPECT_FALSE(page({.limit = 1'000, .scan_max = 52}).complete);
}

TEST_P(AuditQueryTest, FiltersNarrow) {
  write(0, 40);
  const auto expect = [&](const char* name, AuditFilter filter, auto wanted) {
    std::vector<int> numbers;
    for (int i = 39; i >= 0; --i) {
      if (wanted(i)) numbers.push_back(i);
    }
    EXPECT_EQ(all(std::move(filter)), numbers) << name;
  };
  expect("tenant", {.tenant = "acme"}, [](int i) { return i % 7 == 0; });
  expect("integration", {.integration = "int_a"}, [](int i) { return i % 3 == 0; });
  expect("key", {.caller = "key_a"}, [](int i) { return i % 3 == 0; });
  expect("user", {.caller = "0011223344556677"}, [](int) { return true; });
  expect("verdict", {.verdict = "block"}, [](int i) { return i % 5 == 0; });
  expect("outcome", {.outcome = "complete"}, [](int i) { return i % 5 != 0; });
  expect("agent", {.agent = "\"quoted\" agent"}, [](int i) { return i == 11; });
  expect("model", {.model = "gpt-5-nano"}, [](int) { return true; });
  expect("not a model", {.model = "complete"}, [](int) { return false; });
  expect("runs", {.runs_only = true}, [](int i) { return i % 2 == 0; });
  expect("kind", {.kind = "opening"}, [](int) { return false; });
  expect("from", {.from_ms = time_of(10)}, [](int i) { return i >= 10; });
  expect("until", {.until_ms = time_of(10)}, [](int i) { return i < 10; });
  expect("together",
         {.from_ms = time_of(5), .until_ms = time_of(30), .tenant = "acme", .verdict = "ALLOW"},
         [](int i) { return i >= 5 && i < 30 && i % 7 == 0 && i % 5 != 0; });
}

TEST_P(AuditQueryTest, CursorsOfOtherListsAreRefused) {
  write(0, 5);
  for (const char* bad : {"x", "n.", "n.nowhere:1", "o.nowhere:1", "n.a", "n..", "n.a:b"}) {
    EXPECT_EQ(code_of(query_records(*connection_, {.cursor = bad})), "invalid_cursor") << bad;
  }
  const AuditPage first = page({.limit = 2});
  EXPECT_EQ(code_of(query_records(*connection_, {.newest_first = false, .cursor = first.next})),
            "invalid_cursor");
}

TEST_P(AuditQueryTest, FollowingGivesWhatHasComeSince) {
  write(0, 12);
  auto page = follow_records(*connection_, {});
  ASSERT_TRUE(is_done(page));
  EXPECT_THAT(page->rows, IsEmpty());
  std::vector<int> seen;
  for (int round = 0; round < 4; ++round) {
    write(12 + round * 15, 12 + (round + 1) * 15);
    for (int pages = 0; pages < 20; ++pages) {
      page = follow_records(*connection_, {.limit = 4, .cursor = page->next});
      ASSERT_TRUE(is_done(page));
      ASSERT_FALSE(page->next.empty());
      for (const AuditRow& row : page->rows) seen.push_back(number_of(row));
    }
  }
  std::vector<int> expected;
  for (int i = 12; i < 72; ++i) expected.push_back(i);
  EXPECT_EQ(seen, expected);
}

TEST_P(AuditQueryTest, ARunIsFoundByItsIdAndByItsTenantAloneT21) {
  audit::Record opening = allowed_record(7, kStart);
  opening.kind = audit::RecordKind::Opening;
  opening.tenant = "acme";
  one_->write(opening);
  for (int i = 100; i < 125; ++i) one_->write(allowed_record(i, kStart));
  audit::Record exchange = allowed_record(7, kStart);
  exchange.tenant = "acme";
  one_->write(exchange);
  one_->write(allowed_record(8, kStart));
  ASSERT_TRUE(one_->flush(kLongMs));
  const std::string id = run_id_of(kStart, 7);
  auto rows = records_of_run(*connection_, id);
  ASSERT_TRUE(is_done(rows));
  ASSERT_THAT(*rows, SizeIs(2));
  EXPECT_EQ((*rows)[0].kind, "opening");
  EXPECT_EQ((*rows)[1].kind, "exchange");
  EXPECT_THAT(*records_of_run(*connection_, id, "acme"), SizeIs(2));
  EXPECT_THAT(*records_of_run(*connection_, id, "other"), IsEmpty());
  EXPECT_THAT(*records_of_run(*connection_, run_id_of(kStart, 9)), IsEmpty());
  EXPECT_THAT(*records_of_run(*connection_, "' OR 1=1 --"), IsEmpty());
}

class AuditContentTest : public AuditDatabase {
 protected:
  AuditContent keep(audit::ContentLevel level, const vault::Vault& vault,
                    AuditContentParts parts = {}, std::uint64_t bytes_max = 1'000) {
    parts.vault = &vault;
    AuditWriterOptions small = options();
    small.content_bytes_max = bytes_max;
    auto writer = start(small, std::move(parts));
    audit::Record record = allowed_record(++number_);
    record.content = level;
    record.texts.resize(2);
    record.texts[0].text = text_;
    record.texts[1].point = event::Point::ModelOutput;
    record.texts[1].phase = event::Phase::Response;
    record.texts[1].text = "no";
    writer->write(record);
    EXPECT_TRUE(writer->flush(kLongMs));
    const auto content = content_of_run(*connection_, record.run_id, "default");
    EXPECT_TRUE(is_done(content));
    EXPECT_FALSE(content_of_run(*connection_, record.run_id, "other")->has_value());
    return content && *content ? **content : AuditContent{};
  }
  std::string text_ = "mail me at alice@example.com";
  int number_ = 0;
};
CAPSEM_ON_BOTH_DATABASES(AuditContentTest);

std::vector<Secret> one_key() {
  std::vector<Secret> keys;
  keys.push_back(vault::make_master_key());
  return keys;
}

TEST_P(AuditContentTest, IsKeptByTheTenantsLevelT35) {
  const vault::Vault vault{one_key()};
  AuditContentParts parts{.mask = make_content_mask()};
  EXPECT_EQ(keep(audit::ContentLevel::None, vault, parts).body, "");

  const auto opened = [&](audit::ContentLevel level) {
    const AuditContent content = keep(level, vault, parts);
    EXPECT_EQ(content.key_id, vault.key_id());
    EXPECT_THAT(content.body, Not(HasSubstr("mail me")));
    const auto text = open_content(content, vault);
    EXPECT_TRUE(is_done(text));
    return text.value_or("");
  };
  const std::string hash = opened(audit::ContentLevel::Hash);
  EXPECT_THAT(hash, HasSubstr(R"({"level":"hash","texts":[{"point":"prompt","phase":"request",)"
                              R"("digest":")"));
  EXPECT_THAT(hash, Not(HasSubstr("alice")));
  EXPECT_EQ(opened(audit::ContentLevel::Redacted),
            R"({"level":"redacted","texts":[{"point":"prompt","phase":"request",)"
            R"("text":"mail me at [EMAIL_ADDRESS]"},{"point":"model_output","phase":"response",)"
            R"("text":"no"}],"left_out_bytes":0})");
  EXPECT_THAT(opened(audit::ContentLevel::Full), HasSubstr("alice@example.com"));
}

TEST_P(AuditContentTest, AtRedactedHoldsNoSecretT35) {
  const vault::Vault none;
  text_ = "-----BEGIN PRIVATE KEY-----\nMIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAKx7\n" +
          std::string(600, 'Q') + "\n-----END PRIVATE KEY-----\nis mine";
  EXPECT_THAT(keep(audit::ContentLevel::Redacted, none, {.mask = make_content_mask()}).body,
              HasSubstr(R"("text":"[SECRET:private-key]\nis mine")"));
}

TEST_P(AuditContentTest, WithoutAKeyItIsNotSealedAndWithoutAMaskItIsHashed) {
  const vault::Vault none;
  const AuditContent full = keep(audit::ContentLevel::Full, none);
  EXPECT_EQ(full.key_id, "");
  EXPECT_THAT(full.body, HasSubstr("alice@example.com"));
  EXPECT_EQ(*open_content(full, none), full.body);
  EXPECT_EQ(keep(audit::ContentLevel::Redacted, none).level, "hash");
}

TEST_P(AuditContentTest, HasABoundFromBothSides) {
  const vault::Vault none;
  const std::string text = "mail me at alice@example.com";
  EXPECT_THAT(keep(audit::ContentLevel::Full, none, {}, text.size() + 2).body,
              HasSubstr(R"("left_out_bytes":0)"));
  const AuditContent cut = keep(audit::ContentLevel::Full, none, {}, text.size() + 1);
  EXPECT_THAT(cut.body, HasSubstr(R"("text":"n"}],"left_out_bytes":1)"));
}

}  // namespace
}  // namespace capsem::store
