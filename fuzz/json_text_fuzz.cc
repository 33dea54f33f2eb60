// Undoing JSON escapes in pieces: the same text however it is cut; what is valid JSON decodes to
// what the JSON reader reads; the first broken place is the same place.
#include "core/wire/json.h"
#include "core/wire/json_text.h"
#include "fuzz/support.h"

namespace capsem::fuzz {
namespace {

struct Decoded {
  std::string text;
  bool broken = false;
};

Decoded decode(const std::vector<std::string_view>& pieces) {
  Decoded decoded;
  wire::JsonTextDecoder decoder;
  for (const auto piece : pieces) {
    const auto at = decoder.feed(piece, decoded.text);
    check(at == wire::JsonTextDecoder::npos || at < piece.size(), "the place lies in the piece");
    check(at == wire::JsonTextDecoder::npos || !decoded.broken, "only the first place is reported");
    decoded.broken = decoded.broken || at != wire::JsonTextDecoder::npos;
  }
  decoder.finish(decoded.text);
  return decoded;
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem;
  const auto text = fuzz::as_text(data, size);
  const auto whole = fuzz::decode({text});
  for (const std::uint64_t way : {0, 1, 2}) {
    const auto cut_up = fuzz::decode(fuzz::cut(text, way));
    fuzz::check(cut_up.text == whole.text, "a cut changes the text");
    fuzz::check(cut_up.broken == whole.broken, "a cut changes whether the text is broken");
  }
  std::string buffer;
  fuzz::check(wire::undo_json_escapes(text, buffer) == whole.text, "at once and in pieces differ");

  static wire::JsonReader reader;
  const fuzz::Padded padded(text, wire::JsonReader::kPadding);
  if (reader.parse(padded.view())) {
    fuzz::check(!whole.broken, "a JSON text is called broken");
    const auto& root = reader.nodes()[0];
    if (root.kind == wire::JsonKind::String && root.begin == 0 && root.end == size) {
      fuzz::check(whole.text == '"' + std::string(root.text) + '"',
                  "decoded as the reader decodes");
    }
  }
  return 0;
}
