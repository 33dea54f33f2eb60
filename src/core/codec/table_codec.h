// A codec that is a table and a way to end a stream. Internal to codec/.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/codec/codec.h"
#include "core/codec/replacement.h"
#include "core/codec/rows.h"
#include "core/codec/trie.h"

namespace capsem::codec {

// Everything that makes a dialect.
struct DialectTable {
  Dialect dialect;
  bool both_spellings = false;  // snake_case beside the camelCase that the rows are written in
  Table rows;
  std::span<const FactRow> facts;
  void (*write_stream_error)(std::string_view message, std::string_view code, Framing framing,
                             bool first, std::uint64_t next_sequence, std::string& out);
  bool asks_for_usage = false;               // usage comes only when it is asked for
  const Replacement* replacement = nullptr;  // of refused calls, where the dialect has one
};

std::unique_ptr<Codec> make_table_codec(DialectTable table);

// How the OpenAI dialects without typed events end a stream.
void write_openai_stream_error(std::string_view message, std::string_view code, Framing framing,
                               bool first, std::uint64_t next_sequence, std::string& out);
// {"message":M,"type":T,"param":null,"code":C}
void append_openai_error(std::string& out, std::string_view message, std::string_view code);

}  // namespace capsem::codec
