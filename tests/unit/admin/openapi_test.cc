#include "server/admin/openapi.h"

#include <algorithm>
#include <set>

#include "server/admin/violations_api.h"
#include "tests/unit/admin/api_fixture.h"

namespace capsem::admin {
namespace {

// "GET /v1/tenants", ... of the description.
std::set<std::string> described() {
  std::string text = openapi_json();
  text.reserve(text.size() + wire::JsonReader::kPadding);
  wire::JsonReader reader;
  const auto parsed = reader.parse(text);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().detail);
  std::set<std::string> found;
  const wire::JsonNode* paths = reader.find(0, "paths");
  if (paths == nullptr) return found;
  const auto nodes = reader.nodes();
  const auto index = [&](const wire::JsonNode& node) {
    return static_cast<std::size_t>(&node - nodes.data());
  };
  for (std::size_t path = index(*paths) + 1; path < paths->next; path = nodes[path].next) {
    for (std::size_t way = path + 1; way < nodes[path].next; way = nodes[way].next) {
      std::string method(nodes[way].key);
      for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
      found.insert(method + " " + std::string(nodes[path].key));
    }
  }
  return found;
}

// What the gateway answers stands in the description, and the other way round. Reviews are added by
// who has approvals; that they answer is seen at the running gateway.
TEST_F(ApiTest, IsDescribedRouteByRoute) {
  add_violation_routes(api_->router());
  std::set<std::string> answered = {"GET /health",
                                    "GET /ready",
                                    "GET /metrics",
                                    "GET /openapi.yaml",
                                    "GET /openapi.json",
                                    "GET /v1/reviews",
                                    "GET /v1/reviews/{id}",
                                    "POST /v1/reviews/{id}/approve",
                                    "POST /v1/reviews/{id}/reject"};
  for (const Route& route : api_->router().routes()) {
    answered.insert(std::string(route.method) + " " + std::string(route.pattern));
  }
  const std::set<std::string> written = described();
  std::vector<std::string> missing, surplus;
  std::ranges::set_difference(answered, written, std::back_inserter(missing));
  std::ranges::set_difference(written, answered, std::back_inserter(surplus));
  EXPECT_EQ(missing, std::vector<std::string>());
  EXPECT_EQ(surplus, std::vector<std::string>());
}

TEST(OpenApi, IsTheSameInBothLanguages) {
  EXPECT_TRUE(openapi_yaml().starts_with("openapi: 3.1.0\n"));
  EXPECT_TRUE(openapi_json().starts_with(R"({"openapi":"3.1.0","info":{"title":)"));
  // Words that YAML and JSON read differently.
  EXPECT_NE(openapi_json().find(R"("type":["string","null"])"), std::string::npos);
  EXPECT_NE(openapi_json().find(R"("required":true)"), std::string::npos);
  EXPECT_NE(openapi_json().find(R"("maximum":200)"), std::string::npos);
  EXPECT_NE(openapi_json().find(R"("version":"0.1.0")"), std::string::npos);
  EXPECT_NE(openapi_json().find(R"("200":)"), std::string::npos);
}

TEST(OpenApi, IsReadAndNothingElse) {
  EXPECT_FALSE(openapi_reply({.method = "GET", .path = "/openapi"}));
  EXPECT_EQ(openapi_reply({.method = "GET", .path = "/openapi.yaml"})->content_type,
            "application/yaml");
  EXPECT_EQ(openapi_reply({.method = "HEAD", .path = "/openapi.json"})->status, 200);
  EXPECT_EQ(openapi_reply({.method = "POST", .path = "/openapi.json"})->status, 405);
}

}  // namespace
}  // namespace capsem::admin
