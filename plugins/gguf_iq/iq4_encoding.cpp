#include "encoding.hpp"
#include "iq4.hpp"

#include <polyquant/codec/block_encoding.hpp>
#include <polyquant/codec/scale_moves.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace pq::gguf_iq {
namespace {

/// Number of the level nearest to `value`, of two equally near the upper one.
int nearest_level(float value) {
  int code = 0;
  for (std::size_t k = 0; k < 15; ++k)
    code += value + value >= static_cast<float>(kIq4Levels[k] + kIq4Levels[k + 1]) ? 1 : 0;
  return code;
}

/// The scale of a group of iq4_xs, of d: the best code and those beside it. Returns the cost.
float move_code(const ScaleCost& cost, float d, int& code) {
  const float steps = round_even(best_scale(cost) * inverse_or_zero(d));
  const int middle = code + static_cast<int>(std::clamp(steps, -64.0f, 64.0f));
  Cheapest<int> best(code);
  for (int i = -1; i <= 1; ++i) {
    const int other = std::clamp(middle + i, -32, 31);
    best.offer(other, cost.of(d * static_cast<float>(other - code), 0.0f));
  }
  code = best.stored();
  return best.cost();
}

template <class Type>
struct Iq4Codec {
  static constexpr const char* kId = Type::kId;
  static constexpr const char* kSummary = Type::kSummary;
  static constexpr int kWeights = Type::kWeights, kRoundCols = 1;
  static constexpr Grid kGrid{GridFamily::table, 4, 32, true};
  static constexpr ActivationRounding kActivations =
      kWeights == 32 ? ActivationRounding::q8_0 : ActivationRounding::q8_k;
  using Block = typename Type::Block;
  using Prepared = std::vector<float>;

  static void encode_rows(const Prepared& importance, ConstMatrix rows, Effort effort, std::byte* out) {
    encode_iq4<Type>({rows, importance.data(), effort, out});
  }
  static void decode_blocks(const std::byte* from, std::size_t count, float* out) {
    decode_iq4<Type>(from, count, out);
  }
  static void round(Block& block, int column, const float* x, const float*, float* y) {
    const float scale = Type::super_scale(block) * static_cast<float>(Type::scale(block, column / 32));
    const int code = nearest_level(x[0] * inverse_or_zero(scale));
    std::uint8_t& byte = block.codes[16 * (column / 32) + column % 16];
    byte = static_cast<std::uint8_t>(column % 32 < 16 ? (byte & 0xF0) | code : (byte & 15) | code << 4);
    y[0] = iq4_value<Type>(block, column);
  }

  static constexpr int kScaleCols[2] = {32, kWeights > 32 ? kWeights : 0};
  static float value(const Block& block, int column) { return iq4_value<Type>(block, column); }
  static float direction(const Block& block, ScaleLevel level, int column) {
    const int group = column / 32, code = split_nibble(block.codes + 16 * group, column % 32);
    return static_cast<float>((level == ScaleLevel::group ? 1 : Type::scale(block, group)) *
                              kIq4Levels[static_cast<std::size_t>(code)]);
  }
  static float rescale(Block& block, ScaleLevel level, int group, const ScaleCost& cost) {
    std::array<int, Type::kGroups> scales;
    for (int g = 0; g < Type::kGroups; ++g) scales[static_cast<std::size_t>(g)] = Type::scale(block, g);
    float d = Type::super_scale(block), none = 0;
    float change = 0;
    if (level == ScaleLevel::group && Type::kGroups > 1)
      change = move_code(cost, d, scales[static_cast<std::size_t>(group)]);
    else
      change = move_f16(cost, false, d, none);
    Type::set_scales(block, d, scales.data());
    return change;
  }
  static const char* problem(const Block& block) {
    return std::isfinite(f16_to(block.d)) ? nullptr : "a scale that is NaN or infinite";
  }
};

}  // namespace

std::unique_ptr<Encoding> make_iq4_nl() { return std::make_unique<BlockEncoding<Iq4Codec<Iq4Nl>>>(); }
std::unique_ptr<Encoding> make_iq4_xs() { return std::make_unique<BlockEncoding<Iq4Codec<Iq4Xs>>>(); }

}  // namespace pq::gguf_iq
