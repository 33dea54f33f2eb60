#include "core/detect/secrets_url.h"

#include <algorithm>
#include <array>

#include "core/detect/chars.h"
#include "core/detect/secrets_families.h"
#include "core/detect/secrets_quality.h"

namespace capsem::detect::secrets {
namespace {

constexpr std::size_t kSchemeMax = 20;
constexpr std::size_t kUserMax = 64;
constexpr std::size_t kPasswordMax = 96;
constexpr std::size_t kPasswordMin = 3;

constexpr auto kDatabases = std::to_array<std::string_view>(
    {"postgres",   "postgresql",  "mysql",       "mariadb",   "mongodb", "mongodb+srv",
     "redis",      "rediss",      "amqp",        "amqps",     "mssql",   "sqlserver",
     "clickhouse", "cockroachdb", "oracle",      "cassandra", "neo4j",   "bolt",
     "couchdb",    "couchbase",   "influxdb",    "kafka",     "nats",    "elasticsearch",
     "rabbitmq",   "postgis",     "timescaledb", "mysqlx",    "mysql2",  "db2",
     "ldap",       "ldaps"});

std::string_view scheme_before(std::string_view text, std::size_t colon) {
  const std::size_t floor = colon > kSchemeMax ? colon - kSchemeMax : 0;
  std::size_t begin = colon;
  while (begin > floor && (is_alnum(text[begin - 1]) || text[begin - 1] == '+')) --begin;
  return text.substr(begin, colon - begin);
}

bool is_database(std::string_view scheme) {
  // "postgresql+psycopg2" is a driver's name for it.
  const std::string_view base = scheme.substr(0, scheme.find('+'));
  const auto same = [&](std::string_view name) { return name == scheme || name == base; };
  return std::any_of(kDatabases.begin(), kDatabases.end(), same);
}

bool ends_authority(char c) {
  return static_cast<unsigned char>(c) <= ' ' ||
         std::string_view("/\"'`<>?#\\,;(){}|").find(c) != std::string_view::npos;
}

}  // namespace

void look_at_url(Probe& probe, std::size_t colon, Hits& hits) {
  const std::string_view scheme = scheme_before(probe.text(), colon);
  if (scheme.size() < 2) return;
  const std::size_t user = colon + 3;
  std::size_t i = user;
  while (i < user + kUserMax && probe.at(i) != ':' && probe.at(i) != '@' &&
         !ends_authority(probe.at(i))) {
    ++i;
  }
  if (probe.at(i) != ':' || probe.asked_for_more()) return;
  const std::size_t begin = i + 1;
  // A password may hold '@': the last one before the host's end counts.
  std::size_t at = 0;
  const bool braces = probe.at(begin) == '$' || probe.at(begin) == '{' || probe.at(begin) == '<';
  for (i = begin; i < begin + kPasswordMax && !ends_authority(probe.at(i)); ++i) {
    if (probe.at(i) == '@') at = i;
  }
  std::optional<Hit> hit;
  if (at != 0 && !braces && (is_alnum(probe.at(at + 1)) || probe.at(at + 1) == '[')) {
    const std::string_view password = probe.slice(begin, at);
    const Likeness likely = likeness(password);
    const bool variable = likeness(probe.slice(user, begin - 1)) == Likeness::Placeholder;
    if (password.size() >= kPasswordMin && likely != Likeness::Placeholder && !variable) {
      const bool stand_in = likely == Likeness::Sample || is_stop_word(password) ||
                            password == probe.slice(user, begin - 1);
      const StructuralKinds& kinds = structural_kinds();
      hit = Hit{is_database(scheme) ? kinds.database_url : kinds.url_password, begin, at,
                stand_in ? kSampleScore : 0.85F};
    }
  }
  hits.settle(probe, begin, hit);
}

namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::size_t kLabelMax = 40;
constexpr std::size_t kBodyLook = 240;  // how far behind the label key material must begin
constexpr std::size_t kBodyMin = 40;    // bytes of it that are enough

bool is_base64(char c) {
  return is_alnum(c) || c == '+' || c == '/' || c == '=';
}

// A line break, as it is or escaped in a string, and what strings put around it.
std::size_t skip_breaks(Probe& probe, std::size_t i, std::size_t limit) {
  for (; i < limit; ++i) {
    const char c = probe.at(i);
    const bool escape =
        c == '\\' && std::string_view("nrt\\\"").find(probe.at(i + 1)) != std::string_view::npos;
    if (escape) {
      ++i;
    } else if (std::string_view(" \t\r\n\"'+,>|;`.").find(c) == std::string_view::npos) {
      break;
    }
  }
  return i;
}

// Key material follows: lines of base64, perhaps behind headers such as "Proc-Type: 4,ENCRYPTED".
bool body_follows(Probe& probe, std::size_t i) {
  const std::size_t limit = i + kBodyLook;
  std::size_t material = 0;
  while (i < limit) {
    i = skip_breaks(probe, i, limit);
    const std::size_t begin = i;
    while (i < limit && is_base64(probe.at(i))) ++i;
    const char next = probe.at(i);
    if (next == ':' || next == '-') {
      if (probe.at(i + 1) == '-') return false;  // "-----END" already
      // A header: to the end of its line.
      while (i < limit && probe.at(i) != '\n' && probe.at(i) != '\\' && probe.at(i) != '\0') ++i;
      continue;
    }
    if (i == begin) return false;
    material += i - begin;
    if (material >= kBodyMin) return true;
  }
  return false;
}

}  // namespace

std::optional<Hit> match_pem(Probe& probe, std::size_t p) {
  if (!probe.stands_at(p, kBegin)) return std::nullopt;
  std::size_t i = p + kBegin.size();
  const std::size_t label = i;
  while (i < label + kLabelMax &&
         (is_upper(probe.at(i)) || is_digit(probe.at(i)) || probe.at(i) == ' ')) {
    ++i;
  }
  if (!probe.stands_at(i, "-----")) return std::nullopt;
  if (probe.slice(label, i).find("PRIVATE KEY") == std::string_view::npos) return std::nullopt;
  i += 5;
  if (!body_follows(probe, i)) return std::nullopt;
  return Hit{structural_kinds().private_key, p, i, 1.0F, Tail::PemBlock};
}

std::optional<Hit> match_putty(Probe& probe, std::size_t p) {
  constexpr std::string_view kLabel = "PuTTY-User-Key-File-";
  if (!probe.stands_at(p, kLabel)) return std::nullopt;
  const std::size_t version = p + kLabel.size();
  if (!is_digit(probe.at(version)) || !probe.stands_at(version + 1, ": ")) return std::nullopt;
  return Hit{structural_kinds().private_key, p, version + 2, 1.0F, Tail::PemBlock};
}

}  // namespace capsem::detect::secrets
