#include "factor.hpp"

#include "products.hpp"

#include <polyquant/base/error.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace pq::gptq {
namespace {

using MatrixF64 = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic>;
using Index = Eigen::Index;

double diagonal_of(ConstMatrix gram, std::size_t column) {
  return gram.row(static_cast<std::int64_t>(column))[column];
}

/// Largest first; equal ones as they are stored.
template <class Energy>
void sort_falling(std::vector<std::int32_t>& columns, std::size_t first, std::size_t count,
                  const Energy& energy) {
  const auto begin = columns.begin() + static_cast<std::ptrdiff_t>(first);
  std::stable_sort(begin, begin + static_cast<std::ptrdiff_t>(count),
                   [&](std::int32_t a, std::int32_t b) { return energy(a) > energy(b); });
}

std::vector<std::int32_t> make_order(ConstMatrix gram, const Cut& cut) {
  std::vector<std::int32_t> order(cut.cols / cut.at_once);
  std::iota(order.begin(), order.end(), 0);
  const auto mean = [&](std::size_t first, std::size_t count) {
    double sum = 0;
    for (std::size_t i = first; i < first + count; ++i) sum += diagonal_of(gram, i);
    return sum / static_cast<double>(count);
  };
  const auto own = [&](std::int32_t unit) {
    return mean(static_cast<std::size_t>(unit) * cut.at_once, cut.at_once);
  };
  if (cut.by_activation) sort_falling(order, 0, order.size(), own);
  if (cut.by_group) {
    const auto group = [&](std::int32_t unit) {
      const std::size_t first = static_cast<std::size_t>(unit) * cut.at_once / cut.fit * cut.fit;
      return mean(first, std::min(cut.fit, cut.cols - first));
    };
    sort_falling(order, 0, order.size(), group);
    const std::size_t units = cut.fit / cut.at_once;
    for (std::size_t first = 0; first < order.size(); first += units)
      sort_falling(order, first, std::min(units, order.size() - first), own);
  }
  std::vector<std::int32_t> columns;
  for (const std::int32_t unit : order)
    for (std::size_t i = 0; i < cut.at_once; ++i)
      columns.push_back(unit * static_cast<std::int32_t>(cut.at_once) + static_cast<std::int32_t>(i));
  return columns;
}

/// H with both axes reversed, so that its lower factor is the upper one wanted, reversed; only the lower triangle.
MatrixF64 reversed(ConstMatrix gram, const std::vector<std::int32_t>& order, double mean, double damping) {
  const Index n = static_cast<Index>(order.size());
  MatrixF64 h(n, n);
  for (Index j = 0; j < n; ++j) {
    const auto row = gram.row(order[static_cast<std::size_t>(n - 1 - j)]);
    for (Index i = j; i < n; ++i)
      h(i, j) = row[static_cast<std::size_t>(order[static_cast<std::size_t>(n - 1 - i)])] / mean;
    h(j, j) += damping;
  }
  return h;
}

/// Columns first..first + cols of a matrix as panels, times `sign`.
std::vector<float> to_panels(const MatrixF64& m, double sign) {
  const auto depth = static_cast<std::size_t>(m.rows()), cols = static_cast<std::size_t>(m.cols());
  std::vector<float> result(panels(cols) * depth * kPanel, 0.0f);
  for (std::size_t j = 0; j < cols; ++j)
    for (std::size_t i = 0; i < depth; ++i)
      result[(j / kPanel * depth + i) * kPanel + j % kPanel] =
          static_cast<float>(sign * m(static_cast<Index>(i), static_cast<Index>(j)));
  return result;
}

/// `lower`: the lower factor of the reversed matrix.
FactorBlock make_block(const MatrixF64& lower, std::size_t first, std::size_t cols) {
  const Index n = lower.rows(), at = static_cast<Index>(first), width = static_cast<Index>(cols);
  MatrixF64 own(width, width), above(at, width);
  for (Index j = 0; j < width; ++j) {
    for (Index i = 0; i < at; ++i) above(i, j) = lower(n - 1 - i, n - 1 - at - j);
    for (Index i = 0; i < width; ++i) own(i, j) = i <= j ? lower(n - 1 - at - i, n - 1 - at - j) : 0.0;
  }
  const MatrixF64 inverse = own.triangularView<Eigen::Upper>().solve(MatrixF64::Identity(width, width));
  FactorBlock block{first, cols, {}, to_panels(inverse, -1)};
  if (at > 0) block.before = to_panels(above * inverse, 1);
  return block;
}

double mean_diagonal(ConstMatrix gram, std::string_view tensor) {
  double sum = 0;
  for (std::int64_t i = 0; i < gram.rows; ++i) {
    const auto row = gram.row(i);
    if (!std::all_of(row.begin(), row.end(), [](float x) { return std::isfinite(x); }) ||
        row[static_cast<std::size_t>(i)] < 0)
      throw FormatError("tensor '" + std::string(tensor) +
                        "': the second moments of its inputs are not finite (column " + std::to_string(i) +
                        "); the model is damaged, or its activations are too large for f32");
    sum += row[static_cast<std::size_t>(i)];
  }
  return sum / static_cast<double>(gram.rows);
}

}  // namespace

std::shared_ptr<const Factor> make_factor(ConstMatrix gram, const Cut& cut, double damping,
                                          std::string_view tensor, Executor& executor) {
  const double mean = mean_diagonal(gram, tensor);
  if (!(mean > 0)) return nullptr;
  const auto factor = std::make_shared<Factor>();
  factor->order = make_order(gram, cut);
  for (factor->damping = damping;; factor->damping *= 10) {
    if (factor->damping > kMostDamping)
      throw FormatError("tensor '" + std::string(tensor) +
                        "': the second moments of its inputs are not positive definite even with " +
                        std::to_string(static_cast<int>(kMostDamping)) +
                        " times their mean on the diagonal; calibrate with other texts");
    MatrixF64 h = reversed(gram, factor->order, mean, factor->damping);
    const Eigen::LLT<Eigen::Ref<MatrixF64>> llt(h);
    if (llt.info() != Eigen::Success) continue;
    factor->scale = 1 / mean;
    const auto n = static_cast<Index>(cut.cols);
    factor->fit_weights.resize(cut.cols);
    for (std::size_t p = 0; p < cut.cols; ++p) {
      const double r = h(n - 1 - static_cast<Index>(p), n - 1 - static_cast<Index>(p));
      factor->diagonal.push_back(static_cast<float>(r));
      const auto column = static_cast<std::size_t>(factor->order[p]);
      factor->fit_weights[column] =
          static_cast<float>(r * std::sqrt(diagonal_of(gram, column) / mean + factor->damping));
    }
    const std::size_t count = (cut.cols + cut.block - 1) / cut.block;
    factor->blocks.resize(count);
    executor.for_ranges(static_cast<std::int64_t>(count), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto b = static_cast<std::size_t>(begin); b < static_cast<std::size_t>(end); ++b)
        factor->blocks[b] = make_block(h, b * cut.block, std::min(cut.block, cut.cols - b * cut.block));
    });
    return factor;
  }
}

}  // namespace pq::gptq
