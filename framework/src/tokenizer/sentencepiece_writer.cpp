#include "tokenizer/sentencepiece_model.hpp"

#include <bit>

namespace pq {
namespace {

void append_varint(std::string& out, std::uint64_t value) {
  for (; value > 127; value >>= 7) out += static_cast<char>((value & 127) | 128);
  out += static_cast<char>(value);
}

void append_number(std::string& out, unsigned field, std::uint64_t value) {
  append_varint(out, field << 3);
  append_varint(out, value);
}

void append_bytes(std::string& out, unsigned field, const std::string& bytes) {
  append_varint(out, field << 3 | 2);
  append_varint(out, bytes.size());
  out += bytes;
}

void append_float(std::string& out, unsigned field, float value) {
  append_varint(out, field << 3 | 5);
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift & 255);
}

}  // namespace

std::string write_sentencepiece_model(const SentencePieceModel& model) {
  std::string out;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    std::string message;
    append_bytes(message, 1, piece.text);
    append_float(message, 2, piece.score);
    append_number(message, 3, static_cast<std::uint64_t>(piece.type));
    append_bytes(out, 1, message);
  }
  std::string trainer;
  append_number(trainer, 3, static_cast<std::uint64_t>(model.model_type));
  append_number(trainer, 4, model.pieces.size());
  append_number(trainer, 35, model.byte_fallback ? 1 : 0);
  append_bytes(out, 2, trainer);
  std::string normalizer;
  append_bytes(normalizer, 1, "identity");
  if (!model.character_map.empty()) append_bytes(normalizer, 2, model.character_map);
  append_number(normalizer, 3, model.add_dummy_prefix ? 1 : 0);
  append_number(normalizer, 4, model.remove_extra_whitespaces ? 1 : 0);
  append_number(normalizer, 5, model.escape_whitespaces ? 1 : 0);
  append_bytes(out, 3, normalizer);
  return out;
}

}  // namespace pq
