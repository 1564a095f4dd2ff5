#include "simd.hpp"

#include "reference.hpp"
#include "search.hpp"

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_legacy/encode.cpp"
#include <hwy/foreach_target.h>
#include <polyquant/codec/quick_search-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

template <class Codec>
void encode_all(const EncodeCall& call) {
  encode_rows_reference<Codec>(call);
}

#else
using namespace pq::HWY_NAMESPACE;

constexpr std::size_t kGroup = 32;

/// kLanes blocks that follow each other, on their way through an encoder.
struct Batch {
  const float* weights;
  const float* importance;
  const VS* weight_pairs;  // 8-bit codes: roots of the importance
  std::byte* blocks;
};
using Groups = Consecutive<kGroup>;

struct Scratch {
  HWY_ALIGN float x[kGroup * kLanes];
  HWY_ALIGN float w[kGroup * kLanes];
  HWY_ALIGN float centred[kGroup * kLanes];
  VS pairs[kPairs];
};

/// Roots of the importance for the fine search, computed once: the importance of consecutive batches repeats with the rows.
class WeightPairs {
 public:
  /// `per_row`: blocks of a row; 1 and no importance for weights that all count the same.
  WeightPairs(std::size_t per_row, std::size_t batches)
      : period_(HWY_MAX(1, HWY_MIN(per_row / std::gcd(per_row, kLanes), batches))),
        pairs_(hwy::AllocateAligned<VS>(period_ * kPairs)) {}
  /// Of the batch with this number; batches come in order. `importance`: of the batch, or null for equal weights.
  HWY_INLINE const VS* of(std::size_t batch, const float* importance) {
    VS* found = pairs_.get() + batch % period_ * kPairs;
    if (batch < period_) {
      HWY_ALIGN float w[kGroup * kLanes];
      if (importance != nullptr)
        load_groups(Groups{importance}, kGroup, w);
      else
        std::fill(std::begin(w), std::end(w), 1.0f);
      fine_weight_pairs(w, found);
    }
    return found;
  }

 private:
  std::size_t period_;
  hwy::AlignedFreeUniquePtr<VS[]> pairs_;
};

/// Writes the f16 scale (and offset) at the head of each block.
template <class Codec>
HWY_INLINE void store_head(LaneScaleOffset fit, const Batch& batch) {
  HWY_ALIGN std::uint32_t head[kLanes];
  VU bits = f16_bits(fit.scale);
  if constexpr (Codec::kHasOffset) bits = hn::Or(bits, hn::ShiftLeft<16>(f16_bits(fit.offset)));
  hn::Store(bits, U32(), head);
  for (std::size_t l = 0; l < kLanes; ++l)
    std::memcpy(batch.blocks + l * sizeof(typename Codec::Block), &head[l], Codec::kHasOffset ? 4 : 2);
}

/// Writes codes: pairs (i, i + 16) in 16-bit halves, measured from the middle code.
template <class Codec>
HWY_INLINE void store_codes(const VS* pairs, const Batch& batch) {
  const U32 du;
  using Block = typename Codec::Block;
  const auto words = [](VS v) HWY_ATTR { return hn::BitCast(U32(), v); };
  if constexpr (Codec::kCodeBits == 8) {
    const VS low_byte = set_shorts(255);
    VU low[4], high[4];
    for (std::size_t k = 0; k < 4; ++k) {
      const VS* p = pairs + 4 * k;
      const VS first = hn::Or(hn::And(p[0], low_byte), hn::ShiftLeft<8>(p[1])),
               second = hn::Or(hn::And(p[2], low_byte), hn::ShiftLeft<8>(p[3]));
      low[k] = words(hn::OddEven(hn::BitCast(I16(), hn::ShiftLeft<16>(words(second))), first));
      high[k] = words(hn::OddEven(second, hn::BitCast(I16(), hn::ShiftRight<16>(words(first)))));
    }
    store_words<sizeof(Block)>(low[0], low[1], low[2], low[3], batch.blocks, offsetof(Block, codes));
    store_words<sizeof(Block)>(high[0], high[1], high[2], high[3], batch.blocks, offsetof(Block, codes) + 16);
  } else {
    // Low nibble from the low half, high nibble from the high half: one multiplication by (1, 16).
    const VS nibble_places = hn::BitCast(I16(), hn::Set(du, 1u | 16u << 16));
    VU nibbles[4];
    VS fifth = hn::Zero(I16());
    for (std::size_t k = 4; k-- > 0;) {
      VU word = hn::Zero(du);
      for (std::size_t j = 4; j-- > 0;) {
        VS code = pairs[4 * k + j];
        if constexpr (Codec::kCodeBits == 5) {
          code = hn::Add(code, set_shorts(16));
          fifth = hn::Or(hn::Add(fifth, fifth), hn::ShiftRight<4>(code));
          code = hn::And(code, set_shorts(15));
        }
        word = hn::Add(hn::ShiftLeft<8>(word), hn::BitCast(du, multiply_pairs(code, nibble_places)));
      }
      // Codes -8..7 gain 8 in each nibble here; carries and borrows cancel in the sum.
      nibbles[k] = Codec::kCodeBits == 4 ? hn::Add(word, hn::Set(du, 0x88888888u)) : word;
    }
    if constexpr (Codec::kCodeBits == 5) {
      HWY_ALIGN std::uint32_t bits[kLanes];
      hn::Store(words(fifth), du, bits);
      for (std::size_t l = 0; l < kLanes; ++l)
        std::memcpy(batch.blocks + l * sizeof(Block) + offsetof(Block, high_bits), &bits[l], 4);
    }
    store_words<sizeof(Block)>(nibbles[0], nibbles[1], nibbles[2], nibbles[3], batch.blocks,
                               offsetof(Block, codes));
  }
}

/// The codes nearest to the weights for the stored numbers, as pairs measured from the middle code.
template <class Codec>
HWY_INLINE void nearest_pairs(const float* x, LaneScaleOffset fit, VS* pairs) {
  const F32 d;
  constexpr float kMiddle = Codec::kHasOffset ? (Codec::kMaxCode + 1) / 2 : 0;
  const VF inverse = inverses_or_zero(fit.scale), lowest = hn::Set(d, Codec::kMinCode),
           highest = hn::Set(d, Codec::kMaxCode);
  const auto bits = [&](std::size_t i) HWY_ATTR {
    VF value = hn::Load(d, x + i * kLanes);
    if constexpr (Codec::kHasOffset) value = hn::Sub(value, fit.offset);
    return hn::BitCast(
        I32(), hn::Add(nearest_codes(value, inverse, lowest, highest), hn::Set(d, kRoundingMagic - kMiddle)));
  };
  for (std::size_t i = 0; i < kPairs; ++i)
    pairs[i] = hn::OddEven(shorts(hn::ShiftLeft<16>(bits(i + kPairs))), shorts(bits(i)));
}

template <class Codec>
HWY_INLINE LaneQuickFit search_batch(const Batch& batch, LaneRange range, bool weighted, Effort effort,
                                     Scratch& s) {
  const F32 d;
  constexpr CodeRange kRange{Codec::kMinCode, Codec::kMaxCode};
  if (weighted && Codec::kCodeBits < 8) load_groups(Groups{batch.importance}, kGroup, s.w);
  const LaneGroups groups{s.x, s.w, kGroup};
  const bool quick = !weighted && effort != Effort::best;
  LaneQuickFit fit{{hn::Zero(d), hn::Zero(d)}, hn::Lt(hn::Zero(d), hn::Zero(d))};
  if constexpr (Codec::kCodeBits == 8) {
    return search_fine_scale(s.x, batch.weight_pairs, range.peak(), fine_starts(effort), s.pairs);
  } else if constexpr (Codec::kHasOffset) {
    if (quick) {
      const QuickOffsetStarts starts = quick_offset_starts<Codec>(effort);
      return starts.lattices.size() == 1 && starts.refinements == 0
                 ? quick_search_scale_offset<true>(s.x, range, Codec::kMaxCode, starts, s.pairs)
                 : quick_search_scale_offset<false>(s.x, range, Codec::kMaxCode, starts, s.pairs);
    }
    fit.stored = search_scale_offset(groups, range, Codec::kMaxCode, offset_starts<Codec>(effort), s.centred);
  } else {
    if (quick)
      return quick_search_scale(s.x, range.peak(), kRange, quick_scale_starts<Codec>(effort), s.pairs);
    fit.stored.scale = search_scale(groups, range.peak(), kRange, scale_starts<Codec>(effort));
  }
  return fit;
}

template <class Codec>
HWY_INLINE void encode_batch(const Batch& batch, bool weighted, Effort effort, Scratch& s) {
  const LaneRange range = load_weights(Groups{batch.weights}, kGroup, s.x);
  const LaneQuickFit fit = search_batch<Codec>(batch, range, weighted, effort, s);
  store_head<Codec>(fit.stored, batch);
  if (!hn::AllTrue(F32(), fit.keeps_codes)) {
    VS nearest[kPairs];
    nearest_pairs<Codec>(s.x, fit.stored, nearest);
    const VI keeps = hn::BitCast(I32(), hn::VecFromMask(F32(), fit.keeps_codes));
    const auto keeps_pairs = hn::MaskFromVec(shorts(keeps));
    for (std::size_t i = 0; i < kPairs; ++i) s.pairs[i] = hn::IfThenElse(keeps_pairs, s.pairs[i], nearest[i]);
  }
  store_codes<Codec>(s.pairs, batch);
}

/// Copies of blocks that do not follow each other in memory.
template <class Codec>
struct Gathered {
  HWY_ALIGN float weights[kLanes * kGroup];
  HWY_ALIGN float importance[kLanes * kGroup];
  typename Codec::Block blocks[kLanes];
};

/// Cuts rows into blocks, kLanes at a time.
template <class Codec>
void encode_all(const EncodeCall& call) {
  using Block = typename Codec::Block;
  // The exact search has no SIMD version.
  if (!Codec::kHasOffset && Codec::kCodeBits < 8 && call.effort == Effort::best)
    return encode_rows_reference<Codec>(call);
  Scratch s;
  Gathered<Codec> copy;
  const bool weighted = !call.importance.empty();
  if (!weighted) std::fill(std::begin(s.w), std::end(s.w), 1.0f);
  const std::int64_t lanes = kLanes, per_row = call.rows.cols / Codec::kWeights,
                     total = call.rows.rows * per_row;
  [[maybe_unused]] WeightPairs weight_pairs(
      Codec::kCodeBits == 8 && weighted ? static_cast<std::size_t>(per_row) : 1,
      static_cast<std::size_t>((total + lanes - 1) / lanes));
  const bool dense = call.rows.stride == call.rows.cols;
  const auto weights = [&](std::int64_t block) {
    return call.rows.data + block / per_row * call.rows.stride + block % per_row * Codec::kWeights;
  };
  const auto importance = [&](std::int64_t block) {
    return call.importance.data() + block % per_row * Codec::kWeights;
  };
  for (std::int64_t first = 0; first < total; first += lanes) {
    const bool in_one_row = first % per_row + lanes <= per_row;
    Batch batch{dense ? call.rows.data + first * Codec::kWeights : weights(first),
                weighted ? importance(first) : nullptr, nullptr,
                call.out + static_cast<std::size_t>(first) * sizeof(Block)};
    const bool partial = first + lanes > total;
    if (partial || !(dense || in_one_row)) {
      for (std::int64_t l = 0; l < lanes; ++l)  // the last batch is filled with copies of the last block
        std::copy_n(weights(std::min(first + l, total - 1)), kGroup,
                    copy.weights + static_cast<std::size_t>(l) * kGroup);
      batch.weights = copy.weights;
    }
    if (weighted && !in_one_row) {
      for (std::int64_t l = 0; l < lanes; ++l)
        std::copy_n(importance(first + l), kGroup, copy.importance + static_cast<std::size_t>(l) * kGroup);
      batch.importance = copy.importance;
    }
    if constexpr (Codec::kCodeBits == 8)
      batch.weight_pairs = weight_pairs.of(static_cast<std::size_t>(first / lanes), batch.importance);
    if (partial) batch.blocks = reinterpret_cast<std::byte*>(copy.blocks);
    encode_batch<Codec>(batch, weighted, call.effort, s);
    if (partial)
      std::memcpy(call.out + static_cast<std::size_t>(first) * sizeof(Block), copy.blocks,
                  static_cast<std::size_t>(total - first) * sizeof(Block));
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

void encode_q4_0(const EncodeCall& call) { encode_all<Q4_0>(call); }
void encode_q4_1(const EncodeCall& call) { encode_all<Q4_1>(call); }
void encode_q5_0(const EncodeCall& call) { encode_all<Q5_0>(call); }
void encode_q5_1(const EncodeCall& call) { encode_all<Q5_1>(call); }
void encode_q8_0(const EncodeCall& call) { encode_all<Q8_0>(call); }

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf {
HWY_EXPORT(encode_q4_0);
HWY_EXPORT(encode_q4_1);
HWY_EXPORT(encode_q5_0);
HWY_EXPORT(encode_q5_1);
HWY_EXPORT(encode_q8_0);

template <>
void encode_rows<Q4_0>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q4_0)(call);
}
template <>
void encode_rows<Q4_1>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q4_1)(call);
}
template <>
void encode_rows<Q5_0>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q5_0)(call);
}
template <>
void encode_rows<Q5_1>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q5_1)(call);
}
template <>
void encode_rows<Q8_0>(const EncodeCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q8_0)(call);
}
}  // namespace pq::gguf
#endif
