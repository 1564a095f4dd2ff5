#include "lattice.hpp"

#include <polyquant/base/bytes.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_iq/lattice.cpp"
#include <hwy/foreach_target.h>
#include "lattice_encoder-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

template <class Type>
void encode(const LatticeCall& call) {
  LatticeEncoder<Type> encoder(call.effort);
  std::byte* to = call.out;
  for (std::int64_t r = 0; r < call.rows.rows; ++r) {
    for (std::int64_t c = 0; c < call.rows.cols; c += 256, to += sizeof(typename Type::Block)) {
      const auto column = static_cast<std::size_t>(c);
      typename Type::Block block;
      encoder.encode(call.rows.data + r * call.rows.stride + c, call.importance.weights(column),
                     call.importance.costs(column), block);
      store(to, block);
    }
  }
}

template <class Type>
void round_one(typename Type::Block& block, int piece, const float* x, const float* importance) {
  using Traits = LatticeTraits<Type>;
  float row[kUnit] = {}, w[kUnit], scales[kBlockPieces];
  std::fill(std::begin(w), std::end(w), 1.0f);
  std::copy_n(x, 8, row);
  std::copy_n(importance, 8, w);
  const LatticeImportance prepared(w, Traits::kElements);
  LatticeBlock<Type> weights;
  weights.load(row, prepared.weights(0), prepared.costs(0), 1);
  std::fill(
      std::begin(scales), std::end(scales),
      Type::super_scale(block) * static_cast<float>(2 * Type::scale(block, 8 * piece / Type::kGroup) + 1));
  const LatticeSearch<Type> search(true);

  LatticeChoice best;
  std::uint8_t signs = 0;
  float least = HUGE_VALF;
  const auto consider = [&](bool down) {
    LatticeChoice choice;
    search.find_shifted(weights.weights(), scales, down, choice);
    const float error = choice.error(0, scales[0]);
    if (!(error < least)) return;
    least = error;
    best.take(0, choice);
    signs = weights.signs(0);
  };
  if constexpr (Traits::kSignedLevels) {
    consider(Type::piece(block, piece).shifted_down);
    if constexpr (Traits::kShiftPerPiece) consider(!Type::piece(block, piece).shifted_down);
  } else {
    consider(false);
    std::uint8_t order[8];
    if (weights.is_odd(0)) weights.flip_order(0, 8, order);
    for (std::size_t n = 1; n < 8 && weights.is_odd(0); ++n) {
      weights.flip_instead(0, order[n]);
      consider(false);
    }
  }
  Type::set_piece(block, piece, LatticeEncoder<Type>::piece_of(best, 0, signs));
}

#define PQ_TARGET(Type)                                                                       \
  void encode_##Type(const LatticeCall& call) { encode<Type>(call); }                         \
  void round_##Type(Type::Block& block, int piece, const float* x, const float* importance) { \
    round_one<Type>(block, piece, x, importance);                                             \
  }
PQ_EACH_LATTICE(PQ_TARGET)
#undef PQ_TARGET

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf_iq {

LatticeImportance::LatticeImportance(std::span<const float> importance, int elements)
    : weights_(importance.size()), costs_(importance.size()) {
  const auto points = static_cast<std::size_t>(8 / elements);
  for (std::size_t piece = 0; piece < importance.size() / 8; ++piece) {
    for (std::size_t half = 0; half < points; ++half) {
      const std::size_t first = 8 / points * half, last = 8 / points * (half + 1);
      float total = 0;
      for (std::size_t j = first; j < last; ++j) total += importance[8 * piece + j];
      for (std::size_t j = first; j < last; ++j) {
        const std::size_t at = place_of(piece, j);
        weights_[at] = importance[8 * piece + j];
        costs_[at] = importance[8 * piece + j] / total * kCostScale;
      }
    }
  }
}

#define PQ_DISPATCH(Type)                                                                           \
  HWY_EXPORT(encode_##Type);                                                                        \
  HWY_EXPORT(round_##Type);                                                                         \
  template <>                                                                                       \
  void encode_lattice<Type>(const LatticeCall& call) {                                              \
    HWY_DYNAMIC_DISPATCH(encode_##Type)(call);                                                      \
  }                                                                                                 \
  template <>                                                                                       \
  void round_piece<Type>(Type::Block & block, int piece, const float* x, const float* importance) { \
    HWY_DYNAMIC_DISPATCH(round_##Type)(block, piece, x, importance);                                \
  }
PQ_EACH_LATTICE(PQ_DISPATCH)
#undef PQ_DISPATCH

}  // namespace pq::gguf_iq
#endif
