#include "server/store/violations.h"

#include "tests/unit/store/store_database.h"

namespace capsem::store {
namespace {

class Violations : public StoreDatabase {
 protected:
  void insert(std::string_view id, std::string_view status, std::int64_t time_ms = 1'000,
              std::string_view tenant = "default", std::string_view policy = "pii",
              std::string_view severity = "HIGH") {
    ASSERT_TRUE(is_done(connection_->run(
        "INSERT INTO violation (id, tenant_id, integration_id, run_id, review_id, policy, rule, "
        "rule_name, type, severity, message, enforcement, phase, field, time_ms, status, "
        "resolution, note, changed_by) VALUES ($1, $2, 'int-1', 'run-1', '', $3, 'r', 'r', 'pii', "
        "$4, 'm', 'WARN', 'input', 'content', $5, $6, '', '', '')",
        {id, tenant, policy, severity, time_ms, status})));
  }
  std::string ids(const ViolationFilter& filter) {
    const auto rows = list_violations(*connection_, filter);
    EXPECT_TRUE(is_done(rows));
    std::string text;
    for (const Violation& one : *rows) text += one.id + " ";
    return text;
  }
};
CAPSEM_ON_BOTH_DATABASES(Violations);

// R51: every state with every step.
TEST_P(Violations, GoFromNewOverAcknowledgedToTheirEnd) {
  using enum ViolationStep;
  struct Case {
    std::string_view from;
    ViolationStep step;
    std::string_view to;  // empty: refused
  };
  constexpr Case kCases[] = {
      {"NEW", Acknowledge, "ACKNOWLEDGED"},
      {"NEW", Resolve, ""},
      {"NEW", Dismiss, ""},
      {"ACKNOWLEDGED", Acknowledge, ""},
      {"ACKNOWLEDGED", Resolve, "RESOLVED"},
      {"ACKNOWLEDGED", Dismiss, "DISMISSED"},
      {"RESOLVED", Acknowledge, ""},
      {"RESOLVED", Resolve, ""},
      {"RESOLVED", Dismiss, ""},
      {"DISMISSED", Acknowledge, ""},
      {"DISMISSED", Resolve, ""},
      {"DISMISSED", Dismiss, ""},
  };
  int number = 0;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.from << " by step " << static_cast<int>(c.step));
    const std::string id = "v" + std::to_string(number++);
    insert(id, c.from);
    const auto moved = move_violation(*connection_, id, c.step, "fixed", "a note", "ann", 7'000);
    ASSERT_TRUE(is_done(moved));
    EXPECT_EQ(*moved, !c.to.empty());
    const auto now = find_violation(*connection_, id);
    ASSERT_TRUE(now && *now);
    EXPECT_EQ((*now)->status, c.to.empty() ? c.from : c.to);
    EXPECT_EQ((*now)->changed_by, c.to.empty() ? "" : "ann");
    EXPECT_EQ((*now)->changed_ms, c.to.empty() ? 0 : 7'000);
  }
  const auto none = move_violation(*connection_, "unknown", Acknowledge, "", "", "", 1);
  ASSERT_TRUE(is_done(none));
  EXPECT_FALSE(*none);
}

TEST_P(Violations, AreFilteredByWhatIsAsked) {
  insert("a", "NEW", 1'000);
  insert("b", "RESOLVED", 2'000, "default", "secrets");
  insert("c", "NEW", 3'000, "other");
  insert("d", "NEW", 3'000, "default", "pii", "LOW");
  EXPECT_EQ(ids({}), "d c b a ");
  EXPECT_EQ(ids({.tenant = "default"}), "d b a ");
  EXPECT_EQ(ids({.status = "NEW"}), "d c a ");
  EXPECT_EQ(ids({.severity = "LOW"}), "d ");
  EXPECT_EQ(ids({.policy = "secrets"}), "b ");
  EXPECT_EQ(ids({.run_id = "run-1"}), "d c b a ");
  EXPECT_EQ(ids({.run_id = "run-2"}), "");
  EXPECT_EQ(ids({.integration = "int-1", .from_ms = 2'000, .until_ms = 3'000}), "b ");
  EXPECT_EQ(ids({.enforcement = "BLOCK"}), "");
  EXPECT_EQ(ids({.limit = 2}), "d c ");
  EXPECT_EQ(ids({.limit = 2, .before_ms = 3'000, .before_id = "c"}), "b a ");
}

}  // namespace
}  // namespace capsem::store
