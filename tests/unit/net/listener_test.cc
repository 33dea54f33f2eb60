#include "server/net/listener.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace capsem::net {
namespace {

TEST(ConnectionGate, RefusesWhatIsOverTheTotal) {
  ConnectionGate gate(2, 0);
  const Address a = *parse_address("192.0.2.1", 1);
  EXPECT_TRUE(gate.enter(a));
  EXPECT_TRUE(gate.enter(a));
  EXPECT_FALSE(gate.enter(a));
  gate.leave(a);
  EXPECT_TRUE(gate.enter(a));
}

TEST(ConnectionGate, CountsPeersApartWhateverTheirPort) {
  ConnectionGate gate(100, 1);
  EXPECT_TRUE(gate.enter(*parse_address("192.0.2.1", 1)));
  EXPECT_FALSE(gate.enter(*parse_address("192.0.2.1", 2)));
  EXPECT_TRUE(gate.enter(*parse_address("192.0.2.2", 1)));
  EXPECT_TRUE(gate.enter(*parse_address("2001:db8::1", 1)));
}

TEST(Listener, ASecondProcessOnTheSamePortIsNoticed) {
  const auto fd = open_listener("127.0.0.1", 0, 16);
  ASSERT_TRUE(fd.has_value());
  const std::uint16_t port = bound_port(*fd);
  EXPECT_TRUE(port_taken("127.0.0.1", port));
  ::close(*fd);
  EXPECT_FALSE(port_taken("127.0.0.1", port));
}

TEST(Listener, AnErrorNamesTheAddress) {
  const auto fd = open_listener("no-address", 80, 16);
  ASSERT_FALSE(fd.has_value());
  EXPECT_NE(fd.error().detail.find("no-address"), std::string::npos);
}

TEST(Address, ReadsBothFamilies) {
  EXPECT_TRUE(parse_address("127.0.0.1", 80)->loopback());
  EXPECT_TRUE(parse_address("127.8.8.8", 80)->loopback());
  EXPECT_TRUE(parse_address("[::1]", 80)->loopback());
  EXPECT_FALSE(parse_address("10.0.0.1", 80)->loopback());
  EXPECT_EQ(parse_address("::1", 8080)->port(), 8080);
  EXPECT_FALSE(parse_address("localhost", 80).has_value());
  EXPECT_FALSE(parse_address("0x7f.1", 80).has_value());
}

}  // namespace
}  // namespace capsem::net
