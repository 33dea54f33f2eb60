#include "server/proxy/subject_of.h"

namespace capsem::proxy {

policy::Subject subject_of(const Route& route, std::string_view path, const Caller& caller,
                           const BaseUrl& base) {
  policy::Subject subject;
  subject.agent = caller.agent;
  subject.agent_bound = caller.agent_bound;
  subject.key = caller.user_id;
  subject.integration = caller.integration_name();
  subject.integration_id = caller.integration_id();
  subject.action = route.asks;
  subject.model = route.model;
  subject.provider = to_string(route.provider);
  subject.endpoint = path;
  subject.stream = route.profile.stream_by_path;
  subject.upstream_host = base.host;
  subject.upstream_tls = base.tls;
  return subject;
}

}  // namespace capsem::proxy
