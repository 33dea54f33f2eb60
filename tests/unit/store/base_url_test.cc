#include <gtest/gtest.h>

#include "server/store/integrations.h"

namespace capsem::store {
namespace {

struct UrlCase {
  std::string url;
  bool allow_private, sound;
};

// T23: what can be told from the text; what names resolve to is asked again when they are used.
TEST(BaseUrl, IsHttpsAndPlainAndNoMetadataService) {
  const std::string longest_host = std::string(245, 'a') + ".example";
  const UrlCase cases[] = {
      {"https://api.openai.com", false, true},
      {"https://api.openai.com/v1", false, true},
      {"https://API.OpenAI.com:8443/openai/deployments/gpt-4.1", false, true},
      {"https://[2606:4700::1111]:443/v1", false, true},
      {"https://10.0.0.1/v1", false, true},
      {"http://api.openai.com", false, false},
      {"http://127.0.0.1:9000", true, true},
      {"HTTP://127.0.0.1:9000", false, false},
      {"ftp://api.openai.com", true, false},
      {"api.openai.com", true, false},
      {"https://", false, false},
      {"https:///v1", false, false},
      {"https://user@api.openai.com", false, false},
      {"https://user:password@api.openai.com/v1", true, false},
      {"https://api.openai.com@evil.example", false, false},
      {"https://api.openai.com/v1?x=1", false, false},
      {"https://api.openai.com/v1#x", false, false},
      {"https://api.openai.com/../v1", false, false},
      {"https://api.openai.com//v1", false, false},
      {"https://api.openai.com/%2e%2e", false, false},
      {"https://api openai.com", false, false},
      {"https://api..com", false, false},
      {"https://.com", false, false},
      {"https://api.openai.com:0", false, false},
      {"https://api.openai.com:65535", false, true},
      {"https://api.openai.com:65536", false, false},
      {"https://api.openai.com:", false, false},
      {"https://api.openai.com:443x", false, false},
      {"https://[::1", true, false},
      {"https://[::1]x", true, false},
      {"https://169.254.169.254/latest/meta-data", true, false},
      {"https://[fd00:ec2::254]/", true, false},
      {"https://metadata.google.internal", true, false},
      {"https://Metadata.Google.Internal.", true, false},
      {"https://0x7f.1", true, false},
      {"https://0x7f000001", true, false},
      {"https://2130706433", true, false},
      {"https://127.1", true, false},
      {"https://127.0.0.01", true, false},
      {"https://127.0.0.256", true, false},
      {"https://1.2.3.4.5", true, false},
      {"https://" + longest_host, false, true},
      {"https://a" + longest_host, false, false},
  };
  for (const UrlCase& c : cases) {
    SCOPED_TRACE(c.url);
    const auto sound = check_base_url(c.url, c.allow_private);
    EXPECT_EQ(sound.has_value(), c.sound) << (sound ? "" : sound.error().detail);
    if (!sound) {
      EXPECT_EQ(sound.error().detail.find("password"), std::string::npos);
    }
  }
}

TEST(BaseUrl, HasItsLimit) {
  const std::string head = "https://a.example/";
  EXPECT_TRUE(check_base_url(head + std::string(kBaseUrlBytesMax - head.size(), 'p'), false));
  EXPECT_FALSE(check_base_url(head + std::string(kBaseUrlBytesMax - head.size() + 1, 'p'), false));
}

}  // namespace
}  // namespace capsem::store
