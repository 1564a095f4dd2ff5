#include "encoding.hpp"

#include "kernels.hpp"

#include <polyquant/codec/block_encoding.hpp>

namespace pq::microscaling {
namespace {

template <class Type>
struct Fp4Codec {
  static constexpr const char* kId = Type::kId;
  static constexpr const char* kSummary = Type::kSummary;
  static constexpr int kWeights = Type::kWeights, kRoundCols = 1;
  static constexpr Grid kGrid{GridFamily::table, 4, Type::kGroup, true};
  static constexpr ActivationRounding kActivations = ActivationRounding::q8_0;
  using Block = typename Type::Block;
  using Prepared = std::vector<float>;

  static void encode_rows(const Prepared& importance, ConstMatrix rows, Effort effort, std::byte* out) {
    encode_fp4<Type>({rows, importance.data(), effort, out});
  }
  static void decode_blocks(const std::byte* from, std::size_t count, float* out) {
    decode_fp4<Type>(from, count, out);
  }
  static void round(Block& block, int column, const float* x, const float*, float* y) {
    const float half = Type::half_scale(block, column);
    const int magnitude = half > 0.0f ? fp4_magnitude(std::abs(x[0]) * 0.5f / half) : 0;
    set_fp4_code<Type>(block, column, magnitude == 0 || x[0] > 0.0f ? magnitude : magnitude + 8);
    y[0] = fp4_value<Type>(block, column);
  }
  static const char* problem(const Block& block) {
    if constexpr (Type::kGroup == 32)
      return block.e == 255 ? "the reserved exponent 255" : nullptr;
    else
      return nullptr;  // every code is a number
  }
};

}  // namespace

std::unique_ptr<Encoding> make_mxfp4() { return std::make_unique<BlockEncoding<Fp4Codec<Mxfp4>>>(); }
std::unique_ptr<Encoding> make_nvfp4() { return std::make_unique<BlockEncoding<Fp4Codec<Nvfp4>>>(); }

}  // namespace pq::microscaling
