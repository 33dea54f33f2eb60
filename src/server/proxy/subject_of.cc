#include "server/proxy/subject_of.h"

namespace capsem::proxy {

policy::Subject subject_of(const Route& route, std::string_view path, const Caller& caller,
                           const Settings& settings) {
  policy::Subject subject;
  subject.agent = caller.agent;
  subject.agent_bound = caller.agent_bound;
  subject.key = caller.user_id;
  subject.action = route.asks;
  subject.model = route.model;
  subject.provider = to_string(route.provider);
  subject.endpoint = path;
  subject.stream = route.profile.stream_by_path;
  // connect_to changes the way to the provider, not who the provider is.
  const BaseUrl& base = settings.base_urls[static_cast<std::size_t>(route.provider)];
  subject.upstream_host = base.host;
  subject.upstream_tls = base.tls;
  return subject;
}

}  // namespace capsem::proxy
