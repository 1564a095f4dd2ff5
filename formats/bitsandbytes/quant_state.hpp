// The JSON that bitsandbytes stores with a 4-bit tensor, as bytes of a U8 tensor.
#pragma once

#include <polyquant/base/shape.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pq::bnb {

/// How the name of the tensor with this JSON ends, before "nf4" or "fp4".
inline constexpr std::string_view kStateEnd = ".quant_state.bitsandbytes__";

/// Blocks that share a nested scale, in everything that bitsandbytes writes.
inline constexpr std::int64_t kNestedBlock = 256;

struct QuantState {
  std::string type;  // "nf4" or "fp4"
  std::int64_t block = 64;
  std::string dtype;  // of the weights that the library makes from it: "float16", "bfloat16", "float32"
  Shape shape;
  bool nested = false;
  std::int64_t nested_block = kNestedBlock;
  float offset = 0.0f;
};

/// Throws FormatError, beginning with `where`, for what the library could not use either.
QuantState parse_state(std::string_view text, const std::string& where);

/// As Python's json.dumps writes it. With `padded`, blanks follow up to a length that does not depend on the offset: files are laid out
/// before it is known.
std::string serialize_state(const QuantState& state, bool padded);

}  // namespace pq::bnb
