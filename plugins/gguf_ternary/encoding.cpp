#include "encoding.hpp"

#include "kernels.hpp"
#include "low_bits.hpp"

#include <polyquant/codec/affine_view.hpp>
#include <polyquant/codec/block_encoding.hpp>

#include <cmath>

namespace pq::gguf_ternary {
namespace {

template <class Type>
struct TernaryCodec {
  static constexpr const char* kId = Type::kId;
  static constexpr const char* kSummary = Type::kSummary;
  static constexpr int kWeights = 256, kRoundCols = 1;
  static constexpr Grid kGrid{GridFamily::affine, 2, kWeights, true};
  static constexpr ActivationRounding kActivations = ActivationRounding::q8_k;
  using Block = typename Type::Block;
  using Prepared = std::vector<float>;

  static void encode_rows(const Prepared& importance, ConstMatrix rows, Effort effort, std::byte* out) {
    encode_ternary<Type>({rows, importance.data(), effort, out});
  }
  static void decode_blocks(const std::byte* from, std::size_t count, float* out) {
    decode_ternary<Type>(from, count, out);
  }
  static void round(Block& block, int column, const float* x, const float*, float* y) {
    const float d = f16_to(block.d);
    const float code = nearest_code(x[0], inverse_or_zero(d), -1, 1);
    Type::set_code(block, column, static_cast<int>(code) + 1);
    y[0] = ternary_value<Type>(block, column);
  }
  static const char* problem(const Block& block) {
    return std::isfinite(f16_to(block.d)) ? nullptr : "a scale that is NaN or infinite";
  }
};

template <class Type>
struct LowBitsCodec {
  static constexpr const char* kId = Type::kId;
  static constexpr const char* kSummary = Type::kSummary;
  static constexpr int kWeights = Type::kWeights, kRoundCols = 1;
  static constexpr Grid kGrid{Type::kCodeBits == 1 ? GridFamily::table : GridFamily::affine, Type::kCodeBits,
                              kWeights, true};
  static constexpr ActivationRounding kActivations = ActivationRounding::q8_0;
  using Block = typename Type::Block;
  using Prepared = std::vector<float>;

  static void encode_rows(const Prepared& importance, ConstMatrix rows, Effort effort, std::byte* out) {
    encode_low_bits<Type>({rows, importance.data(), effort, out});
  }
  static void decode_blocks(const std::byte* from, std::size_t count, float* out) {
    decode_low_bits<Type>(from, count, out);
  }
  static void round(Block& block, int column, const float* x, const float*, float* y) {
    const float d = f16_to(block.d);
    const int code = Type::nearest(d, x[0]);
    set_low_bits_code<Type>(block, column, code);
    y[0] = Type::value(d, code);
  }
  static const char* problem(const Block& block) {
    return std::isfinite(f16_to(block.d)) ? nullptr : "a scale that is NaN or infinite";
  }
};

template <class Type>
class TernaryEncoding final : public BlockEncoding<TernaryCodec<Type>> {
 public:
  bool unpack_affine(Bytes row, std::int64_t cols, AffineRow& out) const override {
    return unpack_affine_blocks<TernaryAffine<Type>>(row, cols, out);
  }
  bool pack_affine(const AffineRow& row, MutableBytes out) const override {
    return pack_affine_blocks<TernaryAffine<Type>>(row, out);
  }
};

}  // namespace

std::unique_ptr<Encoding> make_tq1_0() { return std::make_unique<TernaryEncoding<Tq10>>(); }
std::unique_ptr<Encoding> make_q1_0() { return std::make_unique<BlockEncoding<LowBitsCodec<Q10>>>(); }
std::unique_ptr<Encoding> make_q2_0() { return std::make_unique<BlockEncoding<LowBitsCodec<Q20>>>(); }
std::unique_ptr<Encoding> make_tq2_0() { return std::make_unique<TernaryEncoding<Tq20>>(); }

}  // namespace pq::gguf_ternary
