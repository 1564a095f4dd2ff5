// SIMD parts that all K types share: 16 groups at a time, one per lane, in as many vectors as the machine needs; decoding. The same operations
// in the same order for every vector width. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_K_SUPER_LANES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_SUPER_LANES_INL_HPP
#undef POLYQUANT_GGUF_K_SUPER_LANES_INL_HPP
#else
#define POLYQUANT_GGUF_K_SUPER_LANES_INL_HPP
#endif
// clang-format on

#include "super_block.hpp"

#include <polyquant/codec/lanes-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

constexpr std::size_t kBatchGroups = 16;
constexpr std::size_t kChunks = kBatchGroups / kLanes;

/// One number per group.
struct GroupValues {
  HWY_ALIGN float at[kBatchGroups];
  HWY_INLINE VF load(std::size_t chunk) const { return hn::Load(F32(), at + chunk * kLanes); }
  HWY_INLINE void store(std::size_t chunk, VF v) { hn::Store(v, F32(), at + chunk * kLanes); }
};

/// Sum of `count` (8 or 16) numbers in an order that does not depend on the machine.
HWY_INLINE float ordered_sum(const float* v, std::size_t count) {
  float sums[4] = {v[0] + v[4], v[1] + v[5], v[2] + v[6], v[3] + v[7]};
  if (count == 16)
    for (std::size_t k = 0; k < 4; ++k) sums[k] += v[8 + k] + v[12 + k];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Element i of the groups of a chunk at x[chunk] + i * kLanes.
template <std::size_t kGroup>
struct ElementMajor {
  HWY_ALIGN float at[kChunks][kGroup * kLanes];
};

/// Codes of all groups, as numbers, to bytes in the order of the weights. `codes(i)`: the vector of element i of the chunk's groups.
template <std::size_t kGroup, class Codes>
HWY_INLINE void store_codes(const Codes& codes, std::int8_t* first_group) {
  const VU byte = hn::Set(U32(), 255u);
  const auto code = [&](std::size_t i) HWY_ATTR {
    return hn::And(hn::BitCast(U32(), hn::ConvertTo(I32(), codes(i))), byte);
  };
  const auto word = [&](std::size_t i)
                        HWY_ATTR { return pack_bytes(code(i), code(i + 1), code(i + 2), code(i + 3)); };
  for (std::size_t i = 0; i < kGroup; i += 16)
    store_words<kGroup>(word(i), word(i + 4), word(i + 8), word(i + 12),
                        reinterpret_cast<std::byte*>(first_group), i);
}

template <class Codec>
void decode_super(const std::byte* from, std::size_t count, float* out) {
  using Block = typename Codec::Block;
  const F32 d;
  const hn::Rebind<std::int8_t, F32> d8;
  constexpr std::size_t kGroup = Codec::kGroup;
  SuperBlock block;
  for (std::size_t b = 0; b < count; ++b) {
    Codec::unpack(load<Block>(from + b * sizeof(Block)), block);
    const std::int8_t* codes = block.codes.data();
    for (std::size_t g = 0; g < group_count<Codec>(); ++g, codes += kGroup, out += kGroup) {
      const VF scale = hn::Set(d, group_scale(block, g));
      [[maybe_unused]] const VF offset = hn::Set(d, group_offset(block, g));
      for (std::size_t i = 0; i < kGroup; i += kLanes) {
        VF value = hn::Mul(scale, hn::ConvertTo(d, hn::PromoteTo(I32(), hn::LoadU(d8, codes + i))));
        if constexpr (Codec::kHasOffset) value = hn::Sub(value, offset);
        hn::StoreU(value, d, out + i);
      }
    }
  }
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
