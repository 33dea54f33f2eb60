#include "server/store/audit_chain.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

namespace capsem::store {

Digest digest_from(std::string_view bytes) {
  Digest digest{};
  if (bytes.size() == digest.size()) std::ranges::copy(bytes, digest.begin());
  return digest;
}

std::string to_hex(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

// The algorithm is looked up once: looking it up costs as much as digesting a short record. All
// columns but the line go through one buffer, for each update has a price of its own.
struct ChainDigester::Impl {
  EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string columns;

  void begin(const Digest& previous) {
    columns.clear();
    columns += bytes_of(previous);
  }
  void add_size(std::uint64_t size) {
    for (int shift = 0; shift < 64; shift += 8) columns += static_cast<char>(size >> shift & 255);
  }
  void add(std::string_view column) {
    add_size(column.size());
    columns += column;
  }
  void add(std::int64_t column) {
    add_size(sizeof column);
    add_size(static_cast<std::uint64_t>(column));
  }
  Digest end(std::string_view last = {}) {
    Digest digest{};
    const bool done = EVP_DigestInit_ex2(context, algorithm, nullptr) == 1 &&
                      EVP_DigestUpdate(context, columns.data(), columns.size()) == 1 &&
                      EVP_DigestUpdate(context, last.data(), last.size()) == 1 &&
                      EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1;
    if (!done) std::abort();  // no chain without digests: the library is broken
    return digest;
  }
};

ChainDigester::ChainDigester() : impl_(std::make_unique<Impl>()) {
  if (impl_->algorithm == nullptr || impl_->context == nullptr) std::abort();
}

ChainDigester::~ChainDigester() {
  EVP_MD_CTX_free(impl_->context);
  EVP_MD_free(impl_->algorithm);
}

Digest ChainDigester::record(const Digest& previous, const RecordColumns& columns) {
  Impl& x = *impl_;
  x.begin(previous);
  x.add(columns.segment);
  x.add(columns.seq);
  x.add(columns.kind);
  x.add(columns.time_ms);
  x.add(columns.run_id);
  x.add(columns.tenant);
  x.add_size(columns.line.size());
  return x.end(columns.line);
}

Digest ChainDigester::segment(const Digest& previous, const SegmentColumns& columns) {
  Impl& x = *impl_;
  x.begin(previous);
  x.add(columns.id);
  x.add(columns.gateway);
  x.add(columns.previous);
  x.add(columns.begun_ms);
  return x.end();
}

}  // namespace capsem::store
