// The last stage of a view: characters are folded (fold.h), and what comes out is the view's text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/detect/fold.h"
#include "core/detect/view_text.h"

namespace capsem::detect {

class Folder {
 public:
  // View and source offsets agree up to `at`, where the first byte will come from.
  Folder(View view, std::uint64_t at) : view_(view), source_(at) {}

  // Appends to `out`. Text that is stretched too far (view.h) is cut by a NUL.
  void feed(const ViewText& in, std::string& out, ViewMap& map);
  void finish(std::string& out, ViewMap& map);

  bool idle() const { return size_ == 0; }
  std::uint64_t open_from(std::uint64_t none) const { return size_ == 0 ? none : from_[0].begin; }
  // Source bytes up to here have left; the last one that did not leave as it came ends here.
  std::uint64_t changed() const { return changed_; }

 private:
  void feed_copy(std::string_view bytes, std::uint64_t from, std::string& out, ViewMap& map);
  void push(char b, SourceRange source, std::string& out, ViewMap& map);
  void settle(bool last, std::string& out, ViewMap& map);
  void take(std::string_view text, SourceRange source, std::string& out, ViewMap& map);
  void stretch(std::size_t size, std::uint64_t source_end, std::string& out, ViewMap& map);

  View view_;
  std::uint8_t size_ = 0;  // of a character whose end is missing
  std::array<char, kCharacterMax> bytes_{};
  std::array<SourceRange, kCharacterMax> from_{};
  std::uint64_t source_;  // end of what has left
  std::uint64_t changed_ = 0;
  std::uint64_t stretched_ = 0;  // source bytes beyond kStretch per view byte
};

}  // namespace capsem::detect
