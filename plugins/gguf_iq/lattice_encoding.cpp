#include "encoding.hpp"
#include "lattice.hpp"

#include <polyquant/codec/block_encoding.hpp>

#include <cmath>

namespace pq::gguf_iq {
namespace {

template <class Type>
struct LatticeCodec {
  static constexpr const char* kId = Type::kId;
  static constexpr const char* kSummary = Type::kSummary;
  static constexpr int kWeights = 256, kRoundCols = 8;
  static constexpr Grid kGrid{GridFamily::lattice,
                              Type::kGrid == GridId::iq1s       ? 1
                              : grid_elements(Type::kGrid) == 4 ? 3
                                                                : 2,
                              Type::kGroup, true};
  static constexpr ActivationRounding kActivations = ActivationRounding::q8_k;
  using Block = typename Type::Block;

  struct Prepared : LatticeImportance {
    explicit Prepared(std::span<const float> importance)
        : LatticeImportance(importance, grid_elements(Type::kGrid)) {}
  };

  static void encode_rows(const Prepared& importance, ConstMatrix rows, Effort effort, std::byte* out) {
    encode_lattice<Type>({rows, importance, effort, out});
  }
  static void decode_blocks(const std::byte* from, std::size_t count, float* out) {
    for (std::size_t b = 0; b < count; ++b, out += kWeights)
      decode_lattice<Type>(load<Block>(from + b * sizeof(Block)), out);
  }
  static void round(Block& block, int column, const float* x, const float* w, float* y) {
    round_piece<Type>(block, column / 8, x, w);
    const float scale =
        Type::super_scale(block) * static_cast<float>(2 * Type::scale(block, column / Type::kGroup) + 1);
    piece_levels<Type>(Type::piece(block, column / 8), y);
    for (int j = 0; j < 8; ++j) y[j] *= scale;
  }
  static const char* problem(const Block& block) {
    return std::isfinite(Type::super_scale(block)) ? nullptr : "a scale that is NaN or infinite";
  }
};

template <class Type>
std::unique_ptr<Encoding> make() {
  return std::make_unique<BlockEncoding<LatticeCodec<Type>>>();
}

}  // namespace

std::unique_ptr<Encoding> make_iq1_s() { return make<Iq1S>(); }
std::unique_ptr<Encoding> make_iq1_m() { return make<Iq1M>(); }
std::unique_ptr<Encoding> make_iq2_xxs() { return make<Iq2Xxs>(); }
std::unique_ptr<Encoding> make_iq2_xs() { return make<Iq2Xs>(); }
std::unique_ptr<Encoding> make_iq2_s() { return make<Iq2S>(); }
std::unique_ptr<Encoding> make_iq3_xxs() { return make<Iq3Xxs>(); }
std::unique_ptr<Encoding> make_iq3_s() { return make<Iq3S>(); }

}  // namespace pq::gguf_iq
