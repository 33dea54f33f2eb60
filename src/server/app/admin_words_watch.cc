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

void add_audit(std::vector<Word>& words) {
  words.push_back(
      {.noun = "runs",
       .verb = "list",
       .help = "evaluated exchanges, newest first",
       .method = "GET",
       .path = "/v1/runs",
       .fields = {filter("--integration", "integration", "of one integration"),
                  filter("--verdict", "verdict", "ALLOW, LOG, CONFIRM, BLOCK"),
                  filter("--since", "since", "from this moment on"),
                  filter("--until", "until", "up to this moment"), kTenantQuery, kLimit, kCursor},
       .columns = {{"RUN", "run_id"},
                   {"TIME", "time"},
                   {"MODEL", "model"},
                   {"VERDICT", "verdict"},
                   {"STATUS", "status"}}});
  words.push_back({.noun = "runs",
                   .verb = "show",
                   .help = "one run: its record, violations and review",
                   .method = "GET",
                   .path = "/v1/runs/{id}",
                   .positionals = {"id"}});
  words.push_back({.noun = "runs",
                   .verb = "content",
                   .help = "what its tenant's content level keeps of it",
                   .method = "GET",
                   .path = "/v1/runs/{id}/content",
                   .positionals = {"id"}});
  words.push_back({.noun = "records",
                   .verb = "list",
                   .help = "raw records of the audit",
                   .method = "GET",
                   .path = "/v1/records",
                   .fields = {filter("--since", "since", "from this moment on"),
                              filter("--until", "until", "up to this moment"),
                              filter("--kind", "kind", "exchange, opening, admin"), kTenantQuery,
                              kLimit, kCursor},
                   .columns = {{"SEGMENT", "segment"},
                               {"SEQ", "seq"},
                               {"KIND", "kind"},
                               {"TIME", "time"},
                               {"RUN", "run_id"}}});
  words.push_back({.noun = "audit",
                   .verb = "verify",
                   .help = "is the chain of records whole?",
                   .method = "GET",
                   .path = "/v1/audit/verify"});
  words.push_back(
      {.noun = "usage",
       .verb = "list",
       .help = "requests, tokens and cost by day, integration, caller and model",
       .method = "GET",
       .path = "/v1/usage",
       .fields = {filter("--since", "since", "from this day on"),
                  filter("--until", "until", "up to this day"), kTenantQuery, kLimit, kCursor},
       .columns = {{"DAY", "day"},
                   {"INTEGRATION", "integration_id"},
                   {"CALLER", "caller"},
                   {"MODEL", "model"},
                   {"REQUESTS", "requests"},
                   {"BLOCKED", "blocked"},
                   {"HELD", "held"},
                   {"INPUT", "input_tokens"},
                   {"OUTPUT", "output_tokens"}}});
}

}  // namespace

void add_watch_words(std::vector<Word>& words) {
  add_reviews(words);
  add_violations(words);
  add_audit(words);
}

}  // namespace capsem::app
