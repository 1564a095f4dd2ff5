#include "nf4/four_bit.hpp"

#include "nf4/encoding.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace pq::nf4 {
namespace {

struct Options {
  std::int64_t block = 64;
  bool double_quant = false;
};
const Schema<Options>& schema() {
  static const auto result =
      Schema<Options>()
          .field("block", &Options::block,
                 "Columns that share a scale; bitsandbytes has 32, 64, 128 and so on up to 4096.",
                 range(1, 4096))
          .field(
              "double_quant", &Options::double_quant,
              "Store the scales as 8-bit codes too, which takes 0.37 bits per weight less in blocks of 64.");
  return result;
}

/// The values of the two codes of a byte.
using Pairs = std::array<std::array<float, 2>, 256>;
Pairs pairs_of(const Levels& levels) {
  Pairs pairs{};
  for (std::size_t byte = 0; byte < pairs.size(); ++byte)
    pairs[byte] = {levels.value[byte >> 4], levels.value[byte & 15]};
  return pairs;
}

class FourBit final : public Encoding {
 public:
  FourBit(FourBitKind kind, const NestedScales* scales)
      : kind_(std::move(kind)), pairs_(pairs_of(kind_.levels)) {
    if (scales != nullptr) map_ = ScaleMap(*scales);
    info_.id = kind_.id;
    info_.spec =
        kind_.id + ":block=" + std::to_string(kind_.block) + (kind_.nested ? ",double_quant=true" : "");
    info_.summary = kind_.summary;
    info_.grid = {GridFamily::table, 4, static_cast<int>(kind_.block), true};
    info_.block_cols = static_cast<int>(kind_.block);
    // For odd blocks those of two: a row is whole bytes.
    info_.bits_per_weight = 4.0 + (kind_.nested ? 40.0 : 32.0) / static_cast<double>(kind_.block);
    info_.uses_importance = true;
  }

  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override { return layout(cols).bytes(); }

  std::unique_ptr<RowEncoder> encoder(const EncodeRequest& request) const override;
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols,
                                            Effort effort) const override {
    return make_columns(kind_, map(), rows, cols, effort);
  }
  void decode(Bytes rows, Matrix out) const override;

  std::size_t shared_bytes(std::int64_t) const override { return kind_.nested ? NestedScales::kBytes : 0; }
  std::shared_ptr<const Encoding> bind(Bytes shared, std::int64_t cols) const override;
  std::vector<std::byte> survey(const TensorRows& tensor, std::span<const float> importance) const override;
  std::optional<std::string> check_rows(Bytes rows, std::int64_t cols) const override;

 private:
  class Encoder;

  TableRow layout(std::int64_t cols) const noexcept { return {cols, kind_.block, kind_.nested}; }
  const ScaleMap* map() const noexcept { return kind_.nested ? &map_ : nullptr; }
  float scale(const TableRow& layout, const std::byte* row, std::size_t block) const noexcept {
    if (!kind_.nested) return load<float>(row + layout.scales_at() + block * 4);
    return map_.scales().scale(load<std::uint8_t>(row + layout.scales_at() + block),
                               load<float>(row + layout.ranges_at() + block * 4));
  }

  FourBitKind kind_;
  Pairs pairs_;
  ScaleMap map_;
  EncodingInfo info_;
};

class FourBit::Encoder final : public RowEncoder {
 public:
  Encoder(const FourBit& encoding, const EncodeRequest& request)
      : kind_(encoding.kind_),
        chooser_(kind_.levels, encoding.map(), request.effort),
        importance_(padded_importance(request.importance, static_cast<std::size_t>(kind_.block))) {}

  void encode(ConstMatrix rows, MutableBytes out) const override {
    const RowParts parts(kind_, rows.cols);
    const auto block = static_cast<std::size_t>(kind_.block), cols = static_cast<std::size_t>(rows.cols);
    const std::size_t padded = (block + kStep - 1) / kStep * kStep;
    std::vector<float> clean(padded), scratch(padded);
    std::vector<std::uint8_t> codes(cols + padded);
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      std::byte* to = out.data() + static_cast<std::size_t>(r) * parts.layout().bytes();
      for (std::size_t b = 0; b < parts.layout().blocks(); ++b) {
        const std::size_t count = std::min(block, cols - b * block);
        const float largest = clean_block(rows.row(r).data() + b * block, count, clean.data());
        const std::size_t used = (count + kStep - 1) / kStep * kStep;
        const float* important = importance_.empty() ? nullptr : importance_.data() + b * padded;
        const ChosenScale chosen = chooser_.choose({clean.data(), important, used, largest}, scratch.data());
        block_codes(kind_.levels, clean.data(), used, chosen.inverse, codes.data() + b * block);
        parts.store_scale(to, b, chosen);
      }
      parts.store_codes(to, std::span(codes).first(cols));
    }
  }

 private:
  const FourBitKind& kind_;
  ScaleChooser chooser_;
  std::vector<float> importance_;
};

std::unique_ptr<RowEncoder> FourBit::encoder(const EncodeRequest& request) const {
  return std::make_unique<Encoder>(*this, request);
}

void FourBit::decode(Bytes rows, Matrix out) const {
  const TableRow row = layout(out.cols);
  const auto block = static_cast<std::size_t>(kind_.block), cols = static_cast<std::size_t>(out.cols);
  for (std::int64_t r = 0; r < out.rows; ++r) {
    const std::byte* from = rows.data() + static_cast<std::size_t>(r) * row.bytes();
    float* to = out.row(r).data();
    for (std::size_t b = 0; b < row.blocks(); ++b) {
      const float factor = scale(row, from, b);
      std::size_t i = b * block;
      const std::size_t end = std::min(cols, i + block);
      if (i % 2 != 0 && i < end) {
        to[i] = pairs_[std::to_integer<std::size_t>(from[i / 2])][1] * factor;
        ++i;
      }
      for (; i + 2 <= end; i += 2) {
        const auto& pair = pairs_[std::to_integer<std::size_t>(from[i / 2])];
        to[i] = pair[0] * factor;
        to[i + 1] = pair[1] * factor;
      }
      if (i < end) to[i] = pairs_[std::to_integer<std::size_t>(from[i / 2])][0] * factor;
    }
  }
}

std::shared_ptr<const Encoding> FourBit::bind(Bytes shared, std::int64_t cols) const {
  if (shared.size() != shared_bytes(cols))
    throw FormatError(info_.spec + ": " + std::to_string(shared.size()) + " bytes are shared by all rows, " +
                      std::to_string(shared_bytes(cols)) + " were expected");
  if (!kind_.nested) return std::make_shared<FourBit>(kind_, nullptr);
  const NestedScales scales = NestedScales::read(shared.data());
  if (!std::isfinite(scales.offset) || !std::isfinite(scales.range))
    throw FormatError(info_.spec + ": the offset or the range of the scales is not a finite number");
  if (!std::all_of(scales.map.begin(), scales.map.end(), [](float v) { return std::isfinite(v); }))
    throw FormatError(info_.spec + ": the map of the scales has numbers that are not finite");
  return std::make_shared<FourBit>(kind_, &scales);
}

// Offset and range of the largest magnitudes, which is what bitsandbytes stores; the searched scales lie around them.
std::vector<std::byte> FourBit::survey(const TensorRows& tensor, std::span<const float>) const {
  if (!kind_.nested) return {};
  const auto block = static_cast<std::size_t>(kind_.block), cols = static_cast<std::size_t>(tensor.cols());
  constexpr std::int64_t kRows = 64;
  std::vector<float> weights(static_cast<std::size_t>(kRows) * cols),
      clean((block + kStep - 1) / kStep * kStep), largest;
  for (std::int64_t first = 0; first < tensor.rows(); first += kRows) {
    const std::int64_t count = std::min(kRows, tensor.rows() - first);
    tensor.read(first, {weights.data(), count, tensor.cols(), tensor.cols()});
    for (std::int64_t r = 0; r < count; ++r)
      for (std::size_t at = 0; at < cols; at += block)
        largest.push_back(clean_block(weights.data() + static_cast<std::size_t>(r) * cols + at,
                                      std::min(block, cols - at), clean.data()));
  }
  NestedScales scales = ScaleMap().scales();
  if (!largest.empty()) {
    double sum = 0;
    for (const float value : largest) sum += value;
    scales.offset = static_cast<float>(sum / static_cast<double>(largest.size()));
    scales.range = 0.0f;
    for (const float value : largest) scales.range = std::max(scales.range, std::abs(value - scales.offset));
  }
  std::vector<std::byte> shared(NestedScales::kBytes);
  scales.write(shared.data());
  return shared;
}

std::optional<std::string> FourBit::check_rows(Bytes rows, std::int64_t cols) const {
  const TableRow row = layout(cols);
  for (std::size_t at = 0; at + row.bytes() <= rows.size(); at += row.bytes())
    for (std::size_t b = 0; b < row.blocks(); ++b)
      if (!std::isfinite(scale(row, rows.data() + at, b)))
        return "the scale of block " + std::to_string(b) + " of a row is not a finite number";
  return std::nullopt;
}

std::unique_ptr<Encoding> make(const char* id, const char* summary, const Levels& levels,
                               const Node& options) {
  const Options parsed = schema().parse(options, id);
  return std::make_unique<FourBit>(FourBitKind{id, summary, levels, parsed.block, parsed.double_quant},
                                   nullptr);
}

}  // namespace

void RowParts::store_scale(std::byte* row, std::size_t block, const ChosenScale& scale) const noexcept {
  if (!nested_) return store(row + row_.scales_at() + block * 4, scale.scale);
  store(row + row_.scales_at() + block, scale.code);
  store(row + row_.ranges_at() + block * 4, scale.range);
}

void RowParts::store_codes(std::byte* row, std::span<const std::uint8_t> codes) const noexcept {
  std::size_t i = 0;
  for (; i + 2 <= codes.size(); i += 2) row[i / 2] = static_cast<std::byte>(codes[i] << 4 | codes[i + 1]);
  if (i < codes.size()) row[i / 2] = static_cast<std::byte>(codes[i] << 4);
}

const OptionTable& four_bit_options() { return schema().table(); }
std::unique_ptr<Encoding> make_nf4(const Node& options) { return make("nf4", kNf4Summary, kNf4, options); }
std::unique_ptr<Encoding> make_fp4(const Node& options) { return make("fp4", kFp4Summary, kFp4, options); }

}  // namespace pq::nf4
