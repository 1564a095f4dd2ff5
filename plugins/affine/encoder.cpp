#include "affine/encoder.hpp"

#include <polyquant/codec/block_encoding.hpp>

#include <algorithm>

namespace pq::affine {
namespace {

/// Rows that are fitted together: as many as the widest vectors have lanes.
constexpr std::int64_t kRowsAtOnce = 16;

class AffineEncoder final : public RowEncoder {
 public:
  AffineEncoder(const AffineOptions& options, ColumnGroups groups, const EncodeRequest& request)
      : layout_(options, request.cols),
        groups_(std::move(groups)),
        fitter_(layout_, groups_, request.importance, request.effort) {}

  void encode(ConstMatrix rows, MutableBytes out) const override {
    std::vector<GroupFit> fits(layout_.groups() * kRowsAtOnce);
    std::vector<std::uint8_t> codes(layout_.cols());
    std::byte* to = out.data();
    for (std::int64_t first = 0; first < rows.rows; first += kRowsAtOnce) {
      const std::int64_t count = std::min(kRowsAtOnce, rows.rows - first);
      fitter_.fit(rows.slice(first, count), fits.data());
      for (std::int64_t r = 0; r < count; ++r, to += layout_.row_bytes())
        write(rows.row(first + r), fits.data() + r, static_cast<std::size_t>(count), codes, to);
    }
  }

 private:
  void write(std::span<const float> weights, const GroupFit* fits, std::size_t rows,
             std::vector<std::uint8_t>& codes, std::byte* to) const {
    for (std::size_t g = 0; g < layout_.groups(); ++g) store_fit(layout_, fits[g * rows], g, to);
    for (std::size_t i = 0; i < weights.size();) {
      const std::size_t g = groups_.group(layout_, i);
      const std::size_t next =
          groups_.natural() ? std::min((g + 1) * layout_.group_cols(), weights.size()) : i + 1;
      choose_codes(weights.data() + i, next - i, fits[g * rows], layout_, codes.data() + i);
      i = next;
    }
    layout_.pack_codes(codes.data(), to);
  }

  AffineRows layout_;
  ColumnGroups groups_;
  RowFitter fitter_;
};

}  // namespace

RowFitter::RowFitter(const AffineRows& layout, const ColumnGroups& groups, std::span<const float> importance,
                     Effort effort)
    : layout_(layout), natural_(groups.natural()), effort_(effort), importance_(layout.groups()) {
  if (!natural_) columns_ = groups.columns(layout);
  for (std::size_t g = 0; g < layout.groups(); ++g) {
    std::vector<float> own;
    const std::size_t first = g * layout.group_cols();
    const std::size_t count =
        natural_ ? std::min(layout.group_cols(), layout.cols() - first) : columns_[g].size();
    for (std::size_t i = 0; i < count && !importance.empty(); ++i)
      own.push_back(importance[natural_ ? first + i : static_cast<std::size_t>(columns_[g][i])]);
    importance_[g] = block_importance(own, static_cast<std::int64_t>(count), std::max<std::size_t>(count, 1));
  }
}

void RowFitter::fit(ConstMatrix rows, GroupFit* fits) const {
  std::vector<float> gathered;
  for (std::size_t g = 0; g < layout_.groups(); ++g) {
    const auto count = static_cast<std::int64_t>(importance_[g].size());
    ConstMatrix weights{rows.data + g * layout_.group_cols(), rows.rows, count, rows.stride};
    if (!natural_) {
      gathered.clear();
      for (std::int64_t r = 0; r < rows.rows; ++r)
        for (const std::int32_t column : columns_[g])
          gathered.push_back(rows.row(r)[static_cast<std::size_t>(column)]);
      weights = {gathered.data(), rows.rows, count, count};
    }
    GroupFit* to = fits + g * static_cast<std::size_t>(rows.rows);
    if (count > 0)
      fit_group({&layout_, weights, importance_[g].data(), effort_, to});
    else
      std::fill_n(to, rows.rows, GroupFit{});
  }
}

std::unique_ptr<RowEncoder> make_encoder(const AffineOptions& options, const ColumnGroups& groups,
                                         const EncodeRequest& request) {
  return std::make_unique<AffineEncoder>(options, groups, request);
}

}  // namespace pq::affine
