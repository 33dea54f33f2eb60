#include "server/mock/encode.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <array>

namespace capsem::mock {
namespace {

constexpr std::size_t kBlock = 16u << 10;
// zlib's way of choosing the wrapper: 15 window bits, 16 more for gzip.
constexpr int kZlibWindow = 15, kGzipWindow = 15 + 16;

class ZlibEncoder final : public Encoder {
 public:
  explicit ZlibEncoder(int window) {
    deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  }
  ~ZlibEncoder() override { deflateEnd(&stream_); }
  ZlibEncoder(const ZlibEncoder&) = delete;
  ZlibEncoder& operator=(const ZlibEncoder&) = delete;

  std::string encode(std::string_view text, bool last) override {
    std::string in(text), out;
    stream_.next_in = reinterpret_cast<Bytef*>(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    std::array<char, kBlock> block;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = kBlock;
      deflate(&stream_, last ? Z_FINISH : Z_SYNC_FLUSH);
      out.append(block.data(), kBlock - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return out;
  }

 private:
  z_stream stream_{};
};

class BrotliEncoder final : public Encoder {
 public:
  std::string encode(std::string_view text, bool last) override {
    const auto operation = last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH;
    const auto* in = reinterpret_cast<const std::uint8_t*>(text.data());
    std::size_t in_size = text.size();
    std::string out;
    std::array<std::uint8_t, kBlock> block;
    do {
      std::uint8_t* at = block.data();
      std::size_t room = kBlock;
      BrotliEncoderCompressStream(state_.get(), operation, &in_size, &in, &room, &at, nullptr);
      out.append(reinterpret_cast<const char*>(block.data()), kBlock - room);
    } while (in_size > 0 || BrotliEncoderHasMoreOutput(state_.get()) != 0);
    return out;
  }

 private:
  std::unique_ptr<BrotliEncoderState, decltype(&BrotliEncoderDestroyInstance)> state_{
      BrotliEncoderCreateInstance(nullptr, nullptr, nullptr), &BrotliEncoderDestroyInstance};
};

class ZstdEncoder final : public Encoder {
 public:
  std::string encode(std::string_view text, bool last) override {
    ZSTD_inBuffer in{text.data(), text.size(), 0};
    std::string out;
    std::array<char, kBlock> block;
    std::size_t left = 0;
    do {
      ZSTD_outBuffer to{block.data(), block.size(), 0};
      left = ZSTD_compressStream2(state_.get(), &to, &in, last ? ZSTD_e_end : ZSTD_e_flush);
      out.append(block.data(), to.pos);
    } while (left > 0 && ZSTD_isError(left) == 0);
    return out;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> state_{ZSTD_createCCtx(), &ZSTD_freeCCtx};
};

}  // namespace

std::unique_ptr<Encoder> make_encoder(Encoding encoding) {
  switch (encoding) {
    case Encoding::Identity:
      return nullptr;
    case Encoding::Gzip:
      return std::make_unique<ZlibEncoder>(kGzipWindow);
    case Encoding::Deflate:
      return std::make_unique<ZlibEncoder>(kZlibWindow);
    case Encoding::Brotli:
      return std::make_unique<BrotliEncoder>();
    case Encoding::Zstd:
      return std::make_unique<ZstdEncoder>();
  }
  return nullptr;
}

std::string_view content_encoding(Encoding encoding) {
  switch (encoding) {
    case Encoding::Identity:
      return "";
    case Encoding::Gzip:
      return "gzip";
    case Encoding::Deflate:
      return "deflate";
    case Encoding::Brotli:
      return "br";
    case Encoding::Zstd:
      return "zstd";
  }
  return "";
}

}  // namespace capsem::mock
