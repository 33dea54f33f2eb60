#include "server/net/reach.h"

#include <gtest/gtest.h>

#include <string>

namespace capsem::net {
namespace {

TEST(Reach, T23_EachClosedBlockFromBothSides) {
  struct Case {
    const char* address;
    bool open;
  };
  for (const Case& c : {
           Case{"0.0.0.0", false},
           Case{"0.255.255.255", false},
           Case{"1.0.0.0", true},
           Case{"9.255.255.255", true},
           Case{"10.0.0.0", false},
           Case{"10.255.255.255", false},
           Case{"11.0.0.0", true},
           Case{"100.63.255.255", true},
           Case{"100.64.0.0", false},
           Case{"100.127.255.255", false},
           Case{"100.128.0.0", true},
           Case{"126.255.255.255", true},
           Case{"127.0.0.1", false},
           Case{"127.255.255.255", false},
           Case{"128.0.0.0", true},
           Case{"169.253.255.255", true},
           Case{"169.254.169.254", false},
           Case{"169.255.0.0", true},
           Case{"172.15.255.255", true},
           Case{"172.16.0.0", false},
           Case{"172.31.255.255", false},
           Case{"172.32.0.0", true},
           Case{"192.0.0.8", false},
           Case{"192.0.1.0", true},
           Case{"192.167.255.255", true},
           Case{"192.168.0.0", false},
           Case{"192.168.255.255", false},
           Case{"192.169.0.0", true},
           Case{"198.17.255.255", true},
           Case{"198.18.0.0", false},
           Case{"198.19.255.255", false},
           Case{"198.20.0.0", true},
           Case{"223.255.255.255", true},
           Case{"224.0.0.1", false},
           Case{"239.255.255.255", false},
           Case{"240.0.0.0", false},
           Case{"255.255.255.255", false},
           Case{"8.8.8.8", true},
           Case{"::", false},
           Case{"::1", false},
           Case{"::7f00:1", false},
           Case{"::1:0:0", true},
           Case{"::ffff:169.254.169.254", false},
           Case{"::ffff:8.8.8.8", false},
           Case{"64:ff9b::a9fe:a9fe", false},
           Case{"64:ff9b:1::1", false},
           Case{"64:ff9b:2::1", true},
           Case{"2001::1", false},
           Case{"2001:4860:4860::8888", true},
           Case{"2002:a9fe:a9fe::1", false},
           Case{"2003::1", true},
           Case{"fbff::1", true},
           Case{"fc00::1", false},
           Case{"fdff::1", false},
           Case{"fe00::1", true},
           Case{"fe7f::1", true},
           Case{"fe80::1", false},
           Case{"febf::1", false},
           Case{"fec0::1", false},
           Case{"feff::1", false},
           Case{"ff02::1", false},
           Case{"2a00:1450::1", true},
       }) {
    const auto address = parse_address(c.address, 443);
    ASSERT_TRUE(address) << c.address;
    EXPECT_EQ(is_public(*address), c.open) << c.address;
  }
  EXPECT_FALSE(is_public(Address{}));  // of no family that is known
}

}  // namespace
}  // namespace capsem::net
