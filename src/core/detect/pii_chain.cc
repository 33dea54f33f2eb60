#include "core/detect/pii_chain.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/detect/chars.h"
#include "core/detect/half_bytes.h"
#include "core/detect/street.h"
#include "core/detect/trigger.h"
#include "core/detect/words.h"

namespace capsem::detect {
namespace {

bool blob_before(std::string_view s, std::size_t p) {
  return (class_at(s, p - 1) & kBlob) != 0;
}

std::size_t blob_begin(std::string_view s, std::size_t end, std::size_t floor) {
  while (end > floor && blob_before(s, end)) --end;
  return end;
}

constexpr bool opens(char c) {
  return (class_of(c) & (kDigit | kUpper)) != 0 || static_cast<unsigned char>(c) >= 0x80;
}

// Whether a chain goes on over this token, which opens() at no byte, towards its beginning: it ends
// in a particle.
bool ends_open(std::string_view token) {
  std::size_t begin = token.size();
  while (begin > 0 && is_lower(token[begin - 1])) --begin;
  const std::string_view word = token.substr(begin);
  return is_particle(word, false) || is_address_link(word) || word == "of";
}

// ASCII blobs: bits that stand for products of halves which hold nothing else.
constexpr std::uint8_t kOpens = 2 | 4 | 8;  // opens()
constexpr HalfBytes kBlobs = [] {
  HalfBytes table;
  for (unsigned i = 0; i < 0x80; ++i) {
    const char c = static_cast<char>(i);
    if ((class_of(c) & kBlob) == 0) continue;
    std::uint8_t bit = i < 0x30               ? 1
                       : c == ':' || c == '@' ? 16
                       : i < 0x60             ? 32
                       : i < 0x70             ? 64
                                              : 128;
    if (is_digit(c)) bit = 2;
    if (is_upper(c)) bit = i < 0x50 ? 4 : 8;
    table.mark(c, bit);
  }
  return table;
}();
static_assert([] {
  for (unsigned i = 0; i < 0x80; ++i) {
    const char c = static_cast<char>(i);
    if ((kBlobs.at(c) != 0) != ((class_of(c) & kBlob) != 0)) return false;
    if (((kBlobs.at(c) & kOpens) != 0) != opens(c)) return false;
  }
  return true;
}());

// The last 64 bytes of a text, the highest bit the last one.
struct TailMasks {
  std::uint64_t blob = 0, opens = 0, high = 0, gap = 0;
};

#if defined(__AVX2__)
// REQUIRES: 64 readable bytes at p.
TailMasks masks_of(const char* p) {
  const WideHalfBytes table(kBlobs);
  TailMasks m;
  for (unsigned half = 0; half < 2; ++half) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32 * half));
    const __m256i sets = table.of(bytes), zero = _mm256_setzero_si256();
    const auto put = [half](std::uint64_t& to, __m256i from) {
      to |= std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(from))} << 32 * half;
    };
    put(m.blob, _mm256_cmpeq_epi8(sets, zero));
    put(m.opens, _mm256_cmpeq_epi8(_mm256_and_si256(sets, _mm256_set1_epi8(kOpens)), zero));
    put(m.high, bytes);
  }
  m.blob = ~m.blob;
  m.opens = ~m.opens;
  m.gap = block_equals(p, ' ') | block_equals(p, ',');
  return m;
}
#else
TailMasks masks_of(const char* p) {
  TailMasks m;
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    const std::uint8_t sets = kBlobs.at(p[i]);
    m.blob |= std::uint64_t{sets != 0} << i;
    m.opens |= std::uint64_t{(sets & kOpens) != 0} << i;
    m.high |= std::uint64_t{static_cast<unsigned char>(p[i]) >= 0x80} << i;
    m.gap |= std::uint64_t{p[i] == ' ' || p[i] == ','} << i;
  }
  return m;
}
#endif

unsigned ones(std::uint64_t bits, unsigned from) {
  return from < kBlockBytes ? static_cast<unsigned>(std::countl_one(bits << from)) : 0;
}

// open_chain() where the last 64 bytes tell it, as they do nearly always; else s.size() + 1.
std::size_t short_chain(std::string_view s) {
  const std::size_t unknown = s.size() + 1;
  if (s.size() < kBlockBytes) return unknown;
  const TailMasks m = masks_of(s.data() + s.size() - kBlockBytes);
  unsigned hold = ones(m.blob, 0);
  for (;;) {
    const unsigned gap = std::min(ones(m.gap, hold), 2U), token = ones(m.blob, hold + gap);
    const unsigned begin = hold + gap + token;
    // One more byte is known before it, and nothing of it needs decoding.
    if (begin >= kBlockBytes || m.high >> (kBlockBytes - 1 - begin) != 0) return unknown;
    if (gap == 0 || token == 0) break;
    const std::uint64_t inside = (m.opens << (hold + gap)) >> (kBlockBytes - token);
    if (inside == 0 && !ends_open(s.substr(s.size() - begin, token))) break;
    hold = begin;
  }
  return s.size() - hold;
}

}  // namespace

std::size_t open_chain(std::string_view s) {
  if (const std::size_t known = short_chain(s); known <= s.size()) return known;
  const std::size_t floor = s.size() > kHoldMax ? s.size() - kHoldMax : 0;
  std::size_t begin = blob_begin(s, s.size(), floor);
  std::size_t hold = begin;
  // The word that is still coming may be what tells a name before it.
  while (begin > floor) {
    std::size_t end = begin;
    while (end > floor && begin - end < 2 && (s[end - 1] == ' ' || s[end - 1] == ',')) --end;
    if (end == begin || end == floor || !blob_before(s, end)) break;
    const std::size_t token = blob_begin(s, end, floor);
    const std::string_view text = s.substr(token, end - token);
    if (!std::ranges::any_of(text, opens) && !ends_open(text)) break;
    hold = begin = token;
  }
  return hold;
}

}  // namespace capsem::detect
