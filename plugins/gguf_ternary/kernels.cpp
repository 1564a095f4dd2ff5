#include "kernels.hpp"

#include "search.hpp"

#include <polyquant/base/bytes.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_ternary/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Sums are kept in 16 lanes whatever the width of a register (one lane for HWY_SCALAR), so all instruction sets give the same.
HWY_BEFORE_NAMESPACE();
namespace pq::gguf_ternary::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::CappedTag<float, 16>;
constexpr std::size_t kLanes = hn::MaxLanes(F32());

struct Weights {
  alignas(64) float x[kTernaryWeights];
  alignas(64) float magnitude[kTernaryWeights];
  alignas(64) float weighted[kTernaryWeights];  // w |x|
  const float* w;
};

TernarySums sums_beyond(const Weights& s, float threshold) {
  const F32 d;
  const auto limit = hn::Set(d, threshold);
  alignas(64) std::array<float, 16> a, b;
  for (std::size_t l = 0; l < 16; l += kLanes) {
    auto sum_a = hn::Zero(d), sum_b = hn::Zero(d);
    for (std::size_t i = l; i < kTernaryWeights; i += 16) {
      const auto beyond = hn::Gt(hn::Load(d, s.magnitude + i), limit);
      sum_a = hn::Add(sum_a, hn::IfThenElseZero(beyond, hn::Load(d, s.weighted + i)));
      sum_b = hn::Add(sum_b, hn::IfThenElseZero(beyond, hn::LoadU(d, s.w + i)));
    }
    hn::Store(sum_a, d, a.data() + l);
    hn::Store(sum_b, d, b.data() + l);
  }
  return {add_lanes(a), add_lanes(b)};
}

/// Mean and largest of the magnitudes.
struct Extent {
  float mean, largest;
};
Extent load_weights(const float* from, Weights& s) {
  std::array<float, 16> sum{}, largest{};
  for (std::size_t i = 0; i < kTernaryWeights; i += 16) {
    for (std::size_t l = 0; l < 16; ++l) {
      const float value = from[i + l];
      const float number = value == value ? value : 0.0f;
      const float low = number < kLargestPeak ? number : kLargestPeak;
      const float x = low > -kLargestPeak ? low : -kLargestPeak;
      const float m = x < 0.0f ? -x : x;
      s.x[i + l] = x;
      s.magnitude[i + l] = m;
      s.weighted[i + l] = s.w[i + l] * m;
      sum[l] += m;
      largest[l] = largest[l] > m ? largest[l] : m;
    }
  }
  float most = 0;
  for (const float lane : largest) most = std::max(most, lane);
  return {add_lanes(sum) / kTernaryWeights, most};
}

/// The best scale in a few steps from a threshold; keeps the best of all.
struct Best {
  float score = 0, scale = 0;

  void climb(const Weights& s, float threshold, int rounds) {
    for (int round = 0; round <= rounds; ++round) {
      const TernarySums sums = sums_beyond(s, threshold);
      if (!(sums.b > 0.0f)) return;
      const float found = sums.a / sums.b, gain = sums.a * found;
      if (gain > score) {
        score = gain;
        scale = found;
      }
      threshold = 0.5f * found;
    }
  }
};

float find_scale(const Weights& s, Extent extent, Effort effort) {
  const TernaryEffort tries = ternary_effort(effort);
  Best best;
  best.climb(s, 0.5f * extent.largest, 0);  // what ggml does; also right for weights that are ternary already
  for (std::size_t k = 0; k < tries.thresholds; ++k)
    best.climb(s, kTernaryThresholds[k] * extent.mean, effort == Effort::best ? tries.refinements : 0);
  best.climb(s, 0.5f * best.scale, tries.refinements);
  return best.scale;
}

/// The best of stored scales.
struct BestStored {
  float gain = 0, scale = 0;

  void consider(const Weights& s, float stored) {
    const TernarySums sums = sums_beyond(s, 0.5f * stored);
    const float found = stored * (2.0f * sums.a - stored * sums.b);
    if (!(found > gain)) return;
    gain = found;
    scale = stored;
  }
};

float search_scale(const Weights& s, Extent extent, Effort effort) {
  if (extent.largest < kSmallestPeak) return 0.0f;
  const float found = nonzero_f16(find_scale(s, extent, effort));
  const bool coarse = found < kCoarseScale;
  if (effort != Effort::best && !coarse) return found;
  BestStored best;
  best.consider(s, found);
  if (effort == Effort::best) best.consider(s, nonzero_f16(find_scale(s, extent, Effort::normal)));
  constexpr int kSteps = 4;  // to either side, where f16 rounds by much
  for (int step = -kSteps; coarse && step <= kSteps; ++step)
    best.consider(s, std::max(found + static_cast<float>(step) * kSmallestF16, kSmallestF16));
  return best.scale;
}

void choose_codes(const Weights& s, float d, std::uint8_t* codes) {
  const float half = 0.5f * d;
  for (std::size_t i = 0; i < kTernaryWeights; ++i)
    codes[i] = static_cast<std::uint8_t>(1 + (s.x[i] > half ? 1 : 0) - (s.x[i] < -half ? 1 : 0));
}

void pack(const std::uint8_t* codes, Tq20::Block& block) {
  for (std::size_t h = 0; h < 2; ++h)
    for (std::size_t l = 0; l < 32; ++l) {
      const std::uint8_t* c = codes + 128 * h + l;
      block.codes[32 * h + l] = static_cast<std::uint8_t>(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
    }
}
void pack(const std::uint8_t* codes, Tq10::Block& block) {
  int values[52] = {};
  for (int i = 0; i < 256; ++i) {
    const Tq10::Place place = Tq10::place(i);
    values[place.byte] += Trits::kPowers[place.digit] * codes[i];
  }
  for (int i = 0; i < 52; ++i) block.codes[i] = static_cast<std::uint8_t>((values[i] * 256 + 242) / 243);
}

template <class Type>
void encode(const TernaryCall& call) {
  Weights s;
  alignas(64) std::uint8_t codes[kTernaryWeights];
  std::byte* to = call.out;
  for (std::int64_t r = 0; r < call.rows.rows; ++r) {
    for (std::int64_t c = 0; c < call.rows.cols; c += 256, to += sizeof(typename Type::Block)) {
      s.w = call.importance + c;
      const Extent extent = load_weights(call.rows.data + r * call.rows.stride + c, s);
      const float d = search_scale(s, extent, call.effort);
      choose_codes(s, d, codes);
      typename Type::Block block;
      block.d = f16_from(d);
      pack(codes, block);
      store(to, block);
    }
  }
}

void decode_block(const Tq20::Block& block, float* out) {
  const float d = f16_to(block.d);
  for (std::size_t h = 0; h < 2; ++h)
    for (std::size_t j = 0; j < 4; ++j)
      for (std::size_t l = 0; l < 32; ++l)
        out[128 * h + 32 * j + l] = d * static_cast<float>((block.codes[32 * h + l] >> 2 * j & 3) - 1);
}
template <std::size_t kBytes, std::size_t kDigits>
void decode_digits(const std::uint8_t* from, float d, float* out) {
  std::uint32_t multiplier = 1;
  for (std::size_t n = 0; n < kDigits; ++n, multiplier *= 3)
    for (std::size_t l = 0; l < kBytes; ++l)
      out[kBytes * n + l] =
          d * static_cast<float>(static_cast<std::int32_t>((from[l] * multiplier & 255u) * 3u >> 8) - 1);
}
void decode_block(const Tq10::Block& block, float* out) {
  const float d = f16_to(block.d);
  decode_digits<32, 5>(block.codes, d, out);
  decode_digits<16, 5>(block.codes + 32, d, out + 160);
  decode_digits<4, 4>(block.codes + 48, d, out + 240);
}
template <class Type>
void decode(const std::byte* from, std::size_t count, float* out) {
  using Block = typename Type::Block;
  for (std::size_t b = 0; b < count; ++b, out += 256)
    decode_block(load<Block>(from + b * sizeof(Block)), out);
}

void encode_tq1_0(const TernaryCall& call) { encode<Tq10>(call); }
void encode_tq2_0(const TernaryCall& call) { encode<Tq20>(call); }
void decode_tq1_0(const std::byte* from, std::size_t count, float* out) { decode<Tq10>(from, count, out); }
void decode_tq2_0(const std::byte* from, std::size_t count, float* out) { decode<Tq20>(from, count, out); }

}  // namespace pq::gguf_ternary::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf_ternary {
HWY_EXPORT(encode_tq1_0);
HWY_EXPORT(encode_tq2_0);
HWY_EXPORT(decode_tq1_0);
HWY_EXPORT(decode_tq2_0);

template <>
void encode_ternary<Tq10>(const TernaryCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_tq1_0)(call);
}
template <>
void encode_ternary<Tq20>(const TernaryCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_tq2_0)(call);
}
template <>
void decode_ternary<Tq10>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_tq1_0)(from, count, out);
}
template <>
void decode_ternary<Tq20>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_tq2_0)(from, count, out);
}
}  // namespace pq::gguf_ternary
#endif
