#include "core/detect/folder.h"

#include <algorithm>

#include "core/detect/view_trigger.h"

namespace capsem::detect {

void Folder::feed(const ViewText& in, std::string& out, ViewMap& map) {
  for (const Run& run : in.runs()) {
    const std::string_view bytes = in.bytes().substr(run.at, run.size);
    if (run.copy()) {
      feed_copy(bytes, run.from, out, map);
      continue;
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) push(bytes[i], run.source_of(i), out, map);
  }
}

void Folder::feed_copy(std::string_view bytes, std::uint64_t from, std::string& out, ViewMap& map) {
  for (std::size_t p = 0; p < bytes.size();) {
    const std::size_t next = size_ == 0 ? next_high(bytes, p) : p;
    if (next != p) {
      out += bytes.substr(p, next - p);
      map.copy(from + p, static_cast<std::uint32_t>(next - p));
      stretch(next - p, from + next, out, map);
      p = next;
      continue;
    }
    push(bytes[p], {from + p, from + p + 1}, out, map);
    ++p;
  }
}

void Folder::finish(std::string& out, ViewMap& map) {
  settle(true, out, map);
}

void Folder::push(char b, SourceRange source, std::string& out, ViewMap& map) {
  bytes_[size_] = b;
  from_[size_++] = source;
  settle(false, out, map);
}

void Folder::settle(bool last, std::string& out, ViewMap& map) {
  while (size_ > 0) {
    Folded folded;
    if (static_cast<unsigned char>(bytes_[0]) >= 0x80) {
      folded = read_folded({bytes_.data(), size_}, view_, last);
    }
    if (folded.is == Folds::Open) return;
    const std::size_t span = folded.span;
    if (folded.is == Folds::To) {
      take(folded.view(), {from_[0].begin, from_[span - 1].end}, out, map);
    } else {
      for (std::size_t i = 0; i < span; ++i) take({&bytes_[i], 1}, from_[i], out, map);
    }
    std::copy(bytes_.begin() + span, bytes_.begin() + size_, bytes_.begin());
    std::copy(from_.begin() + span, from_.begin() + size_, from_.begin());
    size_ = static_cast<std::uint8_t>(size_ - span);
  }
}

void Folder::take(std::string_view text, SourceRange source, std::string& out, ViewMap& map) {
  out += text;
  if (text.size() == 1 && source.end - source.begin == 1) {
    map.copy(source.begin, 1);
  } else {
    map.unit(static_cast<std::uint32_t>(text.size()), source);
    changed_ = source.end;
  }
  stretch(text.size(), source.end, out, map);
}

void Folder::stretch(std::size_t size, std::uint64_t source_end, std::string& out, ViewMap& map) {
  stretched_ += source_end - std::min(source_end, source_);
  stretched_ -= std::min<std::uint64_t>(stretched_, kStretch * size);
  source_ = std::max(source_, source_end);
  if (stretched_ <= kStretchSlack) return;
  stretched_ = 0;
  out += '\0';
  map.unit(1, {source_end, source_end});
}

}  // namespace capsem::detect
