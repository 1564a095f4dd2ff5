// The decoder of tokenizer.json: from tokens to the bytes of a text.
#pragma once

#include "base/json.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pq {

/// Immutable, callable from any thread.
class PieceDecoder {
 public:
  /// From the "decoder" object; nullptr and null: tokens as they stand. What is unknown is passed over: decoding is for display.
  explicit PieceDecoder(const Json* description);
  void append(std::string_view token, std::string& out) const;
  /// A blank at the start of the text was put there by encode().
  bool strips_blank() const noexcept { return strips_blank_; }

 private:
  void add(const Json& description);

  bool bytes_ = false, byte_fallback_ = false, strips_blank_ = false;
  std::vector<std::pair<std::string, std::string>> replaced_;
};

}  // namespace pq
