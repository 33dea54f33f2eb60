// What `capsem admin` can be asked, one row each: the words, the request of the admin API it stands
// for, and what is shown of the answer. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/secret.h"
#include "server/client/http_client.h"

namespace capsem::app {

// How what a person writes becomes a JSON value.
enum class Kind : std::uint8_t {
  Text,
  Number,   // a whole one
  Flag,     // true when it is given
  List,     // texts, split at commas
  Amounts,  // "requests_per_minute=10,tokens_per_day=5000" becomes an object
  File,     // the text of the file of this name; "-": standard input
};
enum class In : std::uint8_t { Body, Query, Path };

// One flag of one row; without dashes: a positional argument that needs more than its name says.
struct Field {
  std::string_view flag;    // "--name"
  std::string_view member;  // of the body, or the query's parameter: "name"
  std::string_view help;
  Kind kind = Kind::Text;
  In in = In::Body;
  bool required = false;
};

// A secret that a row takes: from standard input or a file, never from the command line, where
// every user of the machine could read it.
struct SecretField {
  std::string_view stdin_flag, file_flag;  // "--provider-key-stdin"
  std::string_view member;                 // "provider_key"; empty: the row takes none
  bool required = false;
};

// One column of the answer's table: a member, or one inside of another ("limits.per_day").
struct Column {
  std::string_view title, member;
};

struct Word {
  std::string_view noun, verb, help;
  std::string_view method;
  // {id} stands for what is given under that name. {file}, when it is not: the last part of the
  // path given as `source`.
  std::string_view path;
  std::vector<std::string_view> positionals{};
  std::vector<Field> fields{};
  SecretField secret{};
  std::vector<Column> columns{};  // of lists; empty: every answer is shown member by member
  std::string_view shown_once{};  // the member that nobody can ask for again
  std::string_view must_hold{};   // the member that is true when all is well
};

const std::vector<Word>& admin_words();

// What was given: positionals and fields by their names and flags.
struct Given {
  std::map<std::string, std::string, std::less<>> values;
  Secret secret;
};

// The request without its token. Errors say which flag is wrong: code "misused".
Result<client::Request> request_of(const Word& word, const Given& given);

}  // namespace capsem::app
