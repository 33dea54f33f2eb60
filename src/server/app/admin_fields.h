// Fields that several rows have.
#pragma once

#include "server/app/admin_words.h"

namespace capsem::app {

inline constexpr Field kTenantField{.flag = "--tenant", .member = "tenant", .help = "whose it is"};
inline constexpr Field kTenantQuery{
    .flag = "--tenant", .member = "tenant", .help = "only this tenant's", .in = In::Query};
inline constexpr Field kLimit{.flag = "--limit",
                              .member = "limit",
                              .help = "rows of one page",
                              .kind = Kind::Number,
                              .in = In::Query};
inline constexpr Field kCursor{
    .flag = "--cursor", .member = "cursor", .help = "the page that begins here", .in = In::Query};
inline constexpr Field kName{
    .flag = "--name", .member = "name", .help = "for people", .required = true};
inline constexpr Field kNote{.flag = "--note", .member = "note", .help = "why; is kept"};
inline constexpr Field kQuota{.flag = "--evaluations-per-month",
                              .member = "evaluations_per_month",
                              .help = "evaluated requests a month; more: 429",
                              .kind = Kind::Number};
inline constexpr Field kExpires{
    .flag = "--expires-at", .member = "expires_at", .help = "2030-01-31T00:00:00Z; without: never"};

inline Field filter(std::string_view flag, std::string_view member, std::string_view help) {
  return {.flag = flag, .member = member, .help = help, .in = In::Query};
}

// The rows, by what they are about.
void add_object_words(std::vector<Word>& words);  // integrations, keys, secrets, bindings, policies
void add_watch_words(std::vector<Word>& words);   // reviews, violations, runs, records, usage
void add_house_words(std::vector<Word>& words);   // status, tenants, tokens, vault

}  // namespace capsem::app
