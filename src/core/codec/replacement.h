// Answers and ends of streams in which a text stands for what was refused (R84), one set of
// functions per dialect. Internal to codec/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/codec/codec.h"
#include "core/codec/facts.h"

namespace capsem::codec {

struct Replacement {
  void (*write)(const wire::JsonReader& answer, std::string_view text, std::string& out);
  void (*track)(const wire::JsonReader& event, bool left, StreamPosition& position);
  void (*write_stream)(std::string_view text, const StreamPosition& position, Framing framing,
                       std::string& out);
};

extern const Replacement kChatReplacement, kResponsesReplacement, kGeminiReplacement,
    kAnthropicReplacement;

// Writes one JSON object, member by member.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }

  ObjectWriter& text(std::string_view name, std::string_view value);
  ObjectWriter& number(std::string_view name, std::uint64_t value);
  // `json` as it stands; nothing when it is empty.
  ObjectWriter& raw(std::string_view name, std::string_view json);
  void close() { out_ += '}'; }

 private:
  void name(std::string_view name);

  std::string& out_;
  bool first_ = true;
};

// The bytes of the member `name` of the object at `object`; empty when there is none.
std::string_view raw_member(const wire::JsonReader& json, std::uint32_t object,
                            std::string_view name);
// Its text, when it is a string; else empty.
std::string_view text_member(const wire::JsonReader& json, std::uint32_t object,
                             std::string_view name);

// Copies the members of the root that are in `names`, or (`but`) those that are not.
void copy_members(const wire::JsonReader& json, std::span<const std::string_view> names, bool but,
                  ObjectWriter& out);

// The choice `index`, made on first sight; nullptr past what any provider gives.
StreamPosition::Choice* choice_of(StreamPosition& position, std::uint32_t index);

// Keeps the event's id, model and time under the dialect's names.
struct EnvelopeNames {
  std::string_view id, model, created;
};
void track_envelope(const wire::JsonReader& json, std::uint32_t object, const EnvelopeNames& names,
                    StreamPosition& position);

}  // namespace capsem::codec
