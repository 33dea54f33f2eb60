#include "server/store/directory_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "core/base/sha256.h"
#include "core/wire/json.h"
#include "server/store/meta.h"
#include "server/store/rows.h"

namespace capsem::store {
namespace {

using policy::BoundPolicy;
using policy::LimitPolicy;
using policy::ListsPolicy;
using policy::MadePolicy;

// What is digested, every part behind its length.
class Digest {
 public:
  void add(std::string_view part) {
    text_ += fmt::format("{}:", part.size());
    text_ += part;
  }
  void add(const std::vector<std::string>& parts) {
    text_ += fmt::format("{}[", parts.size());
    for (const std::string& part : parts) add(part);
  }
  std::string take() const { return sha256_hex(text_); }

 private:
  std::string text_;
};

struct LimitName {
  std::string_view name;
  std::uint64_t LimitPolicy::* member;
};
constexpr LimitName kLimitNames[] = {
    {"requests_per_minute", &LimitPolicy::requests_per_minute},
    {"requests_per_hour", &LimitPolicy::requests_per_hour},
    {"requests_per_day", &LimitPolicy::requests_per_day},
    {"evaluations_per_month", &LimitPolicy::evaluations_per_month},
    {"tokens_per_minute", &LimitPolicy::tokens_per_minute},
    {"tokens_per_hour", &LimitPolicy::tokens_per_hour},
    {"tokens_per_day", &LimitPolicy::tokens_per_day},
    {"concurrent_requests", &LimitPolicy::concurrent_requests},
    {"cost_micros_per_hour", &LimitPolicy::cost_micros_per_hour},
    {"cost_micros_per_day", &LimitPolicy::cost_micros_per_day},
    {"cost_micros_per_month", &LimitPolicy::cost_micros_per_month},
};

// False: a row that nobody of ours wrote.
bool read_limits(std::string_view json, LimitPolicy& limits, bool& any) {
  std::string padded(json);
  padded.reserve(json.size() + wire::JsonReader::kPadding);
  wire::JsonReader reader;
  if (!reader.parse(padded) || reader.nodes()[0].kind != wire::JsonKind::Object) return false;
  const auto nodes = reader.nodes();
  for (std::size_t i = 1; i < nodes.size(); i = nodes[i].next) {
    const auto known = std::ranges::find(kLimitNames, nodes[i].key, &LimitName::name);
    std::uint64_t amount = 0;
    const std::string_view text = nodes[i].text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
    if (known == std::end(kLimitNames) || error != std::errc() ||
        end != text.data() + text.size()) {
      return false;
    }
    limits.*(known->member) = amount;
    any = any || amount != 0;
  }
  return true;
}

class Reader {
  using Step = Status (Reader::*)();

 public:
  Reader(sql::Connection& connection, const ReadOptions& options)
      : connection_(connection), options_(options) {}

  Result<DirectoryReading> read() {
    reading_.contents.sealed = options_.vault == nullptr;
    auto pepper = pepper_of(connection_);
    if (!pepper) return std::unexpected(pepper.error());
    reading_.contents.pepper = std::move(*pepper);
    for (const Step step :
         {&Reader::read_tenants, &Reader::read_secrets, &Reader::read_integrations,
          &Reader::read_keys, &Reader::read_bindings, &Reader::read_files}) {
      if (Status done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    make_quotas();
    watch_keys();
    finish();
    return std::move(reading_);
  }

 private:
  Status rows(std::string_view statement, const sql::OnRow& on_row) {
    const auto run = connection_.run(statement, {}, on_row);
    if (!run) return std::unexpected(run.error());
    return {};
  }
  void problem(std::string code, std::string detail, std::string_view tenant = {}) {
    reading_.problems.push_back({std::move(code), std::move(detail), std::string(tenant)});
  }

  Status read_tenants() {
    return rows("SELECT id, name, content_level, evaluations_per_month FROM tenant ORDER BY id",
                [this](const sql::Row& row) {
                  tenant::Tenant one{.id = std::string(row.text(0)),
                                     .name = std::string(row.text(1))};
                  const auto level = tenant::content_level_from(row.text(2));
                  if (!level) {
                    problem("damaged_row",
                            fmt::format("tenant {}: content level unknown, none is kept", one.id));
                  }
                  one.content = level.value_or(tenant::ContentLevel::None);
                  one.evaluations_per_month = number_or_none(row, 3);
                  digest_.add(one.id);
                  digest_.add(fmt::format("{}", one.evaluations_per_month.value_or(UINT64_MAX)));
                  reading_.contents.tenants.push_back(std::move(one));
                });
  }

  Status read_secrets() {
    return rows("SELECT id, tenant_id, name, provider, blob FROM secret ORDER BY created_ms, id",
                [this](const sql::Row& row) {
                  if (options_.vault == nullptr) return;
                  const std::string id(row.text(0));
                  auto opened = options_.vault->open(
                      row.blob(4), {.tenant = row.text(1), .provider = row.text(3), .row = id});
                  if (!opened) {
                    return problem(
                        opened.error().code,
                        fmt::format("secret '{}' ({}) does not open; integrations that use it "
                                    "answer 503",
                                    row.text(2), id),
                        row.text(1));
                  }
                  digest_.add(id);
                  digest_.add(row.text(2));
                  digest_.add(row.blob(4));
                  secrets_.emplace(id, opened->clone());
                  if (opened->reveal().size() < kWatchedBytesMin) return;
                  watched_.push_back(std::make_shared<const policy::OwnKey>(
                      policy::OwnKey{std::string(row.text(2)), std::move(*opened)}));
                });
  }

  Status read_integrations() {
    return rows(
        "SELECT id, tenant_id, name, provider, secret_id, base_url, allow_private, "
        "evaluations_per_month, state FROM integration ORDER BY id",
        [this](const sql::Row& row) {
          tenant::Integration one{.id = std::string(row.text(0)),
                                  .name = std::string(row.text(2)),
                                  .tenant = std::string(row.text(1)),
                                  .provider = std::string(row.text(3)),
                                  .base_url = std::string(row.text(5)),
                                  .allow_private = row.number(6) != 0,
                                  .active = row.text(8) == "active",
                                  .evaluations_per_month = number_or_none(row, 7)};
          if (const auto key = secrets_.find(row.text(4)); key != secrets_.end()) {
            one.provider_key = key->second.clone();
          }
          digest_.add(one.id);
          digest_.add(one.tenant);
          digest_.add(fmt::format("{}", one.evaluations_per_month.value_or(UINT64_MAX)));
          tenant_of_.emplace(one.id, one.tenant);
          reading_.contents.integrations.push_back(std::move(one));
        });
  }

  Status read_keys() {
    // Expired ones are left out here, not by the statement: what the next one is has to be known.
    return rows(
        "SELECT id, tenant_id, integration_id, name, prefix, mac, agents, models, policies, "
        "limits, expires_ms FROM gateway_key WHERE revoked_ms IS NULL ORDER BY id",
        [this](const sql::Row& row) { read_key(row); });
  }

  void read_key(const sql::Row& row) {
    const std::int64_t expires = row.is_null(10) ? 0 : row.number(10);
    if (expires != 0 && expires <= options_.wall_ms) return;
    const std::string id(row.text(0)), name(row.text(3));
    tenant::Mac mac{};
    auto agents = from_json_list(row.text(6)), models = from_json_list(row.text(7)),
         policies = from_json_list(row.text(8));
    LimitPolicy limits;
    limits.head = head_of_made("key/" + id + "/limits", "key " + name);
    bool limited = false;
    auto globs = policy::GlobList::compile(agents.value_or(std::vector<std::string>()));
    const bool sound = row.blob(5).size() == mac.size() && agents && models && policies && globs &&
                       sound_globs(*models) && sound_globs(*policies) &&
                       read_limits(row.text(9), limits, limited);
    // A restriction that cannot be read must not be taken for none.
    if (!sound) {
      return problem("damaged_row", fmt::format("key {}: its row is damaged, it is refused", id));
    }
    std::memcpy(mac.data(), row.blob(5).data(), mac.size());
    if (expires != 0 && (reading_.next_expiry_ms == 0 || expires < reading_.next_expiry_ms)) {
      reading_.next_expiry_ms = expires;
    }
    reading_.contents.keys.emplace_back(mac, tenant::Key{.id = id,
                                                         .name = name,
                                                         .prefix = std::string(row.text(4)),
                                                         .integration = std::string(row.text(2)),
                                                         .expires_ms = expires,
                                                         .agents = std::move(*globs)});
    if (agents->empty() && models->empty() && policies->empty() && !limited) return;
    reading_.restricted.insert(id);
    for (const std::string_view part : {std::string_view(id), row.text(1), row.text(3), row.text(6),
                                        row.text(7), row.text(8), row.text(9)}) {
      digest_.add(part);
    }
    restrict_key(id, name, *models, limited, std::move(limits));
    inputs_->assignments.keys.push_back({.key = id,
                                         .tenant = std::string(row.text(1)),
                                         .agents = std::move(*agents),
                                         .policies = std::move(*policies)});
  }

  static bool sound_globs(const std::vector<std::string>& globs) {
    return policy::GlobList::compile(globs).has_value();
  }
  static policy::Head head_of_made(std::string id, std::string name) {
    return {.id = std::move(id), .name = std::move(name)};
  }

  void restrict_key(const std::string& id, const std::string& name,
                    const std::vector<std::string>& models, bool limited, LimitPolicy limits) {
    auto& made = inputs_->assignments.made;
    if (!models.empty()) {
      ListsPolicy lists{.head = head_of_made("key/" + id + "/models", "key " + name),
                        .models = policy::NameLists{},
                        .tools = {},
                        .network = {}};
      for (const std::string& model : models) lists.models->allow.push_back({model, {}});
      made.push_back({.policy = std::move(lists), .key = id, .targets = {}});
    }
    if (limited) {
      limits.per = LimitPolicy::Per::Key;
      made.push_back({.policy = std::move(limits), .key = id, .targets = {}});
    }
  }

  // R48: quotas of integrations and tenants are limits like others.
  void make_quotas() {
    std::unordered_map<std::string_view, std::vector<std::string>> of_tenant;
    auto& made = inputs_->assignments.made;
    for (const tenant::Integration& one : reading_.contents.integrations) {
      of_tenant[one.tenant].push_back(one.id);
      if (!one.evaluations_per_month) continue;
      made.push_back({.policy = quota("integration/" + one.id, "integration " + one.name,
                                      *one.evaluations_per_month, LimitPolicy::Per::Integration),
                      .key = {},
                      .targets = {one.id}});
    }
    for (const tenant::Tenant& one : reading_.contents.tenants) {
      if (!one.evaluations_per_month) continue;
      auto targets = of_tenant[one.id];
      if (one.id == tenant::kDefaultTenant) targets.emplace_back(policy::kRootTarget);
      made.push_back({.policy = quota("tenant/" + one.id, "tenant " + one.name,
                                      *one.evaluations_per_month, LimitPolicy::Per::Everyone),
                      .key = {},
                      .targets = std::move(targets)});
    }
  }

  static policy::Policy quota(const std::string& id, std::string name, std::uint64_t evaluations,
                              LimitPolicy::Per per) {
    LimitPolicy limits;
    limits.head = head_of_made(id + "/quota", std::move(name));
    limits.per = per;
    // 0 would be no limit at all.
    limits.evaluations_per_month = std::max<std::uint64_t>(evaluations, 1);
    return limits;
  }

  Status read_bindings() {
    return rows(
        "SELECT tenant_id, policy, target FROM binding ORDER BY policy, target, tenant_id",
        [this](const sql::Row& row) { read_binding(row.text(0), row.text(1), row.text(2)); });
  }

  // A tenant's binding reaches its own integrations; the default tenant's, which is the operator's,
  // all of them.
  void read_binding(std::string_view tenant, std::string_view policy, std::string_view target) {
    if (!policy::GlobList::compile(std::vector{std::string(policy)})) {
      return problem("damaged_row", fmt::format("binding of '{}': it acts nowhere", policy));
    }
    for (const std::string_view part : {tenant, policy, target}) bound_.add(part);
    const bool operators = tenant == tenant::kDefaultTenant;
    const auto bind = [&](std::string_view to) {
      inputs_->assignments.bindings.push_back({.policy = std::string(policy),
                                               .target = std::string(to),
                                               .tenant = std::string(operators ? "" : tenant)});
    };
    if (operators) return bind(target);
    for (const tenant::Integration& one : reading_.contents.integrations) {
      if (one.tenant != tenant) continue;
      if (target == policy::kEveryTarget || target == one.id) bind(one.id);
    }
  }

  Status read_files() {
    return rows(
        "SELECT r.tenant_id, r.file, r.source FROM policy_active a "
        "JOIN policy_revision r ON r.tenant_id = a.tenant_id AND r.file = a.file "
        "AND r.revision = a.revision ORDER BY r.tenant_id, r.file",
        [this](const sql::Row& row) {
          std::string name = uploaded_name(row.text(0), row.text(1));
          inputs_->assignments.uploaded.emplace(name, row.text(0));
          files_.add(name);
          files_.add(row.text(2));
          inputs_->files.push_back({std::move(name), std::string(row.text(2))});
        });
  }

  void watch_keys() {
    if (watched_.size() > kWatchedKeysMax) {
      problem("unwatched_keys", fmt::format("{} stored keys are looked for in texts, {} are not",
                                            kWatchedKeysMax, watched_.size() - kWatchedKeysMax));
      watched_.resize(kWatchedKeysMax);
    }
    inputs_->assignments.own_keys = std::move(watched_);
  }

  void finish() {
    auto& assignments = inputs_->assignments;
    if (!assignments.bindings.empty()) assignments.bound = bound_.take();
    digest_.add(assignments.bound);
    assignments.digest = digest_.take();
    files_.add(assignments.digest);
    inputs_->digest = files_.take();
    reading_.policies = std::move(inputs_);
  }

  sql::Connection& connection_;
  const ReadOptions& options_;
  DirectoryReading reading_;
  std::shared_ptr<PolicyInputs> inputs_ = std::make_shared<PolicyInputs>();
  Digest digest_, bound_, files_;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, Secret, Hash, std::equal_to<>> secrets_;  // by id
  std::unordered_map<std::string, std::string> tenant_of_;                  // by integration
  std::vector<std::shared_ptr<const policy::OwnKey>> watched_;
};

}  // namespace

Result<DirectoryReading> read_directory(sql::Connection& connection, const ReadOptions& options) {
  return Reader(connection, options).read();
}

std::string uploaded_name(std::string_view tenant, std::string_view file) {
  std::string name = "uploaded/";
  if (tenant != tenant::kDefaultTenant) name.append(tenant).append("/");
  return name.append(file);
}

}  // namespace capsem::store
