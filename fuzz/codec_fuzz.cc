// Every dialect reads any JSON text as a request, an answer and a stream event.
//   What is read lies within the text it was read from.
//   Nothing can be hidden: words put in place of any string, or as the name of a new member of any
//   object, are among the texts that are handed to the detectors. Identifiers and encoded bytes are
//   exempt from inspection, but only as long as they look like it, and these words do not.
#include "core/codec/codec.h"
#include "core/wire/json_text.h"
#include "fuzz/support.h"

namespace capsem::fuzz {
namespace {

using codec::Codec;
using codec::Dialect;
using wire::JsonKind;

constexpr std::string_view kPlanted = "these words were hidden here";

class Listener : public event::TextSink {
 public:
  explicit Listener(std::string_view source) : source_(source) {}

  void on_text(const event::Text& text) override {
    check(text.raw.begin <= text.raw.end && text.raw.end <= source_.size(),
          "a range within the text");
    std::string buffer;
    const auto seen = text.json ? wire::undo_json_escapes(text.text, buffer) : text.text;
    heard = heard || seen.find(kPlanted) != std::string_view::npos;
  }
  void on_scope_end(std::uint64_t) override {}
  void on_unchecked(std::string_view, std::string_view) override {}

  bool heard = false;

 private:
  std::string_view source_;
};

// True when the codec refused the text or heard the planted words.
enum class Kind { Request, Response, Event };
bool heard_or_refused(Dialect dialect, Kind kind, const wire::JsonReader& json) {
  const Codec& codec = codec::codec_for(dialect);
  Listener listener(json.text());
  event::RequestFacts request;
  event::ResponseFacts response;
  const Status status = kind == Kind::Request    ? codec.read_request(json, request, listener)
                        : kind == Kind::Response ? codec.read_response(json, response, listener)
                                                 : codec.read_event("", json, response, listener);
  return !status || listener.heard;
}

template <class F>
void in_every_role(F&& f) {
  for (std::size_t d = 0; d < codec::kDialectCount; ++d) {
    for (const Kind kind : {Kind::Request, Kind::Response, Kind::Event}) {
      f(static_cast<Dialect>(d), kind);
    }
  }
}

// `text` with the planted words in place of, or inside of, the value at `node`.
std::string plant(std::string_view text, const wire::JsonNode& node) {
  std::string planted(text.substr(0, node.begin));
  const auto literal = '"' + std::string(kPlanted) + '"';
  if (node.kind == JsonKind::Object) {
    planted += '{' + literal + ":0";
    const auto rest = text.substr(node.begin + 1);
    if (rest[rest.find_first_not_of(" \t\r\n")] != '}') planted += ',';
    return planted.append(rest);
  }
  return planted.append(literal).append(text.substr(node.end));
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem;
  using namespace capsem::fuzz;
  if (size > 4096) return 0;
  static wire::JsonReader reader, planted_reader;
  const Padded text(as_text(data, size), wire::JsonReader::kPadding);
  if (!reader.parse(text.view())) return 0;
  in_every_role([](Dialect dialect, Kind kind) { heard_or_refused(dialect, kind, reader); });

  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < reader.nodes().size(); ++i) {
    const auto kind = reader.nodes()[i].kind;
    if (kind == JsonKind::String || kind == JsonKind::Object) places.push_back(i);
  }
  if (places.empty()) return 0;
  IdSource random(hash_bytes(text.view()));
  for (int tries = 0; tries < 4; ++tries) {
    const auto& node = reader.nodes()[places[random.next() % places.size()]];
    const Padded planted(plant(text.view(), node), wire::JsonReader::kPadding);
    if (!planted_reader.parse(planted.view())) continue;  // a limit was passed
    in_every_role([&](Dialect dialect, Kind kind) {
      if (heard_or_refused(dialect, kind, planted_reader)) return;
      std::fprintf(stderr, "%s, %s: %s\n", std::string(codec::to_string(dialect)).c_str(),
                   kind == Kind::Request    ? "request"
                   : kind == Kind::Response ? "answer"
                                            : "event",
                   std::string(planted.view()).c_str());
      check(false, "words can be hidden from inspection");
    });
  }
  return 0;
}
