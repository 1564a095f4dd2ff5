#include "iq4.hpp"

#include "iq4_search.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/codec/rounding.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

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

/// The groups of kSlots / Type::kGroups blocks, counted over all rows.
template <class Type>
void load_blocks(const Iq4Call& call, const std::int64_t* blocks, Slots& s) {
  const std::int64_t per_row = call.rows.cols / Type::kWeights;
  const float *weights[kSlots], *importance[kSlots];
  for (std::size_t k = 0; k < kSlots; ++k) {
    const std::int64_t block = blocks[k / Type::kGroups];
    const std::int64_t column =
        block % per_row * Type::kWeights + static_cast<std::int64_t>(k % Type::kGroups) * 32;
    weights[k] = call.rows.row(block / per_row).data() + column;
    importance[k] = call.importance + column;
  }
  s.load(weights, importance);
}

/// Stores blocks of iq4_nl; of the last ones, that fill a batch up, nothing.
void store_blocks(Slots& s, const Scales& scales, const std::int64_t* blocks, std::size_t count,
                  std::byte* out) {
  choose_codes(s, scales.values);
  for (std::size_t slot = 0; slot < count; ++slot) {
    const int one = 1;
    Iq4Nl::Block block;
    Iq4Nl::set_scales(block, scales.values[slot], &one);
    pack_group(s, slot, block.codes);
    store(out + static_cast<std::size_t>(blocks[slot]) * sizeof(block), block);
  }
}

/// Blocks of iq4_nl that get a second search, 16 together.
struct Again {
  std::int64_t blocks[kSlots];
  std::size_t count = 0;
  bool thorough = false;  // as by `best`

  void add(const Iq4Call& call, std::int64_t block, Slots& s) {
    blocks[count++] = block;
    if (count == kSlots) search(call, s);
  }
  void search(const Iq4Call& call, Slots& s) {
    if (count == 0) return;
    std::fill(blocks + count, blocks + kSlots, blocks[count - 1]);
    load_blocks<Iq4Nl>(call, blocks, s);
    Scales before;
    for (std::size_t k = 0; k < kSlots; ++k)
      before.values[k] = Iq4Nl::super_scale(
          load<Iq4Nl::Block>(call.out + static_cast<std::size_t>(blocks[k]) * sizeof(Iq4Nl::Block)));
    BestScales best;
    best.start(s, before.values);
    improve_scales(s, iq4_nl_again(), best);
    if (thorough) improve_scales(s, iq4_nl_effort(Effort::best), best);
    store_blocks(s, best.scales, blocks, count, call.out);
    count = 0;
  }
};

bool needs_more(const Slots& s, const BestScales& best, std::size_t k) {
  return best.errors[k] > kIq4PoorShare * s.squares[k] ||
         s.total[k] * s.total[k] < kIq4FewWeights * s.weight_squares[k];
}

/// A batch of blocks; those that need more go to `again`. `squares`: of all blocks.
void encode_batch(Iq4Nl, const Iq4Call& call, const std::int64_t* blocks, std::size_t count, Slots& s,
                  Again& again, std::vector<float>& squares) {
  const BestScales best = search_scales(s, call.effort);
  store_blocks(s, best.scales, blocks, count, call.out);
  if (call.effort == Effort::best) return;
  Slots other;
  for (std::size_t k = 0; k < count; ++k) {
    squares[static_cast<std::size_t>(blocks[k])] = s.squares[k];
    if (needs_more(s, best, k)) again.add(call, blocks[k], other);
  }
}

/// A second search for blocks that decide the error of a row.
void search_dominant(const Iq4Call& call, const std::vector<float>& squares, Slots& s) {
  const std::int64_t per_row = call.rows.cols / Iq4Nl::kWeights;
  if (per_row < kIq4DominantRow) return;
  Again again;
  again.thorough = true;
  for (std::int64_t first = 0; first < call.rows.rows * per_row; first += per_row) {
    const float* row = squares.data() + first;
    float sum = 0;
    for (std::int64_t b = 0; b < per_row; ++b) sum += row[b];
    for (std::int64_t b = 0; b < per_row; ++b)
      if (row[b] > kIq4DominantInRow * sum) again.add(call, first + b, s);
  }
  again.search(call, s);
}

/// Two blocks of iq4_xs.
void encode_batch(Iq4Xs, const Iq4Call& call, const std::int64_t* blocks, std::size_t count, Slots& s, Again&,
                  std::vector<float>&) {
  const SuperScales found = search_super_scales(s, call.effort);
  const Scales scales = found.scales();
  choose_codes(s, scales.values);
  Iq4Xs::Block both[2];
  for (std::size_t half = 0; half < 2; ++half) {
    Iq4Xs::set_scales(both[half], found.d[half], found.codes + 8 * half);
    for (std::size_t group = 0; group < 8; ++group)
      pack_group(s, 8 * half + group, both[half].codes + 16 * group);
  }
  std::memcpy(call.out + static_cast<std::size_t>(blocks[0]) * sizeof(both[0]), both,
              count * sizeof(both[0]));
}

template <class Type>
void encode(const Iq4Call& call) {
  constexpr std::int64_t kPerBatch = static_cast<std::int64_t>(kSlots) / Type::kGroups;
  Slots s;
  Again again;
  const std::int64_t total = call.rows.rows * (call.rows.cols / Type::kWeights);
  std::vector<float> squares(Type::kGroups == 1 ? static_cast<std::size_t>(total) : 0);
  for (std::int64_t first = 0; first < total; first += kPerBatch) {
    std::int64_t blocks[kPerBatch];
    for (std::int64_t b = 0; b < kPerBatch; ++b)  // the last batch is filled with copies of its last block
      blocks[b] = std::min(first + b, total - 1);
    load_blocks<Type>(call, blocks, s);
    encode_batch(Type{}, call, blocks, static_cast<std::size_t>(std::min(kPerBatch, total - first)), s, again,
                 squares);
  }
  again.search(call, s);
  if (!squares.empty() && call.effort != Effort::best) search_dominant(call, squares, s);
}

#if HWY_TARGET == HWY_SCALAR
void decode_group(const std::byte* codes, float scale, float* out) {
  const auto* nibbles = reinterpret_cast<const std::uint8_t*>(codes);
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(kIq4Levels[static_cast<std::size_t>(split_nibble(nibbles, i))]);
}
#else
HWY_INLINE void decode_group(const std::byte* codes, float scale, float* out) {
  const F32 d;
  const hn::FixedTag<std::uint8_t, 16> d8;
  const hn::FixedTag<std::int8_t, 16> di8;
  const hn::Rebind<std::int8_t, F32> part;
  const auto table = hn::Load(di8, kIq4Levels.data());
  const auto packed = hn::LoadU(d8, reinterpret_cast<const std::uint8_t*>(codes));
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

/// Codes are read where they are: a copy of a block would be read back with other widths than it was written with, which waits.
template <class Type>
void decode(const std::byte* from, std::size_t count, float* out) {
  using Block = typename Type::Block;
  for (std::size_t b = 0; b < count; ++b, from += sizeof(Block)) {
    const Block block = load<Block>(from);
    const float d = Type::super_scale(block);
    for (int group = 0; group < Type::kGroups; ++group, out += 32)
      decode_group(from + offsetof(Block, codes) + 16 * group,
                   d * static_cast<float>(Type::scale(block, group)), out);
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
