#include "server/redis/url.h"

#include <gtest/gtest.h>

#include <string>

namespace capsem::redis {
namespace {

struct GoodUrl {
  std::string url, host;
  std::uint16_t port;
  std::string user, password;
  std::uint32_t database;
};

TEST(RedisUrl, SaysWhereRedisIs) {
  for (const GoodUrl& c : {
           GoodUrl{"redis://localhost", "localhost", 6379, "", "", 0},
           GoodUrl{"redis://10.0.0.1:7000/3", "10.0.0.1", 7000, "", "", 3},
           GoodUrl{"redis://[::1]:7000", "::1", 7000, "", "", 0},
           GoodUrl{"redis://[fe80::2]/", "fe80::2", 6379, "", "", 0},
           GoodUrl{"redis://:secret@h/0", "h", 6379, "", "secret", 0},
           GoodUrl{"redis://me:a%40b%3Ac%2F@h:1/65535", "h", 1, "me", "a@b:c/", 65'535},
           GoodUrl{"redis://me:p:w@h:65535", "h", 65'535, "me", "p:w", 0},
       }) {
    const auto target = parse_url(c.url);
    ASSERT_TRUE(target) << c.url << ": " << target.error().detail;
    EXPECT_EQ(target->host, c.host) << c.url;
    EXPECT_EQ(target->port, c.port) << c.url;
    EXPECT_EQ(target->user, c.user) << c.url;
    EXPECT_EQ(target->password.reveal(), c.password) << c.url;
    EXPECT_EQ(target->database, c.database) << c.url;
  }
}

TEST(RedisUrl, WhatItCannotReadIsAnErrorThatQuotesNothingT42) {
  for (const std::string url : {
           "",
           "rediss://h",
           "redis:/h",
           "http://h",
           "redis://",
           "redis://:6379",
           "redis://h:0",
           "redis://h:65536",
           "redis://h:port",
           "redis://h:",
           "redis://h/x",
           "redis://h/65536",
           "redis://h/-1",
           "redis://[::1",
           "redis://[::1]7",
           "redis://hunter2@h",
           "redis://me:@h",
           "redis://me:hunter2%4@h",
           "redis://me:hunter2%zz@h",
           "redis://me:hunter2@",
           "redis://h?x",
       }) {
    const auto target = parse_url(url);
    ASSERT_FALSE(target) << url;
    EXPECT_EQ(target.error().code, "invalid_redis_url");
    EXPECT_EQ(target.error().detail.find("hunter2"), std::string::npos) << url;
  }
}

}  // namespace
}  // namespace capsem::redis
