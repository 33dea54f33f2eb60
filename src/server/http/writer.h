// Heads and chunk framing as bytes. A head is written from parts; nothing is copied through from a
// peer without having been parsed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace capsem::http {

std::string_view reason_phrase(int status);

void append_status_line(std::string& out, int status);
// "name: value\r\n". REQUIRES: neither holds a line end.
inline void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}
void append_field(std::string& out, std::string_view name, std::uint64_t value);
void append_number(std::string& out, std::uint64_t value);

// "1a\r\n": what stands before a chunk of `bytes`; "\r\n" follows it.
void append_chunk_line(std::string& out, std::size_t bytes);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace capsem::http
