#include "server/upstream/inflate.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <array>

#include "server/http/head.h"

namespace capsem::upstream {
namespace {

constexpr std::size_t kBlock = 16u << 10;

class Zlib final : public Inflater {
 public:
  enum class Kind : std::uint8_t { Gzip, Deflate };

  Zlib(Kind kind, const InflateLimits& limits) : Inflater(limits), kind_(kind) {
    // 15 bits of window; +16: gzip.
    inflateInit2(&stream_, kind == Kind::Gzip ? 15 + 16 : 15);
  }
  ~Zlib() override { inflateEnd(&stream_); }

 private:
  bool decode(std::string_view input, std::string& out) override {
    if (complete_) return false;
    // "deflate" means zlib's format, but some servers send the raw one; the first byte tells.
    if (kind_ == Kind::Deflate && !begun_ && (input[0] & 0x0f) != 8) {
      inflateEnd(&stream_);
      stream_ = {};
      inflateInit2(&stream_, -15);
    }
    begun_ = true;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    std::array<char, kBlock> block;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = block.size();
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const std::size_t produced = block.size() - stream_.avail_out;
      out.append(block.data(), produced);
      if (over_cap(produced)) return false;
      if (result == Z_STREAM_END) {
        complete_ = true;
        return stream_.avail_in == 0;
      }
      if (result != Z_OK && result != Z_BUF_ERROR) return false;
    } while (stream_.avail_out == 0 || stream_.avail_in > 0);
    return true;
  }

  Kind kind_;
  bool begun_ = false;
  z_stream stream_{};
};

class Brotli final : public Inflater {
 public:
  explicit Brotli(const InflateLimits& limits)
      : Inflater(limits), state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
  ~Brotli() override { BrotliDecoderDestroyInstance(state_); }

 private:
  bool decode(std::string_view input, std::string& out) override {
    if (complete_) return false;
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    std::size_t left_in = input.size();
    std::array<std::uint8_t, kBlock> block;
    for (;;) {
      std::uint8_t* next_out = block.data();
      std::size_t left_out = block.size();
      const auto result =
          BrotliDecoderDecompressStream(state_, &left_in, &next_in, &left_out, &next_out, nullptr);
      const std::size_t produced = block.size() - left_out;
      out.append(reinterpret_cast<const char*>(block.data()), produced);
      if (over_cap(produced) || result == BROTLI_DECODER_RESULT_ERROR) return false;
      if (result == BROTLI_DECODER_RESULT_SUCCESS) {
        complete_ = true;
        return left_in == 0;
      }
      if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT) return true;
    }
  }

  BrotliDecoderState* state_;
};

class Zstd final : public Inflater {
 public:
  explicit Zstd(const InflateLimits& limits) : Inflater(limits), stream_(ZSTD_createDStream()) {
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, 23);  // 8 MiB, RFC 8878's advice for HTTP
  }
  ~Zstd() override { ZSTD_freeDStream(stream_); }

 private:
  bool decode(std::string_view input, std::string& out) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    std::array<char, kBlock> block;
    for (;;) {
      ZSTD_outBuffer to{block.data(), block.size(), 0};
      const std::size_t left = ZSTD_decompressStream(stream_, &to, &in);
      if (ZSTD_isError(left) != 0) return false;
      out.append(block.data(), to.pos);
      if (over_cap(to.pos)) return false;
      complete_ = left == 0;
      if (in.pos == in.size && to.pos < to.size) return true;
    }
  }

  ZSTD_DStream* stream_;
};

}  // namespace

std::unique_ptr<Inflater> Inflater::make(std::string_view encoding, const InflateLimits& limits) {
  const auto is = [&](std::string_view name) { return http::equals_ignoring_case(encoding, name); };
  if (is("gzip") || is("x-gzip")) return std::make_unique<Zlib>(Zlib::Kind::Gzip, limits);
  if (is("deflate")) return std::make_unique<Zlib>(Zlib::Kind::Deflate, limits);
  if (is("br")) return std::make_unique<Brotli>(limits);
  if (is("zstd")) return std::make_unique<Zstd>(limits);
  return nullptr;
}

bool Inflater::feed(std::string_view input, std::string& out) {
  if (input.empty()) return true;
  in_ += input.size();
  return decode(input, out);
}

bool Inflater::over_cap(std::uint64_t produced) {
  out_ += produced;
  // The ratio says little of the first few bytes, where a run of blanks may well reach it.
  constexpr std::uint64_t kFreeBytes = 1u << 20;
  return out_ > limits_.bytes_max ||
         (out_ > kFreeBytes && out_ > in_ * std::uint64_t{limits_.ratio_max});
}

}  // namespace capsem::upstream
