#include "iq4.hpp"

#include "iq4_search.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/codec/rounding.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_iq/iq4.cpp"
#include <hwy/foreach_target.h>
#include "iq4_super-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

void pack_group(const Slots& s, std::size_t slot, std::uint8_t* out) {
  for (std::size_t j = 0; j < 16; ++j)
    out[j] = static_cast<std::uint8_t>(s.codes[j * kSlots + slot] | s.codes[(j + 16) * kSlots + slot] << 4);
}

/// Finishes kSlots groups: blocks of iq4_nl.
void finish(Slots& s, Effort effort, Iq4Nl::Block* blocks) {
  const Scales scales = search_scales(s, effort);
  choose_codes(s, scales.values);
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    const int one = 1;
    Iq4Nl::set_scales(blocks[slot], scales.values[slot], &one);
    pack_group(s, slot, blocks[slot].codes);
  }
}
/// Two blocks of iq4_xs.
void finish(Slots& s, Effort effort, Iq4Xs::Block* blocks) {
  const SuperScales found = search_super_scales(s, effort);
  choose_codes(s, found.scales().values);
  for (std::size_t half = 0; half < 2; ++half) {
    Iq4Xs::set_scales(blocks[half], found.d[half], found.codes + 8 * half);
    for (std::size_t group = 0; group < 8; ++group)
      pack_group(s, 8 * half + group, blocks[half].codes + 16 * group);
  }
}

template <class Type>
void encode(const Iq4Call& call) {
  using Block = typename Type::Block;
  constexpr std::int64_t kPerBatch = static_cast<std::int64_t>(kSlots) / Type::kGroups;
  Slots s;
  const std::int64_t per_row = call.rows.cols / Type::kWeights, total = call.rows.rows * per_row;
  for (std::int64_t first = 0; first < total; first += kPerBatch) {
    const std::int64_t count = std::min(kPerBatch, total - first);
    const float *weights[kSlots], *importance[kSlots];
    for (std::size_t k = 0; k < kSlots; ++k) {  // the last batch is filled with copies of its last block
      const std::int64_t in_batch = static_cast<std::int64_t>(k) / Type::kGroups;
      const std::int64_t block = first + std::min(in_batch, count - 1);
      const std::int64_t column =
          block % per_row * Type::kWeights + static_cast<std::int64_t>(k % Type::kGroups) * 32;
      weights[k] = call.rows.data + block / per_row * call.rows.stride + column;
      importance[k] = call.importance + column;
    }
    s.load(weights, importance);
    Block blocks[kPerBatch];
    finish(s, call.effort, blocks);
    std::memcpy(call.out + static_cast<std::size_t>(first) * sizeof(Block), blocks,
                static_cast<std::size_t>(count) * sizeof(Block));
  }
}

#if HWY_TARGET == HWY_SCALAR
void decode_group(const std::uint8_t* codes, float scale, float* out) {
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(kIq4Levels[static_cast<std::size_t>(split_nibble(codes, i))]);
}
#else
HWY_INLINE void decode_group(const std::uint8_t* codes, float scale, float* out) {
  const F32 d;
  const hn::FixedTag<std::uint8_t, 16> d8;
  const hn::FixedTag<std::int8_t, 16> di8;
  const hn::Rebind<std::int8_t, F32> part;
  const auto table = hn::Load(di8, kIq4Levels.data());
  const auto packed = hn::LoadU(d8, codes);
  alignas(32) std::int8_t levels[32];
  hn::Store(hn::TableLookupBytes(table, hn::BitCast(di8, hn::And(packed, hn::Set(d8, std::uint8_t{15})))),
            di8, levels);
  hn::Store(hn::TableLookupBytes(table, hn::BitCast(di8, hn::ShiftRight<4>(packed))), di8, levels + 16);
  const VF factor = hn::Set(d, scale);
  for (std::size_t i = 0; i < 32; i += kLanes)
    hn::StoreU(hn::Mul(factor, hn::ConvertTo(d, hn::PromoteTo(I32(), hn::LoadU(part, levels + i)))), d,
               out + i);
}
#endif

template <class Type>
void decode(const std::byte* from, std::size_t count, float* out) {
  using Block = typename Type::Block;
  for (std::size_t b = 0; b < count; ++b) {
    const Block block = load<Block>(from + b * sizeof(Block));
    const float d = Type::super_scale(block);
    for (int group = 0; group < Type::kGroups; ++group, out += 32)
      decode_group(block.codes + 16 * group, d * static_cast<float>(Type::scale(block, group)), out);
  }
}

void encode_iq4_nl(const Iq4Call& call) { encode<Iq4Nl>(call); }
void encode_iq4_xs(const Iq4Call& call) { encode<Iq4Xs>(call); }
void decode_iq4_nl(const std::byte* from, std::size_t count, float* out) { decode<Iq4Nl>(from, count, out); }
void decode_iq4_xs(const std::byte* from, std::size_t count, float* out) { decode<Iq4Xs>(from, count, out); }

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf_iq {
HWY_EXPORT(encode_iq4_nl);
HWY_EXPORT(encode_iq4_xs);
HWY_EXPORT(decode_iq4_nl);
HWY_EXPORT(decode_iq4_xs);

template <>
void encode_iq4<Iq4Nl>(const Iq4Call& call) {
  HWY_DYNAMIC_DISPATCH(encode_iq4_nl)(call);
}
template <>
void encode_iq4<Iq4Xs>(const Iq4Call& call) {
  HWY_DYNAMIC_DISPATCH(encode_iq4_xs)(call);
}
template <>
void decode_iq4<Iq4Nl>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_iq4_nl)(from, count, out);
}
template <>
void decode_iq4<Iq4Xs>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_iq4_xs)(from, count, out);
}
}  // namespace pq::gguf_iq
#endif
