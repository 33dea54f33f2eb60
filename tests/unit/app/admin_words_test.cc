#include "server/app/admin_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "server/app/admin_output.h"

namespace capsem::app {
namespace {

using testing::HasSubstr;

const Word& word(std::string_view noun, std::string_view verb) {
  for (const Word& candidate : admin_words()) {
    if (candidate.noun == noun && candidate.verb == verb) return candidate;
  }
  ADD_FAILURE() << "no such word: " << noun << ' ' << verb;
  return admin_words().front();
}

Given given(std::map<std::string, std::string, std::less<>> values, std::string_view secret = {}) {
  return {.values = std::move(values), .secret = Secret(secret)};
}

TEST(AdminWords, BecomeRequests) {
  const struct {
    const char *noun, *verb;
    Given given;
    const char *method, *target, *body;
  } cases[] = {
      {"status", "show", given({}), "GET", "/v1/status", ""},
      {"integrations", "create",
       given({{"--name", "a \"b\""}, {"--provider", "openai"}, {"--allow-private", "true"}},
             "sk-\"1\\"),
       "POST", "/v1/integrations",
       R"({"name":"a \"b\"","provider":"openai","allow_private":true,"provider_key":"sk-\"1\\"})"},
      {"integrations", "list", given({{"--tenant", "a&b=c"}, {"--limit", "5"}}), "GET",
       "/v1/integrations?tenant=a%26b%3Dc&limit=5", ""},
      {"keys", "create",
       given({{"integration", "int/../x"},
              {"--name", "k"},
              {"--agents", "a*,b"},
              {"--limits", "requests_per_minute=10,tokens_per_day=5"}}),
       "POST", "/v1/integrations/int%2F..%2Fx/keys",
       R"({"name":"k","agents":["a*","b"],"limits":{"requests_per_minute":10,"tokens_per_day":5}})"},
      {"keys", "rotate", given({{"id", "key_1"}, {"--overlap-s", "60"}}), "POST",
       "/v1/keys/key_1/rotate", R"({"overlap_s":60})"},
      {"keys", "revoke", given({{"id", "key_1"}}), "POST", "/v1/keys/key_1/revoke", "{}"},
      {"policies", "upload", given({{"source", "config/debug.toml"}, {"--note", "first"}}), "PUT",
       "/v1/policies/files/debug.toml", nullptr},
      {"policies", "upload", given({{"source", "config/debug.toml"}, {"--as", "x.toml"}}), "PUT",
       "/v1/policies/files/x.toml", nullptr},
      {"policies", "revision", given({{"file", "a.toml"}, {"revision", "2"}}), "GET",
       "/v1/policies/files/a.toml/revisions/2", ""},
      {"bindings", "delete", given({{"--policy", "p/*"}, {"--target", "*"}}), "DELETE",
       "/v1/bindings?policy=p%2F%2A&target=%2A", ""},
      {"reviews", "approve", given({{"id", "r"}, {"--note", "yes"}}), "POST",
       "/v1/reviews/r/approve", R"({"note":"yes"})"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.noun) + ' ' + c.verb);
    const auto request = request_of(word(c.noun, c.verb), c.given);
    ASSERT_TRUE(request) << request.error().detail;
    EXPECT_EQ(request->method, c.method);
    EXPECT_EQ(request->target, c.target);
    if (c.body != nullptr) {
      EXPECT_EQ(request->body, c.body);
    }
    EXPECT_EQ(request->headers.empty(), request->body.empty());
  }
}

TEST(AdminWords, AFileBecomesText) {
  const auto request = request_of(word("policies", "upload"),
                                  given({{"source", "config/debug.toml"}, {"--note", "first"}}));
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_THAT(request->body, HasSubstr("{\"source\":\""));
  EXPECT_THAT(request->body, HasSubstr("enabled = true\\n"));
  EXPECT_THAT(request->body, HasSubstr("\",\"note\":\"first\"}"));
}

TEST(AdminWords, MistakesNameTheFlag) {
  const struct {
    const char *noun, *verb;
    Given given;
    const char* says;
  } cases[] = {
      {"keys", "rotate", given({{"id", "k"}, {"--overlap-s", "1h"}}), "--overlap-s: must be"},
      {"secrets", "create", given({{"--provider", "openai"}}, "sk"), "--name: is missing"},
      {"keys", "revoke", given({}), "id: is missing"},
      {"keys", "create", given({{"integration", "i"}, {"--name", "n"}, {"--limits", "x"}}),
       "--limits: must be NAME=NUMBER"},
      {"keys", "create", given({{"integration", "i"}, {"--name", "n"}, {"--limits", "x=y"}}),
       "--limits: must be a whole number"},
      {"secrets", "replace", given({{"id", "s"}}), "--value-stdin: is missing"},
      {"policies", "upload", given({{"source", "no/such/file.toml"}}), "source: "},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.noun) + ' ' + c.verb);
    const auto request = request_of(word(c.noun, c.verb), c.given);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().code, "misused");
    EXPECT_THAT(request.error().detail, HasSubstr(c.says));
  }
}

// T42: what stands on a command line is read by every user of the machine.
TEST(AdminWords, NoFlagTakesASecret) {
  std::set<std::string> seen;
  for (const Word& w : admin_words()) {
    EXPECT_TRUE(seen.insert(std::string(w.noun) + ' ' + std::string(w.verb)).second) << w.verb;
    for (const Field& field : w.fields) {
      for (const std::string_view secret : {"value", "key", "token", "provider_key"}) {
        EXPECT_NE(field.member, secret) << w.noun << ' ' << w.verb;
      }
    }
  }
}

TEST(AdminOutput, ListsAreTables) {
  const auto shown = show_answer(
      word("integrations", "list"),
      R"({"data":[{"id":"int_1","name":"büro","provider":"openai","state":"active","tenant":null},
          {"id":"int_22","name":"a\u001b[31m\r\nb\u0085","provider":"gemini","state":"x"}],
          "next":"c1"})");
  ASSERT_TRUE(shown) << shown.error().detail;
  EXPECT_EQ(shown->text,
            "ID      NAME                        PROVIDER  STATE   TENANT\n"
            "int_1   büro                        openai    active  -\n"
            "int_22  a\\x1b[31m\\x0d\\x0ab\\xc2\\x85  gemini    x       -\n");
  EXPECT_EQ(shown->next, "c1");
}

TEST(AdminOutput, ObjectsAreShownMemberByMember) {
  const auto shown =
      show_answer(word("keys", "create"),
                  R"({"data":{"id":"key_1","key":"ag_live_abc","agents":["a","b"],"models":[],
          "limits":{"requests_per_minute":10},"source":"one\ntwo","list":[{"x":1}]}})");
  ASSERT_TRUE(shown) << shown.error().detail;
  EXPECT_EQ(shown->text,
            "id: key_1\nkey: ag_live_abc\nagents: a, b\nmodels: -\nlimits:\n"
            "  requests_per_minute: 10\nsource:\n  one\n  two\nlist:\n  -\n    x: 1\n");
  EXPECT_EQ(shown->shown_once, "ag_live_abc");
  EXPECT_EQ(shown->next, "");
}

TEST(AdminOutput, ColumnsThatNoRowHasAreLeftOut) {
  const auto shown = show_answer(
      word("usage", "list"),
      R"({"data":[{"model":"m","requests":2,"evaluations":1},{"model":"o","requests":10,"evaluations":0}]})");
  ASSERT_TRUE(shown) << shown.error().detail;
  EXPECT_EQ(shown->text,
            "MODEL  REQUESTS  EVALUATIONS\n"
            "m      2         1\n"
            "o      10        0\n");
  EXPECT_EQ(show_answer(word("tokens", "list"), R"({"data":[],"next":null})")->text,
            "ID  NAME  ROLE  TOKEN  TENANT  REVOKED\n");
}

TEST(AdminOutput, AnAuditThatIsBrokenIsAFailure) {
  const Word& verify = word("audit", "verify");
  EXPECT_TRUE(show_answer(verify, R"({"data":{"sound":true}})")->holds);
  EXPECT_FALSE(show_answer(verify, R"({"data":{"sound":false}})")->holds);
  EXPECT_FALSE(show_answer(verify, R"({"data":{}})")->holds);
  EXPECT_TRUE(show_answer(word("status", "show"), R"({"data":{}})")->holds);
}

TEST(AdminOutput, ErrorsAreSentences) {
  EXPECT_EQ(show_errors(404, R"({"errors":[{"message":"no such key","code":"not_found"}]})"),
            "no such key (not_found)");
  EXPECT_EQ(show_errors(502, "<html>"), "the admin API answered 502");
  EXPECT_FALSE(show_answer(word("status", "show"), "<html>"));
}

}  // namespace
}  // namespace capsem::app
