#include "server/proxy/upstreams.h"

#include <algorithm>
#include <utility>

#include "server/proxy/shared.h"

namespace capsem::proxy {

namespace {

// Its idle connections may have events in the running batch.
struct Dropped final : net::Retirable {
  explicit Dropped(std::shared_ptr<Upstream> dropped) : upstream(std::move(dropped)) {}
  std::shared_ptr<Upstream> upstream;
};

}  // namespace

Upstreams::Upstreams(net::Loop& loop, Shared& shared) : loop_(loop), shared_(shared) {
  for (std::size_t i = 0; i < kProviderCount; ++i) {
    const BaseUrl& base = shared_.settings.base_urls[i];
    const Endpoint& dial = shared_.settings.connect_to[i];
    own_[i] = std::make_shared<Upstream>(
        loop_, shared_.resolver, shared_.client_tls, base,
        upstream::Target{base.host, base.port, base.tls, dial.host, dial.port},
        shared_.upstream_limits);
  }
}

std::shared_ptr<Upstream> Upstreams::of(const tenant::Integration& integration, Provider provider) {
  if (integration.base_url.empty()) return own(provider);
  const auto at = by_integration_.find(integration.id);
  if (at != by_integration_.end()) {
    if (at->second.base_url == integration.base_url &&
        at->second.allow_private == integration.allow_private) {
      return at->second.upstream;
    }
    drop(at);
  }
  auto base = parse_base_url(integration.base_url);
  if (!base) return nullptr;
  make_room();
  upstream::Target target{base->host, base->port, base->tls};
  target.public_only = !integration.allow_private;
  auto made =
      std::make_shared<Upstream>(loop_, shared_.resolver, shared_.client_tls, std::move(*base),
                                 std::move(target), shared_.upstream_limits);
  by_integration_.emplace(integration.id,
                          Kept{integration.base_url, integration.allow_private, made});
  return made;
}

std::shared_ptr<Upstream> Upstreams::judge(const policy::JudgeUrl& url) {
  const auto key = std::tuple(url.tls, url.host, url.port);
  if (const auto at = judges_.find(key); at != judges_.end()) return at->second;
  if (judges_.size() >= kJudgesMax) {
    const auto unused = std::ranges::find_if(
        judges_, [](const auto& kept) { return kept.second.use_count() == 1; });
    if (unused != judges_.end()) {
      loop_.retire(std::make_unique<Dropped>(std::move(unused->second)));
      judges_.erase(unused);
    }
  }
  auto made = std::make_shared<Upstream>(
      loop_, shared_.resolver, shared_.client_tls, BaseUrl{url.tls, url.host, url.port, ""},
      upstream::Target{url.host, url.port, url.tls}, shared_.upstream_limits);
  judges_.emplace(key, made);
  return made;
}

// Nobody's calls are ended for it: one more than the bound is kept as long as all are in use.
void Upstreams::make_room() {
  if (by_integration_.size() < kIntegrationsMax) return;
  for (auto at = by_integration_.begin(); at != by_integration_.end(); ++at) {
    if (at->second.upstream.use_count() > 1) continue;
    drop(at);
    return;
  }
}

Upstreams::Map::iterator Upstreams::drop(Map::iterator at) {
  loop_.retire(std::make_unique<Dropped>(std::move(at->second.upstream)));
  return by_integration_.erase(at);
}

void Upstreams::keep_only(const tenant::Directory* directory) {
  for (auto at = by_integration_.begin(); at != by_integration_.end();) {
    const tenant::Integration* integration =
        directory == nullptr ? nullptr : directory->find_integration(at->first);
    const bool same = integration != nullptr && integration->base_url == at->second.base_url &&
                      integration->allow_private == at->second.allow_private;
    at = same ? std::next(at) : drop(at);
  }
}

void Upstreams::close_idle() {
  for (auto& upstream : own_) upstream->pool.close_idle();
  for (auto& [id, kept] : by_integration_) kept.upstream->pool.close_idle();
  for (auto& [key, kept] : judges_) kept->pool.close_idle();
}

}  // namespace capsem::proxy
