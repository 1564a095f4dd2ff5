#include "kernels.hpp"

#include "search.hpp"

#include <polyquant/base/bytes.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_ternary/kernels.cpp"
#include <hwy/foreach_target.h>
#include <polyquant/codec/lane_sums-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_ternary::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

struct Weights {
  HWY_ALIGN float x[kTernaryWeights];
  HWY_ALIGN float magnitude[kTernaryWeights];
  HWY_ALIGN float weighted[kTernaryWeights];  // w |x|
  const float* w;
  bool equal;  // all importance is 1
};

/// Sums beyond kCount thresholds in one pass.
template <std::size_t kCount>
HWY_INLINE void sums_beyond(const Weights& s, const float (&thresholds)[kCount],
                            TernarySums (&sums)[kCount]) {
  const F32 d;
  VF limits[kCount], a[kCount][kSumParts], b[kCount][kSumParts];
  for (std::size_t k = 0; k < kCount; ++k) limits[k] = hn::Set(d, thresholds[k]);
  for (std::size_t part = 0; part < kSumParts; ++part) {
    for (std::size_t k = 0; k < kCount; ++k) a[k][part] = b[k][part] = hn::Zero(d);
    for (std::size_t i = part * kLanes; i < kTernaryWeights; i += 16) {
      const VF magnitude = hn::Load(d, s.magnitude + i), weighted = hn::Load(d, s.weighted + i),
               w = hn::LoadU(d, s.w + i);
      for (std::size_t k = 0; k < kCount; ++k) {
        const auto beyond = hn::Gt(magnitude, limits[k]);
        a[k][part] = hn::Add(a[k][part], hn::IfThenElseZero(beyond, weighted));
        b[k][part] = hn::Add(b[k][part], hn::IfThenElseZero(beyond, w));
      }
    }
  }
  for (std::size_t k = 0; k < kCount; ++k) sums[k] = {sum_of_lanes(a[k]), sum_of_lanes(b[k])};
}
TernarySums sums_beyond(const Weights& s, float threshold) {
  const float thresholds[1] = {threshold};
  TernarySums sums[1];
  sums_beyond(s, thresholds, sums);
  return sums[0];
}

/// Mean and largest of the magnitudes.
struct Extent {
  float mean, largest;
};
Extent load_weights(const float* from, Weights& s) {
  const F32 d;
  const VF limit = hn::Set(d, kLargestPeak);
  VF sums[kSumParts], largest = hn::Zero(d);
  for (std::size_t part = 0; part < kSumParts; ++part) {
    sums[part] = hn::Zero(d);
    for (std::size_t i = part * kLanes; i < kTernaryWeights; i += 16) {
      const VF x = finite_weights(hn::LoadU(d, from + i), limit), m = hn::Abs(x);
      hn::Store(x, d, s.x + i);
      hn::Store(m, d, s.magnitude + i);
      hn::Store(hn::Mul(hn::LoadU(d, s.w + i), m), d, s.weighted + i);
      sums[part] = hn::Add(sums[part], m);
      largest = hn::Max(largest, m);
    }
  }
  return {sum_of_lanes(sums) / kTernaryWeights, hn::GetLane(hn::MaxOfLanes(d, largest))};
}

/// The best scale in a few steps from a threshold; keeps the best of all.
struct Best {
  float score = 0, scale = 0;

  void keep(TernarySums sums) {
    if (!(sums.b > 0.0f)) return;
    const float found = sums.a / sums.b, gain = sums.a * found;
    if (!(gain > score)) return;
    score = gain;
    scale = found;
  }
  /// Until nothing changes.
  void climb(const Weights& s, float threshold, int rounds) {
    for (int round = 0; round <= rounds; ++round) {
      const TernarySums sums = sums_beyond(s, threshold);
      keep(sums);
      const float next = sums.b > 0.0f ? 0.5f * (sums.a / sums.b) : threshold;
      if (next == threshold) return;
      threshold = next;
    }
  }
};

float find_scale(const Weights& s, Extent extent, Effort effort) {
  const TernaryEffort tries = ternary_effort(effort, s.equal);
  constexpr std::size_t kBatch = 4;
  Best best;
  for (std::size_t begin = 0; begin <= tries.thresholds; begin += kBatch) {
    float thresholds[kBatch];
    TernarySums sums[kBatch];
    for (std::size_t k = 0; k < kBatch; ++k) {
      const std::size_t number =
          std::min(begin + k, tries.thresholds);  // the last one repeated changes nothing
      // Half of the largest is what ggml does; also right for weights that are ternary already.
      thresholds[k] = number == 0 ? 0.5f * extent.largest : kTernaryThresholds[number - 1] * extent.mean;
    }
    sums_beyond(s, thresholds, sums);
    for (const TernarySums& found : sums) best.keep(found);
    for (std::size_t k = 0; effort == Effort::best && k < kBatch; ++k)
      best.climb(s, thresholds[k], tries.refinements);
  }
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

void choose_codes(const Weights& s, float scale, std::uint8_t* codes) {
  const F32 d;
  const I32 di;
  const hn::Rebind<std::uint8_t, F32> d8;
  const VF half = hn::Set(d, 0.5f * scale);
  const VI one = hn::Set(di, 1);
  for (std::size_t i = 0; i < kTernaryWeights; i += kLanes) {
    const VF x = hn::Load(d, s.x + i);
    const VI above = hn::IfThenElseZero(hn::RebindMask(di, hn::Gt(x, half)), one),
             below = hn::IfThenElseZero(hn::RebindMask(di, hn::Lt(x, hn::Neg(half))), one);
    hn::StoreU(hn::DemoteTo(d8, hn::Sub(hn::Add(one, above), below)), d8, codes + i);
  }
}

void pack(const std::uint8_t* codes, Tq20::Block& block) {
  for (std::size_t h = 0; h < 2; ++h)
    for (std::size_t l = 0; l < 32; ++l) {
      const std::uint8_t* c = codes + 128 * h + l;
      block.codes[32 * h + l] = static_cast<std::uint8_t>(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
    }
}
/// kBytes bytes of kDigits digits, see Tq10::place().
template <std::size_t kBytes, std::size_t kDigits>
void pack_digits(const std::uint8_t* codes, std::uint8_t* to) {
  for (std::size_t l = 0; l < kBytes; ++l) {
    unsigned value = 0;
    for (std::size_t n = 0; n < kDigits; ++n)
      value += static_cast<unsigned>(Trits::kPowers[n]) * codes[kBytes * n + l];
    // Below 2^16, where a product takes the place of a division.
    to[l] = static_cast<std::uint8_t>(static_cast<std::uint16_t>(value * 256 + 242) / 243);
  }
}
void pack(const std::uint8_t* codes, Tq10::Block& block) {
  pack_digits<32, 5>(codes, block.codes);
  pack_digits<16, 5>(codes + 160, block.codes + 32);
  pack_digits<4, 4>(codes + 240, block.codes + 48);
}

template <class Type>
void encode(const TernaryCall& call) {
  Weights s;
  HWY_ALIGN std::uint8_t codes[kTernaryWeights];
  s.equal = std::all_of(call.importance, call.importance + call.rows.cols, [](float w) { return w == 1.0f; });
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
