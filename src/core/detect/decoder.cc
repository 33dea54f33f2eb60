#include "core/detect/decoder.h"

#include <algorithm>

#include "core/detect/chars.h"
#include "core/detect/view_trigger.h"

namespace capsem::detect {

void Decoder::Pending::pop(std::size_t count) {
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(count), bytes.begin() + size,
            bytes.begin());
  std::copy(source.begin() + static_cast<std::ptrdiff_t>(count), source.begin() + size,
            source.begin());
  size = static_cast<std::uint8_t>(size - count);
}

void Decoder::feed(const ViewText& in, ViewText& out) {
  for (const Run& run : in.runs()) {
    const std::string_view bytes = in.bytes().substr(run.at, run.size);
    if (run.copy()) {
      feed(bytes, run.from, out);
      continue;
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) push(bytes[i], run.source_of(i), out);
  }
}

void Decoder::feed(std::string_view bytes, std::uint64_t from, ViewText& out) {
  for (std::size_t p = 0; p < bytes.size();) {
    if (idle()) {
      const std::size_t next = next_encoded(bytes, p);
      if (next != p) {
        out.copy(bytes.substr(p, next - p), from + p);
        before_ = bytes[next - 1];
        p = next;
        continue;
      }
    }
    push(bytes[p], {from + p, from + p + 1}, out);
    ++p;
  }
}

void Decoder::finish(ViewText& out) {
  settle(true, out);
  mode_ = Encoded::No;
  before_ = '\0';
}

void Decoder::push(char b, SourceRange source, ViewText& out) {
  pending_.push(b, source);
  settle(false, out);
}

void Decoder::settle(bool last, ViewText& out) {
  while (!pending_.empty()) {
    const bool more = mode_ == Encoded::Base64 ? settle_base64(last, out)
                      : mode_ == Encoded::Hex  ? settle_hex(last, out)
                                               : settle_plain(last, out);
    if (!more) return;
  }
}

bool Decoder::settle_plain(bool last, ViewText& out) {
  const Reading reading = read_encoded(pending_.view(), before_, last);
  switch (reading.is) {
    case Encoded::Open:
      return false;
    case Encoded::No:
      before_ = pending_.bytes[0];
      out.byte(before_, pending_.source[0]);
      pending_.pop(1);
      return true;
    case Encoded::Unit:
      before_ = '\0';
      return take_unit(reading.view(), reading.span, out);
    case Encoded::Base64:
    case Encoded::Hex:
      mode_ = reading.is;
      check_ = {};
      return true;
  }
  return false;
}

bool Decoder::take_unit(std::string_view text, std::size_t span, ViewText& out) {
  out.unit(text, {pending_.source[0].begin, pending_.source[span - 1].end});
  pending_.pop(span);
  return true;
}

bool Decoder::readable(char* text, std::size_t size) {
  TextCheck check = check_;
  for (std::size_t i = 0; i < size; ++i) {
    bool wrong = false;
    if (!check.accept(text[i], wrong)) return false;
    if (wrong) text[i] = ' ';
  }
  check_ = check;
  return true;
}

// What is left of the run is no beginning of another: it counts as the middle of a word.
void Decoder::end_run() {
  mode_ = Encoded::No;
  before_ = 'A';
}

// A group of four digits, or what is left at the end of a run with its padding. A line end between
// groups belongs to the group after it.
bool Decoder::settle_base64(bool last, ViewText& out) {
  const std::string_view s = pending_.view();
  std::size_t begin = 0;
  if (s[0] == '\r') begin = 1;
  if (begin == s.size()) return last ? (end_run(), true) : false;
  if (s[begin] == '\n') ++begin;
  std::size_t p = begin;
  unsigned bits = 0;
  while (p < s.size() && p < begin + 4 && is_base64(s[p])) {
    bits = bits << 6 | static_cast<unsigned>(base64_value(s[p++]));
  }
  const std::size_t digits = p - begin;
  if (digits < 4 && p == s.size() && !last) return false;
  std::size_t padding = 0;
  while (digits >= 2 && digits + padding < 4 && p < s.size() && s[p] == '=') ++p, ++padding;
  if (digits >= 2 && digits + padding < 4 && p == s.size() && !last) return false;
  if (digits < 2 || (begin > 0 && digits + padding < 4)) {
    end_run();
    return true;
  }
  bits <<= 6 * (4 - digits);
  char text[3] = {static_cast<char>(bits >> 16 & 255), static_cast<char>(bits >> 8 & 255),
                  static_cast<char>(bits & 255)};
  const bool text_left = readable(text, digits - 1);
  if (!text_left || digits < 4) end_run();
  return text_left ? take_unit({text, digits - 1}, p, out) : true;
}

bool Decoder::settle_hex(bool last, ViewText& out) {
  const std::string_view s = pending_.view();
  if (s.size() < 2 && hex_value(s[0]) >= 0 && !last) return false;
  const int high = hex_value(s[0]), low = s.size() < 2 ? -1 : hex_value(s[1]);
  char text = static_cast<char>(high << 4 | low);
  if (high < 0 || low < 0 || !readable(&text, 1)) {
    end_run();
    return true;
  }
  return take_unit({&text, 1}, 2, out);
}

}  // namespace capsem::detect
