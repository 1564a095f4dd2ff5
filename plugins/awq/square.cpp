#include "square.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "awq/square.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pq::awq::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kPanel = 16;     // columns whose sums stay in registers
constexpr std::size_t kRows = 4;       // of d, likewise
constexpr std::size_t kStretch = 256;  // rows of G that stay in the nearest cache for all rows of d

// Any width gives the same sums: a lane is a column. Products and sums are separate instructions, since fused ones round differently.
using D = hn::CappedTag<float, kPanel>;

/// sums[r][j] += sum over i in [begin, end) of d[r][i] g[i][j] for kRows rows and kPanel columns.
void add_products(const float* d, std::size_t d_stride, const float* g, std::size_t g_stride,
                  std::size_t begin, std::size_t end, float* sums) {
  constexpr D tag;
  const std::size_t lanes = hn::Lanes(tag);
  for (std::size_t j = 0; j < kPanel; j += lanes) {
    auto s0 = hn::Load(tag, sums + j), s1 = hn::Load(tag, sums + kPanel + j),
         s2 = hn::Load(tag, sums + 2 * kPanel + j), s3 = hn::Load(tag, sums + 3 * kPanel + j);
    for (std::size_t i = begin; i < end; ++i) {
      const auto x = hn::LoadU(tag, g + i * g_stride + j);
      s0 = hn::Add(s0, hn::Mul(hn::Set(tag, d[i]), x));
      s1 = hn::Add(s1, hn::Mul(hn::Set(tag, d[d_stride + i]), x));
      s2 = hn::Add(s2, hn::Mul(hn::Set(tag, d[2 * d_stride + i]), x));
      s3 = hn::Add(s3, hn::Mul(hn::Set(tag, d[3 * d_stride + i]), x));
    }
    hn::Store(s0, tag, sums + j);
    hn::Store(s1, tag, sums + kPanel + j);
    hn::Store(s2, tag, sums + 2 * kPanel + j);
    hn::Store(s3, tag, sums + 3 * kPanel + j);
  }
}

}  // namespace pq::awq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::awq {
namespace {

HWY_EXPORT(add_products);
constexpr std::size_t kPanelCols = 16, kPanelRows = 4, kStretchRows = 256;

void add(const float* d, std::size_t d_stride, const float* g, std::size_t g_stride, std::size_t begin,
         std::size_t end, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_products)(d, d_stride, g, g_stride, begin, end, sums);
}

/// Column by column, for those behind the last whole panel.
double single_column(ConstMatrix rows, ConstMatrix gram, std::size_t j) {
  double sum = 0;
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const auto d = rows.row(r);
    double before = 0;
    for (std::size_t i = 0; i < j; ++i) before += double{d[i]} * gram.row(static_cast<std::int64_t>(i))[j];
    sum += (2 * before + double{d[j]} * gram.row(static_cast<std::int64_t>(j))[j]) * d[j];
  }
  return sum;
}

/// d, filled up with rows of zeros to whole groups.
std::vector<float> padded(ConstMatrix rows, std::size_t& groups) {
  groups = (static_cast<std::size_t>(rows.rows) + kPanelRows - 1) / kPanelRows;
  std::vector<float> result(groups * kPanelRows * static_cast<std::size_t>(rows.cols));
  for (std::int64_t r = 0; r < rows.rows; ++r)
    std::copy(rows.row(r).begin(), rows.row(r).end(), result.begin() + r * rows.cols);
  return result;
}

/// As add(), for the columns behind the last whole panel.
void add_few(const float* d, std::size_t depth, const float* g, std::size_t g_stride, std::size_t cols,
             float* sums) {
  for (std::size_t r = 0; r < kPanelRows; ++r)
    for (std::size_t i = 0; i < depth; ++i)
      for (std::size_t j = 0; j < cols; ++j)
        sums[r * kPanelCols + j] += d[r * depth + i] * g[i * g_stride + j];
}

}  // namespace

// G is symmetric: what stands above the diagonal counts twice. Sums over stretches of rows of G, so that each is read once for all d.
double output_error(ConstMatrix rows, ConstMatrix gram) {
  const auto cols = static_cast<std::size_t>(rows.cols), stride = static_cast<std::size_t>(gram.stride);
  std::size_t groups = 0;
  const std::vector<float> d = padded(rows, groups);
  constexpr std::size_t kSums = kPanelRows * kPanelCols;
  struct alignas(64) Sums {
    float value[kSums];
  };
  std::vector<Sums> before(groups), inside(groups);
  double total = 0;
  std::size_t j = 0;
  for (; j + kPanelCols <= cols; j += kPanelCols) {
    std::fill(before.begin(), before.end(), Sums{});
    std::fill(inside.begin(), inside.end(), Sums{});
    for (std::size_t i = 0; i < j; i += kStretchRows)
      for (std::size_t g = 0; g < groups; ++g)
        add(d.data() + g * kPanelRows * cols, cols, gram.data + j, stride, i, std::min(j, i + kStretchRows),
            before[g].value);
    for (std::size_t g = 0; g < groups; ++g) {
      const float* own = d.data() + g * kPanelRows * cols;
      add(own, cols, gram.data + j, stride, j, j + kPanelCols, inside[g].value);
      for (std::size_t r = 0; r < kPanelRows; ++r)
        for (std::size_t c = 0; c < kPanelCols; ++c) {
          const std::size_t at = r * kPanelCols + c;
          total += (2 * double{before[g].value[at]} + double{inside[g].value[at]}) * own[r * cols + j + c];
        }
    }
  }
  for (; j < cols; ++j) total += single_column(rows, gram, j);
  return total;
}

void multiply(ConstMatrix rows, ConstMatrix matrix, Matrix out) {
  const auto depth = static_cast<std::size_t>(rows.cols), cols = static_cast<std::size_t>(matrix.cols),
             stride = static_cast<std::size_t>(matrix.stride);
  std::size_t groups = 0;
  const std::vector<float> d = padded(rows, groups);
  alignas(64) float sums[kPanelRows * kPanelCols];
  for (std::size_t j = 0; j < cols; j += kPanelCols)
    for (std::size_t g = 0; g < groups; ++g) {
      const float* own = d.data() + g * kPanelRows * depth;
      std::fill(std::begin(sums), std::end(sums), 0.0f);
      if (j + kPanelCols <= cols)
        add(own, depth, matrix.data + j, stride, 0, depth, sums);
      else
        add_few(own, depth, matrix.data + j, stride, cols - j, sums);
      for (std::size_t r = 0; r < kPanelRows && g * kPanelRows + r < static_cast<std::size_t>(rows.rows); ++r)
        std::copy_n(
            sums + r * kPanelCols, std::min(kPanelCols, cols - j),
            out.row(static_cast<std::int64_t>(g * kPanelRows + r)).begin() + static_cast<std::ptrdiff_t>(j));
    }
}

}  // namespace pq::awq
#endif
