// A text and where each of its bytes comes from: what the stages of a view hand to each other.
//
// A run is a row of equal units: so many bytes of the view that together stand for so many bytes of
// the source. One byte for one is a copy; an escape, a group of base64, a replaced character are
// units too, and a deleted one has no bytes. Of a unit nobody can take a part, neither a finding
// nor who redacts it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capsem::detect {

struct SourceRange {
  std::uint64_t begin = 0, end = 0;
  bool operator==(const SourceRange&) const = default;
};

struct Run {
  std::uint64_t at = 0;      // where it begins in the view
  std::uint64_t from = 0;    // where it begins in the source
  std::uint32_t size = 0;    // its bytes in the view
  std::uint32_t unit = 1;    // ... and those of one unit; both 0: deleted
  std::uint32_t stride = 1;  // source bytes of one unit

  bool copy() const { return unit == 1 && stride == 1; }
  // The source of the unit that holds byte `offset` of the run.
  SourceRange source_of(std::uint64_t offset) const {
    const std::uint64_t begin = from + (unit == 0 ? 0 : offset / unit * stride);
    return {begin, begin + stride};
  }
  std::uint64_t source_end() const { return unit == 0 ? from + stride : source_of(size - 1).end; }
};

// Which source bytes a range of a view stands for. Holds what can still be asked for, no more.
class ViewMap {
 public:
  explicit ViewMap(std::uint64_t at = 0) : end_(at) {}

  void copy(std::uint64_t from, std::uint32_t size);
  // Appends a unit of `size` view bytes. A deleted one joins the deleted ones before it; a unit
  // that comes piece by piece, each with the whole source, is one.
  void unit(std::uint32_t size, SourceRange source);

  std::uint64_t end() const { return end_; }  // view bytes mapped so far
  const std::vector<Run>& runs() const { return runs_; }

  // The source of view bytes [begin, end): whole units. REQUIRES: begin < end, both held.
  SourceRange source_of(std::uint64_t begin, std::uint64_t end) const;
  // Forgets what lies before view byte `at`.
  void forget(std::uint64_t at);
  void clear();

 private:
  const Run& run_at(std::uint64_t at) const;
  void join_last();

  std::vector<Run> runs_;
  std::uint64_t end_;
};

// Bytes on their way from one stage to the next; a map beside them.
class ViewText {
 public:
  void clear();
  void copy(std::string_view bytes, std::uint64_t from);
  void unit(std::string_view bytes, SourceRange source);
  // One byte as it came: a copy of one source byte, or a part of a unit.
  void byte(char b, SourceRange source);

  std::string_view bytes() const { return bytes_; }
  const std::vector<Run>& runs() const { return map_.runs(); }

 private:
  std::string bytes_;
  ViewMap map_;
};

}  // namespace capsem::detect
