// Which addresses lead out of the own network (T23): what an administrator may name as a provider,
// and what a webhook may be sent to.
#pragma once

#include "server/net/address.h"

namespace capsem::net {

// Not one of: "this" network, private, shared (RFC 6598), loopback, link-local, multicast,
// reserved and broadcast addresses; nor an IPv6 form that stands for one of them or for any IPv4
// address at all (mapped, compatible, 6to4, NAT64). Meant for the address a connection is about to
// be made to: a name that was looked up before may lead elsewhere by then.
bool is_public(const Address& address);

}  // namespace capsem::net
