#include "core/codec/attachment.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/codec/opaque.h"

namespace capsem::codec {
namespace {

using wire::JsonKind;
using wire::JsonNode;

// Nobody attaches more kinds; a request that names them without end must not cost more than others.
constexpr std::size_t kTypesMax = 256;
constexpr std::size_t kMimeBytesMax = 127;

struct Extension {
  std::string_view name, mime;
};
constexpr Extension kExtensions[] = {
    {"avi", "video/x-msvideo"},
    {"bmp", "image/bmp"},
    {"c", "text/x-c"},
    {"cc", "text/x-c"},
    {"cpp", "text/x-c"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eml", "message/rfc822"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"go", "text/x-go"},
    {"gz", "application/gzip"},
    {"heic", "image/heic"},
    {"heif", "image/heif"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"java", "text/x-java"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"jsonl", "application/jsonl"},
    {"m4a", "audio/mp4"},
    {"md", "text/markdown"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"ogg", "audio/ogg"},
    {"opus", "audio/opus"},
    {"pdf", "application/pdf"},
    {"php", "text/x-php"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"py", "text/x-python"},
    {"rb", "text/x-ruby"},
    {"rtf", "application/rtf"},
    {"sh", "application/x-sh"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tex", "text/x-tex"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ts", "text/x-typescript"},
    {"tsv", "text/tab-separated-values"},
    {"txt", "text/plain"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
};
static_assert(std::ranges::is_sorted(kExtensions, {}, &Extension::name));

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "type/subtype" without its parameters; empty for what is none.
std::string mime_type(std::string_view text) {
  text = text.substr(0, text.find(';'));
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.size() > kMimeBytesMax || text.find('/') == std::string_view::npos) return {};
  const bool plain = std::ranges::all_of(
      text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
  return plain ? lower(text) : std::string();
}

std::string_view text_of(Nodes nodes, std::uint32_t object, std::string_view name) {
  const JsonNode* node = member_of(nodes, object, name);
  return node != nullptr && node->kind == JsonKind::String ? node->text : std::string_view();
}

// From the best source to the worst: the data itself, the type beside it, the name beside it, the
// address.
std::string type_of(Nodes nodes, const Attached& place) {
  const JsonNode& node = nodes[place.at];
  DataUrl url;
  if (node.kind == JsonKind::String && parse_data_url(node.text, url)) {
    return mime_type(url.mime.empty() ? "text/plain" : url.mime);
  }
  for (const std::string_view name : {"mimeType", "mime_type", "media_type"}) {
    if (std::string mime = mime_type(text_of(nodes, place.around, name)); !mime.empty()) {
      return mime;
    }
  }
  for (const std::string_view name : {"filename", "displayName", "display_name"}) {
    const std::string_view mime = mime_of_name(text_of(nodes, place.around, name));
    if (!mime.empty()) return std::string(mime);
  }
  if (const std::string_view format = text_of(nodes, place.around, "format"); !format.empty()) {
    return std::string(mime_of_name("." + std::string(format)));
  }
  if (node.kind == JsonKind::String && node.text.find("://") != std::string_view::npos) {
    return std::string(mime_of_name(node.text.substr(0, node.text.find_first_of("?#"))));
  }
  return {};
}

bool is_image(Nodes nodes, const Attached& place, std::string_view mime) {
  if (mime.starts_with("image/")) return true;
  const auto names_image = [](std::string_view word) {
    return word.find("image") != std::string_view::npos ||
           word.find("screenshot") != std::string_view::npos;
  };
  return names_image(nodes[place.at].key) || names_image(nodes[place.around].key) ||
         names_image(text_of(nodes, place.around, "type")) ||
         names_image(text_of(nodes, place.beyond, "type"));
}

}  // namespace

std::string_view mime_of_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string extension = lower(name.substr(dot + 1));
  const auto* found =
      std::ranges::lower_bound(kExtensions, std::string_view(extension), {}, &Extension::name);
  return found != std::end(kExtensions) && found->name == extension ? found->mime
                                                                    : std::string_view();
}

void note_attachment(Nodes nodes, const Attached& place, event::RequestFacts& facts) {
  std::string mime = type_of(nodes, place);
  (is_image(nodes, place, mime) ? facts.has_images : facts.has_files) = true;
  if (mime.empty() || facts.file_types.size() >= kTypesMax) return;
  const auto at = std::ranges::lower_bound(facts.file_types, mime);
  if (at == facts.file_types.end() || *at != mime) facts.file_types.insert(at, std::move(mime));
}

}  // namespace capsem::codec
