// `capsem admin NOUN VERB ...`: a client of the admin API.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "core/policy/toml_source.h"
#include "server/app/admin_output.h"
#include "server/app/admin_words.h"
#include "server/app/command_line.h"
#include "server/app/confine.h"
#include "server/app/disk.h"
#include "server/client/http_client.h"
#include "server/proxy/hosts.h"

namespace capsem::app {
namespace {

constexpr std::size_t kSecretBytesMax = 64u << 10;
constexpr const char* kUrlVariable = "CAPSEM_ADMIN_URL";
constexpr const char* kTokenVariable = "CAPSEM_ADMIN_TOKEN";

// What every row can be told besides.
struct Common {
  std::string url = "http://127.0.0.1:8001";
  std::string token_file, ca_file;
  std::uint32_t timeout_s = 30;
  bool json = false;
};

void print_usage(std::FILE* out) {
  fmt::print(out,
             "Administer a running gateway through its admin API\n\n"
             "Usage: capsem admin NOUN VERB [ARGUMENTS] [OPTIONS]\n\n");
  std::string_view noun;
  for (const Word& word : admin_words()) {
    fmt::print(out, "  {:<13} {:<12} {}\n", word.noun == noun ? "" : word.noun, word.verb,
               word.help);
    noun = word.noun;
  }
  fmt::print(out,
             "\nThe token comes from --token-file or {}, the address from --url or {}.\n"
             "`capsem admin NOUN VERB --help` says more.\n"
             "Exit status: 0 done, 1 refused or not reached, 2 misused.\n",
             kTokenVariable, kUrlVariable);
}

int misused(std::string_view what, const std::string& suggestion) {
  fmt::print(stderr, "capsem admin: {}{}\n", what, suggestion);
  return 2;
}

// "ack" for "acknowledge": a verb may be shortened while it stays the only one.
const Word* find_word(std::string_view noun, std::string_view verb) {
  const Word* found = nullptr;
  for (const Word& word : admin_words()) {
    if (word.noun != noun || !word.verb.starts_with(verb)) continue;
    if (word.verb == verb) return &word;
    if (found != nullptr) return nullptr;
    found = &word;
  }
  return verb.empty() ? nullptr : found;
}

// Without a verb: what shows the noun without further arguments.
const Word* default_word(std::string_view noun) {
  for (const Word& word : admin_words()) {
    if (word.noun != noun || !word.positionals.empty()) continue;
    if (word.verb == "list" || word.verb == "show") return &word;
  }
  return nullptr;
}

// Flags may stand before the words; two of them take a value.
std::vector<std::string> words_first(Arguments arguments, std::vector<std::string>& flags) {
  std::vector<std::string> words;
  static const std::set<std::string, std::less<>> kWithValue = {"--url", "--token-file",
                                                                "--ca-file", "--timeout-s"};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool flag = arguments[i].starts_with("-");
    if (words.empty() && flag) {
      flags.push_back(arguments[i]);
      if (kWithValue.contains(arguments[i]) && i + 1 < arguments.size()) {
        flags.push_back(arguments[++i]);
      }
    } else {
      words.push_back(arguments[i]);
    }
  }
  return words;
}

Result<Secret> read_secret(const std::string& path) {
  auto text = read_file(path, kSecretBytesMax);
  if (!text) return std::unexpected(text.error());
  std::string_view trimmed = *text;
  while (!trimmed.empty() && (trimmed.back() == '\n' || trimmed.back() == '\r')) {
    trimmed.remove_suffix(1);
  }
  Secret secret(trimmed);
  if (secret.empty()) return client_error("misused", path + ": is empty");
  return secret;
}

Result<Secret> read_token(const Common& common) {
  if (common.token_file.empty()) {
    const char* variable = std::getenv(kTokenVariable);
    if (variable == nullptr || *variable == '\0') {
      return client_error("misused", std::string("no admin token: name its file with --token-file, "
                                                 "or set ") +
                                         kTokenVariable);
    }
    return Secret(variable);
  }
  struct stat file{};
  constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
  if (::stat(common.token_file.c_str(), &file) == 0 && (file.st_mode & kOthers) != 0) {
    fmt::print(stderr, "capsem admin: {} can be read by others: chmod 600 it\n", common.token_file);
  }
  return read_secret(common.token_file);
}

Result<client::Peer> peer_of(const Common& common) {
  const auto url = proxy::parse_base_url(common.url);
  if (!url) return client_error("misused", "--url: " + url.error().detail);
  if (!url->tls && !proxy::loopback_name(url->host)) {
    fmt::print(stderr,
               "capsem admin: {} is not this machine, and the token goes there unencrypted\n",
               url->host);
  }
  return client::Peer{
      .tls = url->tls, .host = url->host, .port = url->port, .ca_file = common.ca_file};
}

int ask(const Word& word, const Common& common, const Given& given) {
  const auto peer = peer_of(common);
  if (!peer) return misused(peer.error().detail, "");
  const auto token = read_token(common);
  if (!token) return misused(token.error().detail, "");
  auto request = request_of(word, given);
  if (!request) return misused(request.error().detail, "");
  request->headers.emplace_back("Authorization", "Bearer " + std::string(token->reveal()));
  const auto answer =
      client::call(*peer, *request, {.time = std::chrono::seconds(common.timeout_s)});
  if (!answer) {
    fmt::print(stderr, "capsem admin: {}\n", answer.error().detail);
    return 1;
  }
  if (answer->status >= 300) {
    fmt::print(stderr, "capsem admin: {}\n", show_errors(answer->status, answer->body));
    return 1;
  }
  if (answer->body.empty()) return 0;
  const auto shown = show_answer(word, answer->body);
  if (!shown) return fail(shown.error());
  std::fputs(common.json ? answer->body.c_str() : shown->text.c_str(), stdout);
  if (common.json && !answer->body.ends_with('\n')) std::fputc('\n', stdout);
  if (!shown->shown_once.empty()) {
    std::fflush(stdout);
    fmt::print(stderr,
               "capsem admin: keep the {} now: it is not kept here and cannot be shown again\n",
               word.shown_once);
  }
  if (!common.json && !shown->next.empty()) {
    std::fflush(stdout);
    fmt::print(stderr, "capsem admin: there is more: --cursor {}\n", shown->next);
  }
  return shown->holds ? 0 : 1;
}

void add_common(CLI::App& app, Common& common) {
  app.add_option("--url", common.url, "the admin listener [" + common.url + "]")
      ->envname(kUrlVariable);
  app.add_option("--token-file", common.token_file,
                 std::string("file of the admin token; -: standard input (env ") + kTokenVariable +
                     " holds the token itself)");
  app.add_option("--ca-file", common.ca_file, "trusted certificates of an https URL (PEM file)");
  app.add_option("--timeout-s", common.timeout_s, "for the whole call [30]");
  app.add_flag("--json", common.json, "the API's answer as it came");
}

// One row's flags, as CLI11 has them.
class RowFlags {
 public:
  RowFlags(CLI::App& app, const Word& word) {
    for (const std::string_view name : word.positionals) {
      add(app.add_option(std::string(name), value(name), help_of(word, name))->required(), name);
    }
    for (const Field& field : word.fields) {
      if (!field.flag.starts_with("-")) continue;
      if (field.kind == Kind::Flag) {
        add(app.add_flag(std::string(field.flag))->description(std::string(field.help)),
            field.flag);
        continue;
      }
      auto* option =
          app.add_option(std::string(field.flag), value(field.flag), std::string(field.help));
      add(option->required(field.required), field.flag);
    }
    if (word.secret.member.empty()) return;
    auto* from_stdin = app.add_flag(std::string(word.secret.stdin_flag), secret_from_stdin_,
                                    "read the key from standard input");
    app.add_option(std::string(word.secret.file_flag), secret_file_, "read the key from this file")
        ->excludes(from_stdin);
  }

  // After the parse.
  Result<Given> given() const {
    Given given;
    for (const Entry& entry : entries_) {
      if (entry.option->count() > 0) given.values.emplace(entry.name, *entry.value);
    }
    if (!secret_from_stdin_ && secret_file_.empty()) return given;
    auto secret = read_secret(secret_from_stdin_ ? "-" : secret_file_);
    if (!secret) return std::unexpected(secret.error());
    given.secret = std::move(*secret);
    return given;
  }

 private:
  struct Entry {
    std::string_view name;
    const CLI::Option* option;
    const std::string* value;
  };
  static std::string help_of(const Word& word, std::string_view positional) {
    for (const Field& field : word.fields) {
      if (field.flag == positional) return std::string(field.help);
    }
    return {};
  }
  std::string& value(std::string_view) { return values_.emplace_back(); }
  void add(const CLI::Option* option, std::string_view name) {
    if (values_.empty()) values_.emplace_back();
    entries_.push_back({name, option, &values_.back()});
  }

  std::deque<std::string> values_;  // CLI11 keeps pointers into it
  std::vector<Entry> entries_;
  bool secret_from_stdin_ = false;
  std::string secret_file_;
};

int run_word(const Word& word, std::vector<std::string> rest) {
  CLI::App app(std::string(word.help), fmt::format("capsem admin {} {}", word.noun, word.verb));
  Common common;
  RowFlags flags(app, word);
  add_common(app, common);
  if (const auto status = parse_arguments(app, rest)) return *status;
  if (auto kept = keep_to_itself(); !kept) return fail(kept.error());
  const auto given = flags.given();
  if (!given) return misused(given.error().detail, "");
  return ask(word, common, *given);
}

}  // namespace

int run_admin(Arguments arguments) {
  std::vector<std::string> flags;
  std::vector<std::string> words = words_first(arguments, flags);
  if (words.empty()) {
    const bool help = std::ranges::any_of(
        flags, [](const std::string& flag) { return flag == "--help" || flag == "-h"; });
    print_usage(help ? stdout : stderr);
    return help ? 0 : 2;
  }
  const std::string noun = words[0];
  std::vector<std::string_view> nouns, verbs;
  for (const Word& word : admin_words()) {
    nouns.push_back(word.noun);
    if (word.noun == noun) verbs.push_back(word.verb);
  }
  if (verbs.empty()) {
    return misused("there is no '" + noun + "'", policy::suggestion(noun, nouns));
  }
  const bool with_verb = words.size() > 1 && !words[1].starts_with("-");
  const Word* word = with_verb ? find_word(noun, words[1]) : default_word(noun);
  if (word == nullptr) {
    const std::string verb = with_verb ? words[1] : std::string();
    return misused(
        fmt::format("{}: {}", noun, with_verb ? "no '" + verb + "'" : std::string("what of them?")),
        fmt::format("{} ({})", policy::suggestion(verb, verbs), fmt::join(verbs, ", ")));
  }
  words.erase(words.begin(), words.begin() + (with_verb ? 2 : 1));
  words.insert(words.end(), flags.begin(), flags.end());
  return run_word(*word, std::move(words));
}

}  // namespace capsem::app
