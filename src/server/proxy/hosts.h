// The Host allow-list (T33): a page that resolves its own name to this machine must not be able to
// speak to the gateway with the browser's help.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capsem::proxy {

class HostList {
 public:
  // `allowed` empty: loopback names on a loopback listener, any name on another one.
  HostList(std::vector<std::string> allowed, std::string_view listen_host);

  // `host`: the Host field. An empty one (HTTP/1.0) is allowed.
  bool allows(std::string_view host) const;

 private:
  std::vector<std::string> allowed_;
  bool loopback_only_ = false;
};

// "name", "name:port", "[v6]:port": the name, or nothing when it is none of these.
std::string_view host_name(std::string_view host_field);
bool loopback_name(std::string_view name);

}  // namespace capsem::proxy
