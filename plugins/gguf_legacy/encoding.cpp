#include "encoding.hpp"

#include "simd.hpp"

#include <polyquant/codec/affine_view.hpp>
#include <polyquant/codec/block_columns.hpp>
#include <polyquant/codec/importance.hpp>

#include <cmath>
#include <string>

namespace pq::gguf {
namespace {

template <class Codec>
class LegacyEncoder final : public RowEncoder {
 public:
  explicit LegacyEncoder(const EncodeRequest& request)
      : importance_(normalized_importance(request.importance, Codec::kWeights)), effort_(request.effort) {}

  void encode(ConstMatrix rows, MutableBytes out) const override {
    encode_rows<Codec>({rows, importance_, effort_, out.data()});
  }

 private:
  std::vector<float> importance_;  // empty: all equal
  Effort effort_;
};

template <class Codec>
class LegacyEncoding final : public Encoding {
 public:
  LegacyEncoding() {
    info_.id = info_.spec = Codec::kId;
    info_.summary = Codec::kSummary;
    info_.grid = {GridFamily::affine, Codec::kCodeBits, Codec::kWeights, !Codec::kHasOffset};
    info_.block_cols = Codec::kWeights;
    info_.bits_per_weight = 8.0 * sizeof(typename Codec::Block) / Codec::kWeights;
    info_.uses_importance = true;
    info_.activations = ActivationRounding::q8_0;  // of q4_1 and q5_1, too: q8_1 differs by a stored sum only
  }

  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return static_cast<std::size_t>(cols / Codec::kWeights) * sizeof(typename Codec::Block);
  }
  std::unique_ptr<RowEncoder> encoder(const EncodeRequest& request) const override {
    // An importance that is equal everywhere has the optimum of none, but ggml searches harder for it, so this does too.
    return std::make_unique<LegacyEncoder<Codec>>(request);
  }
  void decode(Bytes rows, Matrix out) const override {
    const std::size_t bytes = row_bytes(out.cols);
    for (std::int64_t r = 0; r < out.rows; ++r)
      decode_blocks<Codec>(rows.data() + static_cast<std::size_t>(r) * bytes,
                           static_cast<std::size_t>(out.cols) / Codec::kWeights, out.row(r).data());
  }
  bool unpack_affine(Bytes row, std::int64_t cols, AffineRow& out) const override {
    return unpack_affine_blocks<Codec>(row, cols, out);
  }
  bool pack_affine(const AffineRow& row, MutableBytes out) const override {
    return pack_affine_blocks<Codec>(row, out);
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols,
                                            Effort effort) const override {
    return std::make_unique<BlockColumns<Codec>>(*this, rows, cols, effort);
  }
  std::optional<std::string> check_rows(Bytes rows, std::int64_t) const override;

 private:
  EncodingInfo info_;
};

template <class Codec>
std::optional<std::string> LegacyEncoding<Codec>::check_rows(Bytes rows, std::int64_t) const {
  using Block = typename Codec::Block;
  for (std::size_t b = 0; b < rows.size() / sizeof(Block); ++b) {
    const Block block = load<Block>(rows.data() + b * sizeof(Block));
    if (!std::isfinite(Codec::scale(block)))
      return "block " + std::to_string(b) + " has a scale that is NaN or infinite";
    if (!std::isfinite(Codec::offset(block)))
      return "block " + std::to_string(b) + " has an offset that is NaN or infinite";
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Encoding> make_q4_0() { return std::make_unique<LegacyEncoding<Q4_0>>(); }
std::unique_ptr<Encoding> make_q4_1() { return std::make_unique<LegacyEncoding<Q4_1>>(); }
std::unique_ptr<Encoding> make_q5_0() { return std::make_unique<LegacyEncoding<Q5_0>>(); }
std::unique_ptr<Encoding> make_q5_1() { return std::make_unique<LegacyEncoding<Q5_1>>(); }
std::unique_ptr<Encoding> make_q8_0() { return std::make_unique<LegacyEncoding<Q8_0>>(); }

}  // namespace pq::gguf
