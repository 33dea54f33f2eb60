#include "server/app/admin_fields.h"

namespace capsem::app {
namespace {

void add_reviews(std::vector<Word>& words) {
  words.push_back(
      {.noun = "reviews",
       .verb = "list",
       .help = "what waits for a person, and what became of it",
       .method = "GET",
       .path = "/v1/reviews",
       .fields = {filter("--status", "status", "PENDING, APPROVED, REJECTED, ..."),
                  filter("--integration", "integration", "of one integration"),
                  filter("--run", "run_id", "of one run"), kTenantQuery, kLimit, kCursor},
       .columns = {{"ID", "id"},
                   {"STATUS", "status"},
                   {"PHASE", "phase"},
                   {"AGENT", "agent"},
                   {"MODEL", "model"},
                   {"ATTACHED", "attached"},
                   {"EXPIRES", "expires_at"}}});
  words.push_back({.noun = "reviews",
                   .verb = "show",
                   .help = "one review with its violations",
                   .method = "GET",
                   .path = "/v1/reviews/{id}",
                   .positionals = {"id"}});
  words.push_back({.noun = "reviews",
                   .verb = "approve",
                   .help = "the held request may be sent again, once",
                   .method = "POST",
                   .path = "/v1/reviews/{id}/approve",
                   .positionals = {"id"},
                   .fields = {kNote}});
  words.push_back({.noun = "reviews",
                   .verb = "reject",
                   .help = "the held request may not",
                   .method = "POST",
                   .path = "/v1/reviews/{id}/reject",
                   .positionals = {"id"},
                   .fields = {kNote}});
}

void add_violations(std::vector<Word>& words) {
  words.push_back(
      {.noun = "violations",
       .verb = "list",
       .help = "what policies found",
       .method = "GET",
       .path = "/v1/violations",
       .fields = {filter("--status", "status", "NEW, ACKNOWLEDGED, RESOLVED, DISMISSED"),
                  filter("--severity", "severity", "critical, high, ..."),
                  filter("--enforcement", "enforcement", "BLOCK, WARN, ..."),
                  filter("--integration", "integration", "of one integration"),
                  filter("--policy", "policy", "of one policy"),
                  filter("--run", "run_id", "of one run"),
                  filter("--from", "from", "from this moment on"),
                  filter("--until", "until", "up to this moment"), kTenantQuery, kLimit, kCursor},
       .columns = {{"ID", "id"},
                   {"STATUS", "status"},
                   {"SEVERITY", "severity"},
                   {"ENFORCEMENT", "enforcement"},
                   {"POLICY", "policy"},
                   {"RULE", "rule"},
                   {"RUN", "run_id"}}});
  words.push_back({.noun = "violations",
                   .verb = "show",
                   .help = "one violation",
                   .method = "GET",
                   .path = "/v1/violations/{id}",
                   .positionals = {"id"}});
  const Field resolution{.flag = "--type",
                         .member = "type",
                         .help = "how: fixed, policy_changed, accepted, ...",
                         .required = true};
  const Field reason{
      .flag = "--reason", .member = "reason", .help = "why; is kept", .required = true};
  words.push_back({.noun = "violations",
                   .verb = "acknowledge",
                   .help = "somebody looks at it",
                   .method = "POST",
                   .path = "/v1/violations/{id}/acknowledge",
                   .positionals = {"id"}});
  words.push_back({.noun = "violations",
                   .verb = "resolve",
                   .help = "it is dealt with",
                   .method = "POST",
                   .path = "/v1/violations/{id}/resolve",
                   .positionals = {"id"},
                   .fields = {resolution, kNote}});
  words.push_back({.noun = "violations",
                   .verb = "dismiss",
                   .help = "it was none",
                   .method = "POST",
                   .path = "/v1/violations/{id}/dismiss",
                   .positionals = {"id"},
                   .fields = {reason}});
}

// What exchanges can be chosen by.
std::vector<Field> exchange_filters(std::vector<Field> fields) {
  fields.insert(
      fields.end(),
      {filter("--from", "from", "2026-01-31T00:00:00Z: from this moment on"),
       filter("--until", "until", "up to this moment"),
       filter("--integration", "integration", "through one integration"),
       filter("--caller", "caller", "by one key's id or user id"),
       filter("--agent", "agent", "by one agent"), filter("--model", "model", "of one"),
       filter("--provider", "provider", "openai, gemini or anthropic"),
       filter("--verdict", "verdict", "ALLOW, LOG, CONFIRM, BLOCK"),
       filter("--outcome", "outcome", "complete, blocked, ..."), kTenantQuery, kLimit, kCursor});
  return fields;
}

void add_audit(std::vector<Word>& words) {
  words.push_back({.noun = "runs",
                   .verb = "list",
                   .help = "evaluated exchanges, newest first",
                   .method = "GET",
                   .path = "/v1/runs",
                   .fields = exchange_filters({}),
                   .columns = {{"TIME", "time"},
                               {"RUN", "record.run_id"},
                               {"MODEL", "record.model"},
                               {"VERDICT", "record.verdict"},
                               {"STATUS", "record.status"},
                               {"TENANT", "tenant"}}});
  words.push_back({.noun = "runs",
                   .verb = "show",
                   .help = "one run: its records",
                   .method = "GET",
                   .path = "/v1/runs/{id}",
                   .positionals = {"id"}});
  words.push_back({.noun = "runs",
                   .verb = "content",
                   .help = "what its tenant's content level keeps of it",
                   .method = "GET",
                   .path = "/v1/runs/{id}/content",
                   .positionals = {"id"}});
  words.push_back(
      {.noun = "records",
       .verb = "list",
       .help = "raw records of the audit",
       .method = "GET",
       .path = "/v1/records",
       .fields = exchange_filters({filter("--kind", "kind", "exchange, opening, admin")}),
       .columns = {{"SEGMENT", "segment"},
                   {"SEQ", "seq"},
                   {"KIND", "kind"},
                   {"TIME", "time"},
                   {"RUN", "record.run_id"}}});
  words.push_back({.noun = "audit",
                   .verb = "verify",
                   .help = "is the chain of records whole? exit status 1 when it is not",
                   .method = "GET",
                   .path = "/v1/audit/verify",
                   .fields = {filter("--anchor", "anchor", "a head's digest noted earlier")},
                   .must_hold = "sound"});
  words.push_back(
      {.noun = "usage",
       .verb = "list",
       .help = "requests, tokens and cost",
       .method = "GET",
       .path = "/v1/usage",
       .fields = {filter("--by", "by", "day,integration,caller,model: rows of these [day]"),
                  filter("--from", "from", "2026-01-31: from this day on"),
                  filter("--until", "until", "up to this day"),
                  filter("--integration", "integration", "of one integration"),
                  filter("--caller", "caller", "of one caller"),
                  filter("--model", "model", "of one model"), kTenantQuery},
       .columns = {{"DAY", "day"},
                   {"INTEGRATION", "integration"},
                   {"CALLER", "caller"},
                   {"MODEL", "model"},
                   {"REQUESTS", "requests"},
                   {"EVALUATIONS", "evaluations"},
                   {"BLOCKED", "blocked"},
                   {"HELD", "held"},
                   {"INPUT", "input_tokens"},
                   {"OUTPUT", "output_tokens"},
                   {"NANO-USD", "cost_nano"}}});
}

}  // namespace

void add_watch_words(std::vector<Word>& words) {
  add_reviews(words);
  add_violations(words);
  add_audit(words);
}

}  // namespace capsem::app
