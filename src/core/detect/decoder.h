// One stage of undoing encodings (encoding.h): text in, in pieces, text out, however it was cut.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/detect/encoding.h"
#include "core/detect/view_text.h"

namespace capsem::detect {

class Decoder {
 public:
  // `before`: the byte before the first one to come.
  explicit Decoder(char before = '\0') : before_(before) {}

  // Appends to `out` what `in` settles, or these bytes of the source from `from` on.
  void feed(const ViewText& in, ViewText& out);
  void feed(std::string_view bytes, std::uint64_t from, ViewText& out);
  void finish(ViewText& out);

  bool idle() const { return pending_.empty() && mode_ == Encoded::No; }
  // The first source byte that is not settled, or `none`.
  std::uint64_t open_from(std::uint64_t none) const {
    return pending_.empty() ? none : pending_.source[0].begin;
  }

 private:
  // Bytes that wait for more: never as many as kEncodedMax between calls.
  struct Pending {
    std::array<char, kEncodedMax + 1> bytes;
    std::array<SourceRange, kEncodedMax + 1> source;
    std::uint8_t size = 0;

    bool empty() const { return size == 0; }
    std::string_view view() const { return {bytes.data(), size}; }
    void push(char b, SourceRange from) {
      bytes[size] = b;
      source[size++] = from;
    }
    void pop(std::size_t count);
  };

  void push(char b, SourceRange source, ViewText& out);
  void settle(bool last, ViewText& out);
  // Each takes what it can from the front of pending_; false: more is needed.
  bool settle_plain(bool last, ViewText& out);
  bool settle_base64(bool last, ViewText& out);
  bool settle_hex(bool last, ViewText& out);
  bool take_unit(std::string_view text, std::size_t span, ViewText& out);
  // `text` if it can be borne as text, its wrong bytes as spaces; otherwise the run ends.
  bool readable(char* text, std::size_t size);
  void end_run();

  Pending pending_;
  Encoded mode_ = Encoded::No;  // Base64 or Hex: inside a run
  TextCheck check_;
  char before_;
};

}  // namespace capsem::detect
