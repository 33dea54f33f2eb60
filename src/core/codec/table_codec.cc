#include "core/codec/table_codec.h"

#include "core/codec/denial.h"
#include "core/codec/dialects.h"
#include "core/codec/usage.h"
#include "core/codec/walker.h"

namespace capsem::codec {
namespace {

class TableCodec final : public Codec {
 public:
  explicit TableCodec(DialectTable table)
      : table_(std::move(table)),
        request_(fields(), table_.facts, Where::Request, table_.both_spellings),
        response_(fields(), table_.facts, Where::Response, table_.both_spellings),
        stream_(fields(), table_.facts, Where::Stream, table_.both_spellings) {}

  Dialect dialect() const override { return table_.dialect; }
  std::span<const Field> fields() const override { return table_.rows.fields(); }

  Status read_request(const wire::JsonReader& json, event::RequestFacts& facts,
                      event::TextSink& sink) const override {
    if (json.nodes().empty() || json.nodes()[0].kind != wire::JsonKind::Object) {
      return client_error("invalid_request", "The request body is not a JSON object.");
    }
    Walker(request_, fields(), json, sink).read_request(facts);
    return {};
  }

  Status read_response(const wire::JsonReader& json, event::ResponseFacts& facts,
                       event::TextSink& sink) const override {
    Walker(response_, fields(), json, sink).read_response(facts);
    return {};
  }

  Status read_event(std::string_view name, const wire::JsonReader& json,
                    event::ResponseFacts& facts, event::TextSink& sink) const override {
    Walker(stream_, fields(), json, sink).read_event(name, facts);
    return {};
  }

  void write_stream_error(std::string_view message, std::string_view code, Framing framing,
                          bool first, std::uint64_t next_sequence,
                          std::string& out) const override {
    table_.write_stream_error(message, code, framing, first, next_sequence, out);
  }

  std::optional<BodyEdit> ask_for_usage(const wire::JsonReader& request) const override {
    return table_.asks_for_usage ? ask_openai_for_usage(request) : std::nullopt;
  }

  UsageTrace usage_trace(const wire::JsonReader& event) const override {
    return table_.asks_for_usage ? trace_openai_usage(event) : UsageTrace{};
  }

  bool write_replacement(const wire::JsonReader& answer, std::string_view text,
                         std::string& out) const override {
    const bool can = table_.replacement != nullptr && !answer.nodes().empty();
    if (can) table_.replacement->write(answer, text, out);
    return can;
  }

  void track(const wire::JsonReader& event, bool left, StreamPosition& position) const override {
    if (table_.replacement == nullptr || event.nodes().empty()) return;
    table_.replacement->track(event, left, position);
    position.started = position.started || left;
  }

  bool write_stream_replacement(std::string_view text, const StreamPosition& position,
                                Framing framing, std::string& out) const override {
    if (table_.replacement == nullptr) return false;
    table_.replacement->write_stream(text, position, framing, out);
    return true;
  }

 private:
  DialectTable table_;
  Trie request_, response_, stream_;
};

}  // namespace

std::unique_ptr<Codec> make_table_codec(DialectTable table) {
  return std::make_unique<TableCodec>(std::move(table));
}

std::string_view to_string(Dialect dialect) {
  switch (dialect) {
    case Dialect::OpenAiChat:
      return "openai_chat";
    case Dialect::OpenAiCompletions:
      return "openai_completions";
    case Dialect::OpenAiResponses:
      return "openai_responses";
    case Dialect::OpenAiEmbeddings:
      return "openai_embeddings";
    case Dialect::Gemini:
      return "gemini";
    case Dialect::GeminiInteractions:
      return "gemini_interactions";
    case Dialect::Anthropic:
      return "anthropic";
    case Dialect::AnthropicComplete:
      return "anthropic_complete";
  }
  return "";
}

const Codec& codec_for(Dialect dialect) {
  static const std::array<std::unique_ptr<Codec>, kDialectCount> codecs = {
      make_openai_chat(),      make_openai_completions(),
      make_openai_responses(), make_openai_embeddings(),
      make_gemini(),           make_gemini_interactions(),
      make_anthropic(),        make_anthropic_complete()};
  return *codecs[static_cast<std::size_t>(dialect)];
}

void append_openai_error(std::string& out, std::string_view message, std::string_view code) {
  out += "{\"message\":";
  append_json_string(out, message);
  out += ",\"type\":\"policy_violation\",\"param\":null,\"code\":";
  append_json_string(out, code);
  out += '}';
}

void write_openai_stream_error(std::string_view message, std::string_view code, Framing, bool,
                               std::uint64_t, std::string& out) {
  out += "data: {\"error\":";
  append_openai_error(out, message, code);
  out += ",\"detail\":";
  append_json_string(out, message);
  out += "}\n\n";
}

}  // namespace capsem::codec
