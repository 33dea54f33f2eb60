#include "server/app/findings_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace capsem::app {
namespace {

// Code points of text[0, byte), for bytes that ask in any order but mostly forwards.
class CodePoints {
 public:
  explicit CodePoints(std::string_view text) : text_(text) {}

  std::size_t at(std::size_t byte) {
    if (byte < byte_) byte_ = points_ = 0;
    for (; byte_ < byte; ++byte_) {
      if ((static_cast<unsigned char>(text_[byte_]) & 0xC0) != 0x80) ++points_;
    }
    return points_;
  }

 private:
  std::string_view text_;
  std::size_t byte_ = 0, points_ = 0;
};

}  // namespace

std::string findings_json(std::string_view text, std::span<const TextFinding> findings) {
  CodePoints points(text);
  std::string out = R"({"findings":[)";
  std::string_view separator;
  for (const TextFinding& f : findings) {
    const std::size_t start = points.at(f.byte_begin);
    const std::size_t end = points.at(f.byte_end);
    out += fmt::format(
        R"({}{{"type":"{}","start":{},"end":{},"byte_start":{},"byte_end":{},"score":{:.2f},"rule":"{}"}})",
        separator, to_string(f.type), start, end, f.byte_begin, f.byte_end, f.score,
        to_string(f.type));
    separator = ",";
  }
  return out + "]}";
}

std::string redact(std::string_view text, std::span<const TextFinding> findings) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < findings.size();) {
    const TextFinding& first = findings[i];
    std::size_t end = first.byte_end;
    for (++i; i < findings.size() && findings[i].byte_begin < end; ++i) {
      end = std::max(end, findings[i].byte_end);
    }
    out += text.substr(done, first.byte_begin - done);
    out += fmt::format("<{}>", to_string(first.type));
    done = end;
  }
  out += text.substr(done);
  return out;
}

}  // namespace capsem::app
