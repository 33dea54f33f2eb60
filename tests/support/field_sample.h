// Makes, from a row of a dialect's table, the smallest JSON text that holds a given word in that
// field, so that one loop over the rows tests all of them.
#pragma once

#include <string>
#include <string_view>

#include "core/codec/field.h"

namespace capsem::test {

enum class Spelling { AsWritten, Snake };

// The JSON text. `word` must need no JSON escapes; where the field holds JSON inside a string or
// raw, it is put there as a string value. The name of a `*` member is "any_member". Of a selector
// [k=v|w] the sample has the value `alternative` (or the last), counted from 0.
std::string sample_json(const codec::Field& field, std::string_view word,
                        Spelling spelling = Spelling::AsWritten, std::size_t alternative = 0);

// How many alternatives the field's selectors have at most; 1 when it has none.
std::size_t alternatives_of(const codec::Field& field);

// The same with a member that no row names, holding `word`, beside the field (in the object that
// the field is a member of). Empty when the field stands in no object of its own.
std::string sample_with_unknown(const codec::Field& field, std::string_view unknown_name,
                                std::string_view word);

// The SSE `event:` name that belongs to a Stream row's sample; empty when its dialect writes none.
std::string sample_event_name(const codec::Field& field, std::size_t alternative = 0);

}  // namespace capsem::test
