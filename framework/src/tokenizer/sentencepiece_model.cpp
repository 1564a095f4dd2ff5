#include "tokenizer/sentencepiece_model.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

namespace pq {
namespace {

// Wire format of protocol buffers: a key (field << 3 | wire type), then a varint, 8 bytes, a length with bytes, or 4 bytes.
class Message {
 public:
  Message(Bytes bytes, const std::string& source) : rest_(bytes), source_(source) {}

  struct Field {
    std::uint64_t number = 0;
    int wire = 0;
    std::uint64_t value = 0;  // of wire types 0, 1, 5
    Bytes bytes;              // of wire type 2
  };

  bool next(Field& field) {
    if (rest_.empty()) return false;
    const std::uint64_t key = varint();
    field.number = key >> 3;
    field.wire = static_cast<int>(key & 7);
    switch (field.wire) {
      case 0:
        field.value = varint();
        return true;
      case 1:
        field.value = load<std::uint64_t>(take(8).data());
        return true;
      case 2:
        field.bytes = take(varint());
        return true;
      case 5:
        field.value = load<std::uint32_t>(take(4).data());
        return true;
      default:
        fail("a field of wire type " + std::to_string(field.wire));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(source_ + ": not a SentencePiece model: " + what);
  }

  Bytes take(std::uint64_t count) {
    if (count > rest_.size()) fail("a field reaches beyond the end");
    const Bytes bytes = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(static_cast<std::size_t>(count));
    return bytes;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint64_t>(take(1)[0]);
      value |= (byte & 127) << shift;
      if ((byte & 128) == 0) return value;
    }
    fail("a number is too long");
  }

  Bytes rest_;
  const std::string& source_;
};

std::string text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

SentencePieceModel::Piece parse_piece(Bytes bytes, const std::string& source) {
  SentencePieceModel::Piece piece;
  Message message(bytes, source);
  for (Message::Field field; message.next(field);) {
    if (field.number == 1 && field.wire == 2) piece.text = text_of(field.bytes);
    if (field.number == 2 && field.wire == 5)
      piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
    if (field.number == 3 && field.wire == 0) {
      if (field.value < 1 || field.value > 6)
        throw FormatError(source + ": a piece has the type " + std::to_string(field.value) +
                          "; known: 1 to 6");
      piece.type = static_cast<SentencePieceModel::Type>(field.value);
    }
  }
  if (!is_utf8(piece.text)) throw FormatError(source + ": a piece is not valid UTF-8");
  return piece;
}

void parse_trainer(Bytes bytes, const std::string& source, SentencePieceModel& model) {
  Message message(bytes, source);
  for (Message::Field field; message.next(field);) {
    if (field.number == 3 && field.wire == 0) model.model_type = static_cast<int>(field.value & 255);
    if (field.number == 35 && field.wire == 0) model.byte_fallback = field.value != 0;
  }
}

void parse_normalizer(Bytes bytes, const std::string& source, SentencePieceModel& model) {
  Message message(bytes, source);
  for (Message::Field field; message.next(field);) {
    if (field.number == 2 && field.wire == 2) model.character_map = text_of(field.bytes);
    if (field.number == 3 && field.wire == 0) model.add_dummy_prefix = field.value != 0;
    if (field.number == 4 && field.wire == 0) model.remove_extra_whitespaces = field.value != 0;
    if (field.number == 5 && field.wire == 0) model.escape_whitespaces = field.value != 0;
  }
}

}  // namespace

SentencePieceModel parse_sentencepiece_model(Bytes file, const std::string& source) {
  SentencePieceModel model;
  Message message(file, source);
  for (Message::Field field; message.next(field);) {
    if (field.wire != 2) continue;
    if (field.number == 1) model.pieces.push_back(parse_piece(field.bytes, source));
    if (field.number == 2) parse_trainer(field.bytes, source, model);
    if (field.number == 3) parse_normalizer(field.bytes, source, model);
  }
  if (model.pieces.empty()) throw FormatError(source + ": not a SentencePiece model: it has no pieces");
  return model;
}

}  // namespace pq
