#include "tokenizer/piece_decoder.hpp"

#include "tokenizer/tokenizer_engine.hpp"

namespace pq {
namespace {

std::string text_at(const Json& object, std::string_view path) {
  const Json* value = object.find_path(path);
  return value != nullptr && value->is_string() ? value->string() : std::string();
}

}  // namespace

PieceDecoder::PieceDecoder(const Json* description) {
  if (description != nullptr && description->is_object()) add(*description);
}

void PieceDecoder::add(const Json& description) {
  const std::string type = text_at(description, "type");
  if (type == "Sequence") {
    if (const Json* list = description.find("decoders"); list != nullptr && list->is_array())
      for (const Json& item : list->array()) add(item);
  } else if (type == "ByteLevel") {
    bytes_ = true;
  } else if (type == "ByteFallback") {
    byte_fallback_ = true;
  } else if (type == "Replace") {
    const std::string from = text_at(description, "pattern.String");
    if (!from.empty()) replaced_.emplace_back(from, text_at(description, "content"));
  } else if (type == "Strip") {
    const Json* start = description.find("start");
    strips_blank_ = text_at(description, "content") == " " && start != nullptr && *start == Json(1);
  } else if (type == "Metaspace") {
    const std::string mark = text_at(description, "replacement");
    replaced_.emplace_back(mark.empty() ? "\xE2\x96\x81" : mark, " ");
    const Json* old = description.find("add_prefix_space");
    strips_blank_ =
        text_at(description, "prepend_scheme") != "never" && (old == nullptr || *old != Json(false));
  }
}

void PieceDecoder::append(std::string_view token, std::string& out) const {
  if (bytes_) {
    out += byte_unmapped(token);
    return;
  }
  if (const int byte = byte_fallback_ ? byte_of_piece(token) : -1; byte >= 0) {
    out += static_cast<char>(byte);
    return;
  }
  std::string text(token);
  for (const auto& [from, to] : replaced_)
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  out += text;
}

}  // namespace pq
