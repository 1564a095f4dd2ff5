// Encoding of the grid encodings, chosen at run time for the machine's instruction set. All give the same bytes.
#pragma once

#include "lattice_unit.hpp"
#include "layouts.hpp"

#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace pq::gguf_iq {

/// What all rows of a tensor share: importance in the order of units, and the scale of the costs that follows from it.
class LatticeImportance {
 public:
  /// `importance`: one number per column (codec/block_encoding.hpp); `elements`: weights of a grid point.
  LatticeImportance(std::span<const float> importance, int elements);

  const float* weights(std::size_t column) const noexcept { return weights_.data() + column; }
  const float* costs(std::size_t column) const noexcept { return costs_.data() + column; }

 private:
  std::vector<float> weights_, costs_;
};

struct LatticeCall {
  ConstMatrix rows;
  const LatticeImportance& importance;
  Effort effort = Effort::normal;
  std::byte* out = nullptr;
};

template <class Type>
void encode_lattice(const LatticeCall& call);

/// Chooses the point and signs of 8 weights for the scale (and, where it belongs to the group, the shift) that a block has.
template <class Type>
void round_piece(typename Type::Block& block, int piece, const float* x, const float* importance);

#define PQ_EACH_LATTICE(apply) \
  apply(Iq1S) apply(Iq1M) apply(Iq2Xxs) apply(Iq2Xs) apply(Iq2S) apply(Iq3Xxs) apply(Iq3S)
#define PQ_DECLARE(Type)                              \
  template <>                                         \
  void encode_lattice<Type>(const LatticeCall& call); \
  template <>                                         \
  void round_piece<Type>(Type::Block & block, int piece, const float* x, const float* importance);
PQ_EACH_LATTICE(PQ_DECLARE)
#undef PQ_DECLARE

}  // namespace pq::gguf_iq
