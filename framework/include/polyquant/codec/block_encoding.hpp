// An Encoding made of equal blocks, from a Codec that knows one kind of block:
//
//   struct Codec {
//     static constexpr const char *kId, *kSummary;
//     static constexpr int kWeights;    // per block
//     static constexpr int kRoundCols;  // columns whose codes are chosen together
//     static constexpr Grid kGrid;
//     struct Block { ... };             // the bytes, with a static_assert
//     class Prepared;                   // what all rows share; made from block_importance()
//     static void encode_rows(const Prepared&, ConstMatrix rows, Effort, std::byte* out);
//     static void decode_blocks(const std::byte* from, std::size_t count, float* out);
//     // Chooses the codes of kRoundCols weights for the scales of a block; x is finite, w their importance, y what they decode to.
//     static void round(Block&, int column, const float* x, const float* w, float* y);
//     static const char* problem(const Block&);  // why a reader would refuse it, or nullptr
//     // Only if scales can be moved (column_codec.hpp); there are no offsets, and kRoundCols is 1.
//     static constexpr int kScaleCols[2];  // columns that share a scale at each level; 0: none can be moved
//     static float value(const Block&, int column), direction(const Block&, ScaleLevel, int column);
//     static float rescale(Block&, ScaleLevel, int number, const ScaleCost&);  // returns the cost
//   };
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/codec/rounding.hpp>
#include <polyquant/encoding.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pq {

/// One weight in kLeastImportance..1 per column, relative to the largest of its block; only ratios inside a block matter to a search.
/// Columns without importance keep a trace of it, so that a group of them is stored well as long as that costs the others nothing.
/// Values that are negative or not finite count as 0; a block that is all zero, and no importance at all, as all equal.
inline constexpr float kLeastImportance = 0x1p-40f;
inline std::vector<float> block_importance(std::span<const float> importance, std::int64_t cols,
                                           std::size_t block_cols) {
  std::vector<float> result(static_cast<std::size_t>(cols), 1.0f);
  const auto usable = [&](std::size_t i) {
    return std::isfinite(importance[i]) && importance[i] > 0.0f ? importance[i] : 0.0f;
  };
  for (std::size_t begin = 0; begin < importance.size(); begin += block_cols) {
    const std::size_t end = std::min(begin + block_cols, importance.size());
    float largest = 0.0f;
    for (std::size_t i = begin; i < end; ++i) largest = std::max(largest, usable(i));
    if (!(largest > 0.0f)) continue;
    for (std::size_t i = begin; i < end; ++i) result[i] = std::max(usable(i) / largest, kLeastImportance);
  }
  return result;
}

/// fit() lets the row encoder choose everything, round() chooses codes again for those scales.
template <class Codec>
class RoundingColumns final : public ColumnCodec {
 public:
  using Block = typename Codec::Block;
  RoundingColumns(const Encoding& encoding, std::int64_t rows, std::int64_t cols, Effort effort)
      : encoding_(encoding),
        effort_(effort),
        rows_(static_cast<std::size_t>(rows)),
        cols_(static_cast<std::size_t>(cols)),
        blocks_(rows_ * (cols_ / Codec::kWeights)) {}

  int fit_cols() const override { return Codec::kWeights; }
  int round_cols() const override { return Codec::kRoundCols; }
  bool can_revise() const override { return true; }

  void fit(ConstMatrix weights, std::span<const float> importance) override {
    PQ_ASSERT(column_ == importance_.size() && column_ < cols_,
              "fit() comes after all columns of the block before have been rounded");
    const std::vector<float> own = block_importance(importance, Codec::kWeights, Codec::kWeights);
    importance_.insert(importance_.end(), own.begin(), own.end());
    encoding_.encoder({Codec::kWeights, importance, effort_})
        ->encode(weights, std::as_writable_bytes(
                              std::span(blocks_).subspan(column_ / Codec::kWeights * rows_, rows_)));
  }

  void round(ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ < importance_.size(), "fit() comes before the columns of a block are rounded");
    choose(column_, weights, rounded);
    column_ += Codec::kRoundCols;
  }

  void revise(std::int64_t column, ConstMatrix weights, Matrix rounded) override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before some are revised");
    choose(static_cast<std::size_t>(column), weights, rounded);
  }

  std::int64_t scale_of(ScaleLevel level, std::int64_t column) const override {
    const std::int64_t cols = scale_cols(level);
    return cols > 0 ? column / cols : -1;
  }

  void directions(ScaleLevel level, std::int64_t column, std::span<float> scale,
                  std::span<float> offset) const override {
    if constexpr (kCanRescale)
      for (std::size_t r = 0; r < rows_; ++r)
        scale[r] = Codec::direction(blocks_of(column)[r], level, inside(column));
    std::fill_n(offset.begin(), rows_, 0.0f);
  }

  void rescale(ScaleLevel level, std::int64_t number, std::span<const ScaleCost> costs,
               std::span<float> changes) override {
    if constexpr (kCanRescale) {
      const std::int64_t column = number * scale_cols(level);
      Block* blocks = blocks_.data() + column / Codec::kWeights * static_cast<std::int64_t>(rows_);
      for (std::size_t r = 0; r < rows_; ++r)
        changes[r] = Codec::rescale(blocks[r], level, inside(column) / scale_cols(level), costs[r]);
    }
  }

  void values(std::int64_t column, std::span<float> out) const override {
    if constexpr (kCanRescale)
      for (std::size_t r = 0; r < rows_; ++r) out[r] = Codec::value(blocks_of(column)[r], inside(column));
  }

  void emit(std::int64_t row, MutableBytes out) const override {
    PQ_ASSERT(column_ == cols_, "all columns must be rounded before a row is emitted");
    for (std::size_t b = 0; b < cols_ / Codec::kWeights; ++b)
      store(out.data() + b * sizeof(Block), blocks_[b * rows_ + static_cast<std::size_t>(row)]);
  }

 private:
  static constexpr bool kCanRescale = requires { Codec::kScaleCols; };
  static int scale_cols(ScaleLevel level) {
    if constexpr (kCanRescale) return Codec::kScaleCols[static_cast<std::size_t>(level)];
    return 0;
  }
  static int inside(std::int64_t column) { return static_cast<int>(column % Codec::kWeights); }
  const Block* blocks_of(std::int64_t column) const {
    return blocks_.data() + column / Codec::kWeights * static_cast<std::int64_t>(rows_);
  }

  void choose(std::size_t column, ConstMatrix weights, Matrix rounded) {
    Block* blocks = blocks_.data() + column / Codec::kWeights * rows_;
    const int inside = static_cast<int>(column % Codec::kWeights);
    for (std::size_t r = 0; r < rows_; ++r) {
      const auto row = static_cast<std::int64_t>(r);
      std::array<float, Codec::kRoundCols> x;
      for (std::size_t j = 0; j < x.size(); ++j) x[j] = finite_weight(weights.row(row)[j]);
      Codec::round(blocks[r], inside, x.data(), importance_.data() + column, rounded.row(row).data());
    }
  }

  const Encoding& encoding_;
  Effort effort_;
  std::size_t rows_, cols_;
  std::vector<Block> blocks_;      // block after block, in each row after row
  std::vector<float> importance_;  // of the columns that have scales
  std::size_t column_ = 0;
};

template <class Codec>
class BlockEncoding : public Encoding {
 public:
  BlockEncoding() {
    info_.id = info_.spec = Codec::kId;
    info_.summary = Codec::kSummary;
    info_.grid = Codec::kGrid;
    info_.block_cols = Codec::kWeights;
    info_.bits_per_weight = 8.0 * sizeof(typename Codec::Block) / Codec::kWeights;
    info_.uses_importance = true;
    if constexpr (requires { Codec::kActivations; }) info_.activations = Codec::kActivations;
  }

  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override {
    return static_cast<std::size_t>(cols / Codec::kWeights) * sizeof(typename Codec::Block);
  }
  std::unique_ptr<RowEncoder> encoder(const EncodeRequest& request) const override {
    return std::make_unique<Encoder>(request);
  }
  void decode(Bytes rows, Matrix out) const override {
    const std::size_t bytes = row_bytes(out.cols),
                      blocks = static_cast<std::size_t>(out.cols) / Codec::kWeights;
    for (std::int64_t r = 0; r < out.rows; ++r)
      Codec::decode_blocks(rows.data() + static_cast<std::size_t>(r) * bytes, blocks, out.row(r).data());
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols,
                                            Effort effort) const override {
    return std::make_unique<RoundingColumns<Codec>>(*this, rows, cols, effort);
  }
  std::optional<std::string> check_rows(Bytes rows, std::int64_t) const override {
    using Block = typename Codec::Block;
    for (std::size_t b = 0; b < rows.size() / sizeof(Block); ++b)
      if (const char* problem = Codec::problem(load<Block>(rows.data() + b * sizeof(Block))))
        return "block " + std::to_string(b) + " has " + problem;
    return std::nullopt;
  }

 private:
  class Encoder final : public RowEncoder {
   public:
    explicit Encoder(const EncodeRequest& request)
        : prepared_(block_importance(request.importance, request.cols, Codec::kWeights)),
          effort_(request.effort) {}
    void encode(ConstMatrix rows, MutableBytes out) const override {
      Codec::encode_rows(prepared_, rows, effort_, out.data());
    }

   private:
    typename Codec::Prepared prepared_;
    Effort effort_;
  };

  EncodingInfo info_;
};

}  // namespace pq
