#include "encode.hpp"

#include "reference.hpp"
#include "search.hpp"

#include <array>

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

/// One block per lane on its way through an encoder.
struct Batch {
  std::array<const float*, kLanes> weights;
  std::array<const float*, kLanes> importance;
  std::array<std::byte*, kLanes> blocks;
};

struct Scratch {
  HWY_ALIGN float x[kGroup * kLanes];
  HWY_ALIGN float w[kGroup * kLanes];
  HWY_ALIGN float centred[kGroup * kLanes];
  VS pairs[kPairs];
  VS weight_pairs[kPairs];
};

/// Stored codes (0 .. 2^bits - 1) of element i for the values in x.
template <class Codec>
HWY_INLINE VU stored_code(const Scratch& s, std::size_t i, LaneScaleOffset fit, VF inverse) {
  const F32 d;
  VF x = hn::Load(d, s.x + i * kLanes);
  if constexpr (Codec::kHasOffset) x = hn::Sub(x, fit.offset);
  const VF code = nearest_codes(x, inverse, hn::Set(d, Codec::kMinCode), hn::Set(d, Codec::kMaxCode));
  constexpr float kBias = Codec::kCodeBits == 8 ? 0.0f : -static_cast<float>(Codec::kMinCode);
  return hn::BitCast(U32(), hn::ConvertTo(I32(), hn::Add(code, hn::Set(d, kBias))));
}

/// Writes the blocks: f16 scale (and offset), fifth bits, nibbles or bytes.
template <class Codec>
HWY_INLINE void store_blocks(const Scratch& s, LaneScaleOffset fit, const Batch& batch) {
  const U32 du;
  using Block = typename Codec::Block;
  const VF inverse = inverses_or_zero(fit.scale);
  HWY_ALIGN std::uint32_t head[kLanes];
  VU head_bits = f16_bits(fit.scale);
  if constexpr (Codec::kHasOffset) head_bits = hn::Or(head_bits, hn::ShiftLeft<16>(f16_bits(fit.offset)));
  hn::Store(head_bits, du, head);
  for (std::size_t l = 0; l < kLanes; ++l) std::memcpy(batch.blocks[l], &head[l], Codec::kHasOffset ? 4 : 2);

  if constexpr (Codec::kCodeBits == 8) {
    for (std::size_t i = 0; i < kGroup; i += 16) {
      VU words[4];
      for (std::size_t k = 0; k < 4; ++k) {
        VU bytes[4];
        for (std::size_t j = 0; j < 4; ++j) bytes[j] = hn::And(stored_code<Codec>(s, i + 4 * k + j, fit, inverse), hn::Set(du, 255u));
        words[k] = pack_bytes(bytes[0], bytes[1], bytes[2], bytes[3]);
      }
      store_words(words[0], words[1], words[2], words[3], batch.blocks.data(), offsetof(Block, codes) + i);
    }
  } else {
    VU words[4], high_bits = hn::Zero(du);
    for (std::size_t k = 0; k < 4; ++k) {
      VU bytes[4];
      for (std::size_t j = 0; j < 4; ++j) {
        VU low = stored_code<Codec>(s, 4 * k + j, fit, inverse), high = stored_code<Codec>(s, 4 * k + j + 16, fit, inverse);
        if constexpr (Codec::kCodeBits == 5) {
          high_bits = hn::Or(high_bits, hn::ShiftLeftSame(hn::ShiftRight<4>(low), static_cast<int>(4 * k + j)));
          high_bits = hn::Or(high_bits, hn::ShiftLeftSame(hn::ShiftRight<4>(high), static_cast<int>(4 * k + j + 16)));
          low = hn::And(low, hn::Set(du, 15u));
          high = hn::And(high, hn::Set(du, 15u));
        }
        bytes[j] = hn::Or(low, hn::ShiftLeft<4>(high));
      }
      words[k] = pack_bytes(bytes[0], bytes[1], bytes[2], bytes[3]);
    }
    if constexpr (Codec::kCodeBits == 5) {
      hn::Store(high_bits, du, head);
      for (std::size_t l = 0; l < kLanes; ++l) std::memcpy(batch.blocks[l] + offsetof(Block, high_bits), &head[l], 4);
    }
    store_words(words[0], words[1], words[2], words[3], batch.blocks.data(), offsetof(Block, codes));
  }
}

template <class Codec>
HWY_INLINE void encode_batch(const Batch& batch, bool weighted, Effort effort, Scratch& s) {
  const F32 d;
  const LaneRange range = load_weights(batch.weights.data(), kGroup, s.x);
  const bool quick = !weighted && effort != Effort::best;
  if (weighted) load_groups(batch.importance.data(), kGroup, s.w);
  const LaneGroups groups{s.x, s.w, kGroup};
  constexpr CodeRange kRange{Codec::kMinCode, Codec::kMaxCode};
  LaneScaleOffset fit{hn::Zero(d), hn::Zero(d)};
  if constexpr (Codec::kCodeBits == 8) {
    if (weighted) fine_weight_pairs(s.w, s.weight_pairs);
    fit.scale = search_fine_scale(s.x, s.weight_pairs, range.peak(), fine_scale_starts(effort), s.pairs);
  } else if constexpr (Codec::kHasOffset) {
    fit = quick ? quick_search_scale_offset(s.x, range.low, range.high, Codec::kMaxCode, quick_offset_starts<Codec>(effort), s.pairs)
                : search_scale_offset(groups, range, Codec::kMaxCode, offset_starts<Codec>(effort), s.centred);
  } else {
    fit.scale = quick ? quick_search_scale(s.x, range.peak(), kRange, quick_scale_starts<Codec>(effort), s.pairs)
                      : search_scale(groups, range.peak(), kRange, scale_starts<Codec>(effort));
  }
  store_blocks<Codec>(s, fit, batch);
}

/// Cuts rows into blocks, kLanes at a time.
template <class Codec>
void encode_all(const EncodeCall& call) {
  Scratch s;
  const bool weighted = !call.importance.empty();
  if (!weighted) {
    std::fill(std::begin(s.w), std::end(s.w), 1.0f);
    fine_weight_pairs(s.w, s.weight_pairs);
  }
  const std::int64_t per_row = call.rows.cols / Codec::kWeights, total = call.rows.rows * per_row;
  typename Codec::Block unused;
  std::int64_t row = 0, in_row = 0;
  for (std::int64_t first = 0; first < total; first += kLanes) {
    Batch batch;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const bool real = first + static_cast<std::int64_t>(l) < total;
      if (!real) {  // the last batch is filled with copies of its first block
        batch.weights[l] = batch.weights[0];
        batch.importance[l] = batch.importance[0];
        batch.blocks[l] = reinterpret_cast<std::byte*>(&unused);
        continue;
      }
      batch.weights[l] = call.rows.data + row * call.rows.stride + in_row * Codec::kWeights;
      batch.importance[l] = weighted ? call.importance.data() + in_row * Codec::kWeights : nullptr;
      batch.blocks[l] = call.out + static_cast<std::size_t>(first + static_cast<std::int64_t>(l)) * sizeof(unused);
      if (++in_row == per_row) {
        in_row = 0;
        ++row;
      }
    }
    encode_batch<Codec>(batch, weighted, call.effort, s);
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
