#include "low_bits.hpp"

#include "search.hpp"

#include <polyquant/base/bytes.hpp>

#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_ternary/low_bits.cpp"
#include <hwy/foreach_target.h>
#include <polyquant/codec/lane_sums-inl.hpp>
#include <polyquant/codec/scale_search-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_ternary::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

/// The best scale is the weighted mean of the magnitudes.
void encode_block(const float* from, const float* w, Q10::Block& block) {
  const F32 d;
  const VF limit = hn::Set(d, kLargestPeak);
  VF a[kSumParts], b[kSumParts];
  block = {};
  for (std::size_t part = 0; part < kSumParts; ++part) {
    a[part] = b[part] = hn::Zero(d);
    for (std::size_t i = part * kLanes; i < Q10::kWeights; i += 16) {
      const VF x = finite_weights(hn::LoadU(d, from + i), limit), wi = hn::LoadU(d, w + i);
      a[part] = hn::Add(a[part], hn::Mul(wi, hn::Abs(x)));
      b[part] = hn::Add(b[part], wi);
      std::uint8_t signs[8] = {};
      hn::StoreMaskBits(d, hn::Ge(x, hn::Zero(d)), signs);
      for (std::size_t byte = 0; byte < (kLanes + 7) / 8; ++byte) {
        std::uint8_t& to = block.codes[i / 8 + byte];
        to = static_cast<std::uint8_t>(to | signs[byte] << i % 8);
      }
    }
  }
  block.d = f16_from(f16_round(sum_of_lanes(a) / sum_of_lanes(b)));
}

void encode_q1_0(const LowBitsCall& call) {
  std::byte* to = call.out;
  for (std::int64_t r = 0; r < call.rows.rows; ++r) {
    for (std::int64_t c = 0; c < call.rows.cols; c += Q10::kWeights, to += sizeof(Q10::Block)) {
      Q10::Block block;
      encode_block(call.rows.row(r).data() + c, call.importance + c, block);
      store(to, block);
    }
  }
}

void pack(float d, const float* x, std::size_t step, std::byte* to) {
  Q20::Block block;
  block.d = f16_from(d);
  const float inverse = inverse_or_zero(d);
  for (std::size_t byte = 0; byte < 16; ++byte) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < 4; ++j)
      bits |=
          static_cast<unsigned>(1 + static_cast<int>(nearest_code(x[(4 * byte + j) * step], inverse, -1, 2)))
          << 2 * j;
    block.codes[byte] = static_cast<std::uint8_t>(bits);
  }
  store(to, block);
}

#if HWY_TARGET == HWY_SCALAR
/// `best` includes what `normal` finds.
float find_scale(std::span<const float> x, std::span<const float> w, Effort effort) {
  const float scale = pq::search_scale(x, w, Q20::kRange, low_bits_starts(effort));
  if (effort != Effort::best) return scale;
  const float normal = find_scale(x, w, Effort::normal);
  return scale_error(x, w, normal, Q20::kRange).error < scale_error(x, w, scale, Q20::kRange).error ? normal
                                                                                                    : scale;
}

void encode_q2_0(const LowBitsCall& call) {
  std::byte* to = call.out;
  for (std::int64_t r = 0; r < call.rows.rows; ++r) {
    for (std::int64_t c = 0; c < call.rows.cols; c += Q20::kWeights, to += sizeof(Q20::Block)) {
      std::array<float, Q20::kWeights> x;
      std::transform(call.rows.row(r).data() + c, call.rows.row(r).data() + c + Q20::kWeights, x.data(),
                     finite_weight);
      const std::span<const float> w(call.importance + c, Q20::kWeights);
      pack(find_scale(x, w, call.effort), x.data(), 1, to);
    }
  }
}
#else
/// Blocks anywhere in memory.
struct Scattered {
  const float* blocks[kLanes];
  HWY_INLINE const float* operator[](std::size_t lane) const { return blocks[lane]; }
};

/// `best` includes what `normal` finds.
VF find_scales(LaneGroups groups, VF peak, Effort effort) {
  const F32 d;
  const VF scale = search_scale(groups, peak, Q20::kRange, low_bits_starts(effort));
  if (effort != Effort::best) return scale;
  const VF normal = find_scales(groups, peak, Effort::normal), lowest = hn::Set(d, Q20::kRange.lowest),
           highest = hn::Set(d, Q20::kRange.highest);
  const auto better = hn::Lt(scale_error(groups, normal, lowest, highest).error,
                             scale_error(groups, scale, lowest, highest).error);
  return hn::IfThenElse(better, normal, scale);
}

/// One block per lane; the last batch is filled with copies of the last block.
void encode_q2_0(const LowBitsCall& call) {
  HWY_ALIGN float x[Q20::kWeights * kLanes], w[Q20::kWeights * kLanes], scales[kLanes];
  const std::int64_t per_row = call.rows.cols / Q20::kWeights, total = call.rows.rows * per_row;
  for (std::int64_t first = 0; first < total; first += kLanes) {
    Scattered weights, importance;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const std::int64_t block = std::min(first + static_cast<std::int64_t>(l), total - 1),
                         column = block % per_row * Q20::kWeights;
      weights.blocks[l] = call.rows.row(block / per_row).data() + column;
      importance.blocks[l] = call.importance + column;
    }
    const LaneRange range = load_weights(weights, Q20::kWeights, x);
    load_groups(importance, Q20::kWeights, w);
    hn::Store(find_scales({x, w, Q20::kWeights}, range.peak(), call.effort), F32(), scales);
    for (std::int64_t l = 0; l < static_cast<std::int64_t>(kLanes) && first + l < total; ++l)
      pack(scales[l], x + l, kLanes, call.out + static_cast<std::size_t>(first + l) * sizeof(Q20::Block));
  }
}
#endif

/// Branches on single bits would be guessed wrong half of the time: one bit is the sign of d.
float decoded(Q10, std::uint32_t d_bits, float, unsigned code) {
  return std::bit_cast<float>(d_bits ^ (code ^ 1u) << 31);
}
float decoded(Q20, std::uint32_t, float d, unsigned code) { return Q20::value(d, static_cast<int>(code)); }

template <class Type>
void decode(const std::byte* from, std::size_t count, float* out) {
  constexpr std::size_t kPerByte = 8 / Type::kCodeBits;
  constexpr unsigned kMask = (1u << Type::kCodeBits) - 1;
  for (std::size_t b = 0; b < count; ++b) {
    const auto block = load<typename Type::Block>(from + b * sizeof(typename Type::Block));
    const float d = f16_to(block.d);
    const std::uint32_t d_bits = std::bit_cast<std::uint32_t>(d);
    for (std::size_t byte = 0; byte < 16; ++byte, out += kPerByte)
      for (std::size_t j = 0; j < kPerByte; ++j)
        out[j] = decoded(Type{}, d_bits, d, block.codes[byte] >> Type::kCodeBits * j & kMask);
  }
}
void decode_q1_0(const std::byte* from, std::size_t count, float* out) { decode<Q10>(from, count, out); }
void decode_q2_0(const std::byte* from, std::size_t count, float* out) { decode<Q20>(from, count, out); }

}  // namespace pq::gguf_ternary::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf_ternary {
HWY_EXPORT(encode_q1_0);
HWY_EXPORT(encode_q2_0);
HWY_EXPORT(decode_q1_0);
HWY_EXPORT(decode_q2_0);

template <>
void encode_low_bits<Q10>(const LowBitsCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q1_0)(call);
}
template <>
void encode_low_bits<Q20>(const LowBitsCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q2_0)(call);
}
template <>
void decode_low_bits<Q10>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q1_0)(from, count, out);
}
template <>
void decode_low_bits<Q20>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q2_0)(from, count, out);
}
}  // namespace pq::gguf_ternary
#endif
