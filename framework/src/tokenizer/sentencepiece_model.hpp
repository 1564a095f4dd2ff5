// tokenizer.model of SentencePiece: the few fields of the protobuf that tokenizing needs.
#pragma once

#include <polyquant/base/bytes.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pq {

struct SentencePieceModel {
  /// sentencepiece_model.proto: SentencePiece.Type
  enum class Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  struct Piece {
    std::string text;
    float score = 0;
    Type type = Type::normal;
  };
  std::vector<Piece> pieces;  // index = id
  int model_type = 1;         // 1 unigram, 2 BPE, 3 word, 4 char
  bool byte_fallback = false;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  std::string character_map;  // precompiled_charsmap
};

/// Parses the file; unknown fields are skipped. Throws FormatError "SOURCE: ..." for anything that is no such protobuf.
SentencePieceModel parse_sentencepiece_model(Bytes file, const std::string& source);

/// The file's bytes; what parse_sentencepiece_model reads comes back equal.
std::string write_sentencepiece_model(const SentencePieceModel& model);

}  // namespace pq
