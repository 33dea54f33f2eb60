// Answers of the admin API as people read them. What callers, agents and administrators wrote
// cannot move a terminal's cursor: control characters are shown, not sent (T36).
#pragma once

#include <string>
#include <string_view>

#include "server/app/admin_words.h"

namespace capsem::app {

struct Shown {
  std::string text;        // for standard output
  std::string shown_once;  // the token or key that nobody can ask for again; "" when there is none
  std::string next;        // the cursor of the next page; "" on the last one
  bool holds = true;       // false: the word's must_hold is false
};

// An answer's body, {"data":...,"next":...}: lists as the word's table, all else member by member.
// An error when it is no such answer.
Result<Shown> show_answer(const Word& word, std::string_view body);

// "message (code)" of {"errors":[...]}, one line each; the status alone when there is none.
std::string show_errors(int status, std::string_view body);

// Control characters and what could pass for them as \xNN.
std::string printable(std::string_view text);

}  // namespace capsem::app
