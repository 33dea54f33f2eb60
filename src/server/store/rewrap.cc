#include "server/store/rewrap.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/store/rows.h"

namespace capsem::store {
namespace {

constexpr std::int64_t kRowsAtOnce = 50;

// Where sealed blobs are: statements of one shape. Select: id, tenant, provider, blob of rows
// behind $1, in order, $2 at most. Update: $1 the id, $2 the new blob, $3 its master key, $4 the
// blob as it was read: a row that changed meanwhile is sealed anew already.
struct Sealed {
  std::string_view select, update;
  bool names_key;  // the table has a column for the master key
};
constexpr Sealed kSealed[] = {
    {"SELECT id, tenant_id, provider, blob FROM secret WHERE id > $1 ORDER BY id LIMIT $2",
     "UPDATE secret SET blob = $2, key_id = $3 WHERE id = $1 AND blob = $4", true},
    {"SELECT run_id, tenant_id, 'audit_content', body FROM audit_content "
     "WHERE run_id > $1 AND key_id <> '' ORDER BY run_id LIMIT $2",
     "UPDATE audit_content SET body = $2, key_id = $3 WHERE run_id = $1 AND body = $4", true},
    {"SELECT id, tenant_id, 'review', answer FROM review "
     "WHERE id > $1 AND answer IS NOT NULL ORDER BY id LIMIT $2",
     "UPDATE review SET answer = $2 WHERE id = $1 AND answer = $3", false},
    {"SELECT id, tenant_id, 'review-preview', preview FROM review "
     "WHERE id > $1 AND preview IS NOT NULL AND preview_sealed <> 0 ORDER BY id LIMIT $2",
     "UPDATE review SET preview = $2 WHERE id = $1 AND preview = $3", false},
};

struct Blob {
  std::string id, tenant, provider, bytes;
};

struct Count {
  std::uint64_t changed = 0, failed = 0;
};

Status rewrap_one(sql::Connection& connection, const vault::Vault& vault, const Sealed& where,
                  const Blob& old, Count& count) {
  if (vault::Vault::key_id_of(old.bytes) == vault.key_id()) return {};
  const vault::Place place{.tenant = old.tenant, .provider = old.provider, .row = old.id};
  const auto plain = vault.open(old.bytes, place);
  if (!plain) {
    ++count.failed;
    return {};
  }
  const auto blob = vault.seal(plain->reveal(), place);
  if (!blob) return std::unexpected(blob.error());
  const std::string key_id = vault::Vault::key_id_of(*blob);
  const auto updated =
      where.names_key
          ? connection.run(where.update, {std::string_view(old.id), sql::Blob{*blob},
                                          std::string_view(key_id), sql::Blob{old.bytes}})
          : connection.run(where.update,
                           {std::string_view(old.id), sql::Blob{*blob}, sql::Blob{old.bytes}});
  if (!updated) return std::unexpected(updated.error());
  count.changed += *updated;
  return {};
}

Status rewrap_table(sql::Connection& connection, const vault::Vault& vault, const Sealed& where,
                    Count& count) {
  std::string behind;
  for (bool more = true; more;) {
    std::vector<Blob> blobs;
    const Status done = sql::in_transaction(connection, [&]() -> Status {
      const auto read = connection.run(
          where.select, {std::string_view(behind), kRowsAtOnce}, [&](const sql::Row& row) {
            blobs.push_back({std::string(row.text(0)), std::string(row.text(1)),
                             std::string(row.text(2)), std::string(row.blob(3))});
          });
      if (!read) return std::unexpected(read.error());
      for (const Blob& blob : blobs) {
        if (Status one = rewrap_one(connection, vault, where, blob, count); !one) return one;
      }
      return {};
    });
    if (!done) return done;
    more = static_cast<std::int64_t>(blobs.size()) == kRowsAtOnce;
    if (more) behind = blobs.back().id;
  }
  return {};
}

}  // namespace

Result<std::uint64_t> rewrap(sql::Connection& connection, const vault::Vault& vault) {
  if (!vault.has_key())
    return gateway_error("no_master_key", "There is no master key to seal with");
  Count count;
  for (const Sealed& where : kSealed) {
    if (Status done = rewrap_table(connection, vault, where, count); !done) {
      return std::unexpected(done.error());
    }
  }
  if (count.failed != 0) {
    return client_error(
        "not_rewrapped",
        fmt::format("{} were sealed anew, {} did not open and were left as they are", count.changed,
                    count.failed));
  }
  return count.changed;
}

}  // namespace capsem::store
