#include "affine/view.hpp"

#include "affine/grid.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <span>

namespace pq::affine {
namespace {

/// Some columns with one scale and one offset, to be packed as a group.
struct Source {
  float scale, offset;
  std::vector<std::int32_t> codes;

  float value(std::size_t i) const noexcept {
    const float product = scale * static_cast<float>(codes[i]);
    return product + offset;
  }
};

/// Nothing if the columns have not all the same scale and offset.
std::optional<Source> take(const AffineRow& row, std::span<const std::int32_t> columns) {
  const auto group_of = [&](std::int32_t column) {
    return static_cast<std::size_t>(column) / static_cast<std::size_t>(row.group_cols);
  };
  const std::size_t first = group_of(columns[0]);
  Source source{row.scales[first], row.offsets[first], {}};
  if (!std::isfinite(source.scale) || !std::isfinite(source.offset)) return std::nullopt;
  for (const std::int32_t column : columns) {
    const std::size_t group = group_of(column);
    if (row.scales[group] != source.scale || row.offsets[group] != source.offset) return std::nullopt;
    source.codes.push_back(row.codes[static_cast<std::size_t>(column)]);
  }
  return source;
}

/// The codes sign * code + shift with this fit, if that is exact.
struct Packing {
  GroupFit fit;
  std::int64_t sign = 1, shift = 0;
};

class GroupPacker {
 public:
  GroupPacker(const AffineRows& layout, const Source& source, std::size_t group, std::byte* out)
      : layout_(layout), source_(source), group_(group), out_(out) {
    const auto [low, high] = std::minmax_element(source.codes.begin(), source.codes.end());
    low_ = *low;
    high_ = *high;
  }

  bool pack(std::span<const std::int32_t> columns) {
    const std::optional<Packing> packing =
        layout_.zero_kind() == AffineZero::offset ? with_offset() : with_zero();
    if (!packing) return false;
    for (std::size_t i = 0; i < columns.size(); ++i)
      layout_.set_code(out_, static_cast<std::size_t>(columns[i]), code(*packing, i));
    return true;
  }

 private:
  int code(const Packing& packing, std::size_t i) const noexcept {
    return static_cast<int>(packing.sign * source_.codes[i] + packing.shift);
  }

  bool is_exact(const Packing& packing) const {
    store_fit(layout_, packing.fit, group_, out_);
    const GroupFit stored = load_fit(layout_, out_, group_);
    if (!std::isfinite(stored.scale) || !std::isfinite(stored.zero)) return false;
    for (std::size_t i = 0; i < source_.codes.size(); ++i) {
      const std::int64_t code = packing.sign * source_.codes[i] + packing.shift;
      if (code < 0 || code > layout_.max_code()) return false;
      if (value_of(static_cast<float>(code), stored, layout_.zero_kind()) != source_.value(i)) return false;
    }
    return true;
  }

  std::optional<Packing> first_exact(std::initializer_list<Packing> tried) const {
    for (const Packing& packing : tried)
      if (is_exact(packing)) return packing;
    return std::nullopt;
  }

  std::optional<Packing> with_offset() const {
    const auto at = [&](std::int64_t code) {
      return source_.offset + source_.scale * static_cast<float>(code);
    };
    return first_exact({{{source_.scale, source_.offset}, 1, 0},
                        {{source_.scale, at(low_)}, 1, -low_},
                        {{-source_.scale, at(high_)}, -1, high_}});
  }

  /// With an offset of a whole number of steps; the middle zero if it will do, since symmetric readers know that one.
  std::optional<Packing> with_zero() const {
    if (source_.scale == 0.0f)  // all have the value of the offset
      return first_exact({zero_for(source_.offset, 0, source_.offset == 0.0f ? 0 : 1)});
    const float steps = source_.offset / source_.scale;
    if (!(std::abs(steps) <= 65536.0f) || steps != std::nearbyint(steps)) return std::nullopt;
    const auto whole = static_cast<std::int64_t>(steps);
    return first_exact({zero_for(source_.scale, 1, whole), zero_for(-source_.scale, -1, -whole)});
  }

  /// Levels q = sign * code + whole, counted from the zero.
  Packing zero_for(float scale, std::int64_t sign, std::int64_t whole) const {
    const std::int64_t middle = std::int64_t{1} << (layout_.bits() - 1);
    std::int64_t zero = middle;
    if (layout_.zero_kind() != AffineZero::none) {
      const std::int64_t a = sign * low_ + whole, b = sign * high_ + whole;
      const std::int64_t least = std::max<std::int64_t>(-std::min(a, b), 0),
                         most = std::min<std::int64_t>(layout_.max_code() - std::max(a, b), 2 * middle);
      zero = std::max(std::min(zero, most), least);  // if least > most, some code does not fit: found later
      zero = std::min(zero, 2 * middle);
    }
    return {{scale, static_cast<float>(zero)}, sign, whole + zero};
  }

  const AffineRows& layout_;
  const Source& source_;
  std::size_t group_;
  std::byte* out_;
  std::int64_t low_ = 0, high_ = 0;
};

/// What is added to the codes of a group so that they count from 0, if the view is exact.
std::optional<int> shift_of(AffineZero kind, GroupFit fit) {
  if (kind == AffineZero::offset) return 0;
  // Between a real zero and a code there is a rounding, unless both are whole numbers.
  if (!(std::abs(fit.zero) <= 65536.0f) || fit.zero != std::nearbyint(fit.zero)) return std::nullopt;
  return -static_cast<int>(fit.zero);
}

}  // namespace

bool unpack_row(const AffineRows& layout, const ColumnGroups& groups, const std::byte* row, AffineRow& out) {
  const std::size_t cols = layout.cols();
  // Columns that are not in order have a group each.
  out.group_cols = groups.natural() ? static_cast<int>(std::min(layout.group_cols(), cols)) : 1;
  out.scales.clear();
  out.offsets.clear();
  out.codes.resize(cols);
  std::vector<int> shifts;
  for (std::size_t g = 0; g < layout.groups(); ++g) {
    const std::optional<int> shift = shift_of(layout.zero_kind(), load_fit(layout, row, g));
    if (!shift) return false;
    shifts.push_back(*shift);
  }
  for (std::size_t i = 0; i < cols; ++i) {
    const std::size_t g = groups.group(layout, i);
    out.codes[i] = layout.code(row, i) + shifts[g];
    if (i % static_cast<std::size_t>(out.group_cols) != 0) continue;
    const GroupFit fit = load_fit(layout, row, g);
    out.scales.push_back(fit.scale);
    out.offsets.push_back(layout.zero_kind() == AffineZero::offset ? fit.zero : 0.0f);
  }
  return true;
}

bool pack_row(const AffineRows& layout, const ColumnGroups& groups, const AffineRow& row, std::byte* out) {
  if (row.group_cols <= 0) return false;
  std::fill_n(out, layout.row_bytes(), std::byte{0});
  const auto columns = groups.columns(layout);
  for (std::size_t g = 0; g < columns.size(); ++g) {
    if (columns[g].empty()) {
      store_fit(layout, {}, g, out);
      continue;
    }
    const std::optional<Source> source = take(row, columns[g]);
    if (!source || !GroupPacker(layout, *source, g, out).pack(columns[g])) return false;
  }
  return true;
}

}  // namespace pq::affine
