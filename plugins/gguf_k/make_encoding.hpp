// A K type as an Encoding object.
#pragma once

#include "super_affine.hpp"
#include "super_block.hpp"
#include "super_columns.hpp"

#include <polyquant/codec/importance.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace pq::gguf {

/// One importance per column as the searches want it: relative to the largest of its super-block. A group without any counts a little, so
/// that its weights are still encoded as well as its neighbours allow.
inline std::vector<float> prepare_importance(const EncodeRequest& request, std::size_t group_cols) {
  constexpr float kBarely = 0x1p-40f;
  if (request.importance.empty()) return std::vector<float>(static_cast<std::size_t>(request.cols), 1.0f);
  std::vector<float> result = normalized_importance(request.importance, kSuperWeights);
  for (auto begin = result.begin(); begin != result.end(); begin += static_cast<std::ptrdiff_t>(group_cols)) {
    const auto end = begin + static_cast<std::ptrdiff_t>(group_cols);
    if (std::all_of(begin, end, [](float w) { return w == 0.0f; })) std::fill(begin, end, kBarely);
  }
  return result;
}

template <class Codec>
class SuperEncoder final : public RowEncoder {
 public:
  explicit SuperEncoder(const EncodeRequest& request)
      : importance_(prepare_importance(request, Codec::kGroup)), effort_(request.effort) {}
  void encode(ConstMatrix rows, MutableBytes out) const override {
    encode_super_blocks<Codec>({rows, importance_, effort_, out.data()});
  }

 private:
  std::vector<float> importance_;
  Effort effort_;
};

template <class Codec>
class SuperEncoding final : public Encoding {
 public:
  using Block = typename Codec::Block;
  SuperEncoding() {
    info_.id = info_.spec = Codec::kId;
    info_.summary = Codec::kSummary;
    info_.grid = {GridFamily::affine, Codec::kCodeBits, Codec::kGroup, !Codec::kHasOffset};
    info_.block_cols = kSuperWeights;
    info_.bits_per_weight = 8.0 * sizeof(Block) / kSuperWeights;
    info_.uses_importance = true;
    info_.activations = ActivationRounding::q8_k;
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return static_cast<std::size_t>(cols) / kSuperWeights * sizeof(Block);
  }
  std::unique_ptr<RowEncoder> encoder(const EncodeRequest& request) const override {
    return std::make_unique<SuperEncoder<Codec>>(request);
  }
  void decode(Bytes rows, Matrix out) const override {
    const std::size_t bytes = row_bytes(out.cols);
    for (std::int64_t r = 0; r < out.rows; ++r)
      decode_super_blocks<Codec>(rows.data() + static_cast<std::size_t>(r) * bytes,
                                 static_cast<std::size_t>(out.cols) / kSuperWeights, out.row(r).data());
  }
  bool unpack_affine(Bytes row, std::int64_t cols, AffineRow& out) const override {
    return unpack_affine_super<Codec>(row, cols, out);
  }
  bool pack_affine(const AffineRow& row, MutableBytes out) const override {
    return pack_affine_super<Codec>(row, out);
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols,
                                            Effort effort) const override {
    return std::make_unique<SuperColumns<Codec>>(*this, rows, cols, effort);
  }
  std::optional<std::string> check_rows(Bytes rows, std::int64_t) const override {
    SuperBlock block;
    for (std::size_t b = 0; b < rows.size() / sizeof(Block); ++b) {
      Codec::unpack(load<Block>(rows.data() + b * sizeof(Block)), block);
      if (!std::isfinite(block.d))
        return "super-block " + std::to_string(b) + " has a scale that is NaN or infinite";
      if (!std::isfinite(block.dmin))
        return "super-block " + std::to_string(b) + " has a minimum that is NaN or infinite";
    }
    return std::nullopt;
  }

 private:
  EncodingInfo info_;
};

}  // namespace pq::gguf
