// The providers as one loop reaches them: the gateway's own three, and those of integrations that
// name a base URL of theirs. Each has its own connections, so that no tenant's request can ever
// find itself on a connection that was opened for another's provider.
//
// Thread: its loop's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/base/error.h"
#include "core/policy/judge_desk.h"
#include "server/proxy/settings.h"
#include "server/tenant/directory.h"
#include "server/upstream/provider.h"

namespace capsem::proxy {

struct Shared;

struct Upstream {
  Upstream(net::Loop& loop, net::Resolver& resolver, const net::TlsContext& tls, BaseUrl url,
           upstream::Target target, const upstream::Limits& limits)
      : base(std::move(url)), pool(loop, resolver, tls, std::move(target), limits) {}

  const BaseUrl base;
  upstream::Provider pool;
};

class Upstreams {
 public:
  // Integrations with a base URL of their own that are kept at once; those in use stay in any case.
  static constexpr std::size_t kIntegrationsMax = 1'024;

  Upstreams(net::Loop& loop, Shared& shared);

  const std::shared_ptr<Upstream>& own(Provider provider) const {
    return own_[static_cast<std::size_t>(provider)];
  }
  // Where this integration's calls go; made on first use. Null: its base URL cannot be read. Who
  // calls holds on to it until the call is over.
  std::shared_ptr<Upstream> of(const tenant::Integration& integration, Provider provider);

  // Where a judge service is asked, by its scheme, host and port; made on first use. Who asks holds
  // on to it until the call is over.
  static constexpr std::size_t kJudgesMax = 64;  // those in use stay in any case
  std::shared_ptr<Upstream> judge(const policy::JudgeUrl& url);

  // Forgets integrations that the directory does not have any more, or has with another address.
  void keep_only(const tenant::Directory* directory);
  void close_idle();

 private:
  struct Kept {
    std::string base_url;
    bool allow_private;
    std::shared_ptr<Upstream> upstream;
  };
  using Map = std::unordered_map<std::string, Kept>;
  void make_room();
  Map::iterator drop(Map::iterator at);

  net::Loop& loop_;
  Shared& shared_;
  std::array<std::shared_ptr<Upstream>, kProviderCount> own_;
  Map by_integration_;
  std::map<std::tuple<bool, std::string, std::uint16_t>, std::shared_ptr<Upstream>> judges_;
};

}  // namespace capsem::proxy
