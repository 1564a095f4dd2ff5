#include "affine/encoding.hpp"

#include "affine/columns.hpp"
#include "affine/encoder.hpp"
#include "affine/view.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

namespace pq::affine {
namespace {

class AffineEncoding final : public Encoding {
 public:
  explicit AffineEncoding(AffineOptions options, ColumnGroups groups = {})
      : options_(std::move(options)), groups_(std::move(groups)) {
    const AffineRows layout(options_, 1);
    info_.id = "affine";
    info_.spec = affine_spec(options_);
    info_.summary = kSummary;
    info_.grid = {GridFamily::affine, options_.bits, static_cast<int>(options_.group), options_.symmetric};
    const auto fit_bits = static_cast<double>(8 * (layout.scale_bytes() + layout.zero_bytes()));
    info_.bits_per_weight =
        options_.bits + (options_.group > 0 ? fit_bits / static_cast<double>(options_.group) : 0.0);
    info_.uses_importance = true;
  }

  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override { return layout(cols).row_bytes(); }

  std::unique_ptr<RowEncoder> encoder(const EncodeRequest& request) const override {
    check_cols(request.cols);
    return make_encoder(options_, groups_, request);
  }
  void decode(Bytes rows, Matrix out) const override {
    check_cols(out.cols);
    const AffineRows rows_layout = layout(out.cols);
    for (std::int64_t r = 0; r < out.rows; ++r)
      decode_row(rows_layout, rows.data() + static_cast<std::size_t>(r) * rows_layout.row_bytes(),
                 groups_.data(), out.row(r).data());
  }
  bool unpack_affine(Bytes row, std::int64_t cols, AffineRow& out) const override {
    check_cols(cols);
    return unpack_row(layout(cols), groups_, row.data(), out);
  }
  bool pack_affine(const AffineRow& row, MutableBytes out) const override {
    const auto cols = static_cast<std::int64_t>(row.codes.size());
    check_cols(cols);
    return pack_row(layout(cols), groups_, row, out.data());
  }
  std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols,
                                            Effort effort) const override {
    check_cols(cols);
    return make_columns(options_, groups_, rows, cols, effort);
  }

  std::size_t shared_bytes(std::int64_t cols) const override {
    return options_.act_order ? static_cast<std::size_t>(cols) * sizeof(std::int32_t) : 0;
  }
  std::shared_ptr<const Encoding> bind(Bytes shared, std::int64_t cols) const override;
  std::vector<std::byte> survey(const TensorRows& tensor, std::span<const float> importance) const override;
  std::optional<std::string> check_rows(Bytes rows, std::int64_t cols) const override;

 private:
  AffineRows layout(std::int64_t cols) const { return {options_, cols}; }
  void check_cols(std::int64_t cols) const {
    PQ_ASSERT(groups_.natural() || groups_.of.size() == static_cast<std::size_t>(cols),
              "rows must have the columns for which the encoding was bound");
  }

  AffineOptions options_;
  ColumnGroups groups_;
  EncodingInfo info_;
};

std::shared_ptr<const Encoding> AffineEncoding::bind(Bytes shared, std::int64_t cols) const {
  if (shared.size() != shared_bytes(cols))
    throw FormatError("the groups of " + std::to_string(cols) + " columns (g_idx) need " +
                      std::to_string(shared_bytes(cols)) + " bytes, not " + std::to_string(shared.size()));
  if (!options_.act_order) return std::make_shared<AffineEncoding>(options_);
  const AffineRows rows = layout(cols);
  ColumnGroups groups;
  for (std::size_t i = 0; i < rows.cols(); ++i) {
    const auto group = load<std::int32_t>(shared.data() + i * sizeof(std::int32_t));
    if (group < 0 || static_cast<std::size_t>(group) >= rows.groups())
      throw FormatError("column " + std::to_string(i) + " belongs to group " + std::to_string(group) +
                        " (g_idx), but groups are numbered from 0 to " + std::to_string(rows.groups() - 1));
    groups.of.push_back(group);
  }
  if (groups.of == natural_groups(rows)) groups.of.clear();
  return std::make_shared<AffineEncoding>(options_, std::move(groups));
}

// Columns of like importance share a group, the most important ones the first; columns that are alike stay in their order.
std::vector<std::byte> AffineEncoding::survey(const TensorRows& tensor,
                                              std::span<const float> importance) const {
  std::vector<std::byte> shared(shared_bytes(tensor.cols()));
  if (!options_.act_order) return shared;
  std::vector<std::int32_t> groups = natural_groups(layout(tensor.cols()));
  if (!importance.empty()) {
    const auto weight = [&](std::size_t i) { return std::isfinite(importance[i]) ? importance[i] : 0.0f; };
    std::vector<std::size_t> order(groups.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
    const std::vector<std::int32_t> by_place = groups;
    for (std::size_t place = 0; place < order.size(); ++place) groups[order[place]] = by_place[place];
  }
  for (std::size_t i = 0; i < groups.size(); ++i) store(shared.data() + i * sizeof(std::int32_t), groups[i]);
  return shared;
}

std::optional<std::string> AffineEncoding::check_rows(Bytes rows, std::int64_t cols) const {
  const AffineRows rows_layout = layout(cols);
  for (std::size_t at = 0; at < rows.size(); at += rows_layout.row_bytes())
    for (std::size_t g = 0; g < rows_layout.groups(); ++g) {
      const GroupFit fit = load_fit(rows_layout, rows.data() + at, g);
      const std::string group = "of group " + std::to_string(g) + " of a row ";
      if (!std::isfinite(fit.scale)) return "the scale " + group + "is not a finite number";
      if (!std::isfinite(fit.zero)) return "the zero " + group + "is not a finite number";
      if (rows_layout.zero_kind() == AffineZero::integer &&
          fit.zero > static_cast<float>(rows_layout.max_code() + 1))
        return "the zero " + group + "is " + std::to_string(static_cast<int>(fit.zero)) + ", more than " +
               std::to_string(rows_layout.max_code() + 1);
    }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Encoding> make_affine(const Node& options) {
  return std::make_unique<AffineEncoding>(parse_affine_options(options));
}

}  // namespace pq::affine
