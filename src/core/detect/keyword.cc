// Keywords by an Aho-Corasick automaton, as a complete table over byte classes: one load per byte,
// whatever the keywords. Most text never enters it: while no keyword is under way, the pair of
// bytes that could start one is looked for 32 places at a time.
#include "core/detect/keyword.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/detect/chars.h"
#include "core/detect/half_bytes.h"

namespace capsem::detect {
namespace {

// Finds places where the two bytes may begin a keyword; the sets of bytes are groups of keywords.
// May report too much, never too little.
class StartFilter {
 public:
  void add(std::string_view keyword, unsigned group) {
    const auto bit = static_cast<std::uint8_t>(1U << group % 8);
    mark(first_, keyword[0], bit);
    if (keyword.size() > 1) {
      mark(second_, keyword[1], bit);
    } else {
      second_.mark_every_byte(bit);
    }
  }

  // The first place >= p that may begin a keyword, or text.size(). The last byte of the text has
  // no second byte yet: it may begin one if its own half of the test passes.
  std::size_t next(std::string_view text, std::size_t p) const {
#if defined(__AVX2__)
    const WideHalfBytes first(first_), second(second_);
    for (; p + 33 <= text.size(); p += 32) {
      const __m256i hit =
          _mm256_and_si256(first.at(text.data() + p), second.at(text.data() + p + 1));
      const auto none = static_cast<std::uint32_t>(
          _mm256_movemask_epi8(_mm256_cmpeq_epi8(hit, _mm256_setzero_si256())));
      if (none != 0xffffffffU) return p + static_cast<unsigned>(std::countr_one(none));
    }
#endif
    for (; p < text.size(); ++p) {
      const std::uint8_t one = first_.at(text[p]);
      if (one != 0 && (p + 1 == text.size() || (one & second_.at(text[p + 1])) != 0)) break;
    }
    return p;
  }

 private:
  static void mark(HalfBytes& halves, char c, std::uint8_t bit) {
    halves.mark(fold(c), bit);
    if (is_lower(fold(c))) halves.mark(static_cast<char>(fold(c) & ~0x20), bit);
  }

  HalfBytes first_, second_;
};

// A keyword of the same rule that holds this one `offset` bytes after its own beginning: where it
// stands too, only it is reported.
struct Outer {
  std::uint32_t keyword;
  std::uint32_t offset;
};

class KeywordDetector final : public Detector {
 public:
  KeywordDetector(std::span<const Keyword> keywords, Contents contents) : contents_(contents) {
    for (const auto& k : keywords) {
      if (k.text.empty() || k.text.find('\0') != std::string::npos) continue;  // cannot match
      Entry entry{k.text, k.rule, {}};
      for (auto& c : entry.text) c = fold(c);
      const auto same = [&](const Entry& e) { return e.rule == k.rule && e.text == entry.text; };
      if (std::none_of(entries_.begin(), entries_.end(), same))
        entries_.push_back(std::move(entry));
    }
    find_outer();
    assign_classes();
    build_trie();
    link();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      // Neighbours share a group: where they begin alike, the filter lets less through.
      filter_.add(entries_[i].text, static_cast<unsigned>(i * 8 / entries_.size()));
    }
  }
  ~KeywordDetector() override {
    if (contents_ == Contents::Public) return;
    for (Entry& entry : entries_) wipe(entry.text.data(), entry.text.size());
    wipe(next_.data(), next_.size());
    wipe(class_.data(), class_.size());
  }

  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }

  Result<std::size_t> scan(const Window& window, Scratch& /*scratch*/,
                           std::vector<Finding>& findings) const override {
    const std::string_view text = window.text;
    const std::size_t first_finding = findings.size();
    std::uint32_t state = 0;
    std::size_t p = window.from;
    while (p < text.size()) {
      if (state == 0) {
        p = filter_.next(text, p);
        if (p == text.size()) break;
      }
      state = next_[state * classes_ + class_[static_cast<unsigned char>(text[p])]];
      ++p;
      for (std::uint32_t s = first_output_[state]; s != 0; s = next_output_[s]) {
        report(window, ends_here_[s], p, findings);
      }
    }
    const std::size_t decided = window.last ? text.size() : text.size() - held_[state];
    drop_undecided(findings, first_finding, window.base + decided);
    return decided;
  }

 private:
  template <class T>
  static void wipe(T* data, std::size_t size) {
    // volatile: the compiler must not drop stores to memory that is about to be freed.
    volatile T* p = data;
    for (std::size_t i = 0; i < size; ++i) p[i] = 0;
  }

  struct Entry {
    std::string text;
    RuleId rule;
    std::vector<Outer> outer;
  };

  void find_outer() {
    for (auto& inner : entries_) {
      for (std::uint32_t k = 0; k < entries_.size(); ++k) {
        const Entry& outer = entries_[k];
        if (outer.rule != inner.rule || outer.text.size() <= inner.text.size()) continue;
        for (auto at = outer.text.find(inner.text); at != std::string::npos;
             at = outer.text.find(inner.text, at + 1)) {
          if (at <= kLookBehind) inner.outer.push_back({k, static_cast<std::uint32_t>(at)});
        }
      }
    }
  }

  void assign_classes() {
    for (const auto& e : entries_) {
      for (const char c : e.text) {
        auto& id = class_[static_cast<unsigned char>(c)];
        if (id == 0) id = static_cast<std::uint8_t>(classes_++);
      }
    }
    for (char c = 'a'; c <= 'z'; ++c) {
      class_[static_cast<unsigned char>(c & ~0x20)] = class_[static_cast<unsigned char>(c)];
    }
  }

  std::uint32_t add_state() {
    const auto state = static_cast<std::uint32_t>(depth_.size());
    next_.resize(next_.size() + classes_, 0);
    depth_.push_back(0);
    children_.push_back(false);
    ends_here_.push_back(kNone);
    return state;
  }

  // Keywords of the same text but different rules end in the same state: `twins_` lists the rest.
  void build_trie() {
    add_state();
    for (std::uint32_t k = 0; k < entries_.size(); ++k) {
      std::uint32_t state = 0;
      for (const char c : entries_[k].text) {
        const std::size_t slot = state * classes_ + class_[static_cast<unsigned char>(c)];
        if (next_[slot] == 0) {
          const std::uint32_t child = add_state();
          depth_[child] = depth_[state] + 1;
          children_[state] = true;
          next_[slot] = child;
        }
        state = next_[slot];
      }
      twins_.push_back(ends_here_[state]);
      ends_here_[state] = k;
    }
  }

  // Breadth first: a state's failure state is shallower, hence complete when it is needed.
  void link() {
    const std::size_t states = depth_.size();
    std::vector<std::uint32_t> fail(states, 0);
    held_.assign(states, 0);
    first_output_.assign(states, 0);
    next_output_.assign(states, 0);
    std::deque<std::uint32_t> queue{0};
    while (!queue.empty()) {
      const std::uint32_t state = queue.front();
      queue.pop_front();
      held_[state] = children_[state] ? depth_[state] : held_[fail[state]];
      next_output_[state] = state == 0 ? 0 : first_output_[fail[state]];
      first_output_[state] = ends_here_[state] != kNone ? state : next_output_[state];
      for (std::size_t c = 0; c < classes_; ++c) {
        auto& to = next_[state * classes_ + c];
        const std::uint32_t over_failure = state == 0 ? 0 : next_[fail[state] * classes_ + c];
        if (to == 0) {
          to = over_failure;
        } else {
          fail[to] = over_failure;
          queue.push_back(to);
        }
      }
    }
  }

  bool stands_at(std::string_view text, std::size_t at, const std::string& keyword) const {
    if (text.size() - at < keyword.size()) return false;
    return std::equal(keyword.begin(), keyword.end(),
                      text.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char k, char t) { return k == fold(t); });
  }

  bool covered(std::string_view text, std::size_t begin, const Entry& entry) const {
    return std::any_of(entry.outer.begin(), entry.outer.end(), [&](const Outer& o) {
      return o.offset <= begin && stands_at(text, begin - o.offset, entries_[o.keyword].text);
    });
  }

  void report(const Window& window, std::uint32_t keyword, std::size_t end,
              std::vector<Finding>& findings) const {
    for (; keyword != kNone; keyword = twins_[keyword]) {
      const Entry& entry = entries_[keyword];
      const std::size_t begin = end - entry.text.size();
      if (covered(window.text, begin, entry)) continue;
      findings.push_back({entry.rule, 1, window.base + begin, window.base + end});
    }
  }

  // A keyword that is complete may lie inside the beginning of a longer one that is not: it is
  // found again, and reported, when that is settled.
  static void drop_undecided(std::vector<Finding>& findings, std::size_t first,
                             std::uint64_t decided) {
    const auto begin = findings.begin() + static_cast<std::ptrdiff_t>(first);
    findings.erase(
        std::remove_if(begin, findings.end(), [&](const Finding& f) { return f.begin >= decided; }),
        findings.end());
  }

  static constexpr std::uint32_t kNone = ~0U;

  // Constant after construction.
  const Contents contents_;
  std::vector<Entry> entries_;
  StartFilter filter_;
  std::array<std::uint8_t, 256> class_{};  // 0: in no keyword
  std::size_t classes_ = 1;
  std::vector<std::uint32_t> next_;  // state * classes_ + class
  std::vector<std::uint32_t> depth_, held_;
  std::vector<bool> children_;
  std::vector<std::uint32_t> ends_here_;     // the keyword that ends in a state
  std::vector<std::uint32_t> first_output_;  // the longest suffix state in which one ends; 0: none
  std::vector<std::uint32_t> next_output_;
  std::vector<std::uint32_t> twins_;
};

}  // namespace

std::unique_ptr<const Detector> make_keyword_detector(std::span<const Keyword> keywords,
                                                      Contents contents) {
  return std::make_unique<KeywordDetector>(keywords, contents);
}

}  // namespace capsem::detect
