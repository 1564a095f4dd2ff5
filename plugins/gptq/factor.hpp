// What error feedback needs of X^T X: the triangular factor of a site, made once and shared by the tensors that read from it.
//
// H = X^T X / (the mean of its diagonal) + damping on the diagonal, rows and columns in the order in which columns are rounded, is R R^T with R upper triangular, and U is the
// inverse of R. When the columns before a block B have been rounded, each with the difference d = w - q, the best that the others can do about
// it is to be rounded as if they were
//   x_B = w_B + d R[before, B] U_BB.
// Inside of the block, rounding column j to q changes the columns after it by -e U[j, after], with e = (x_j - q) R[j, j], and the sum of
// all e^2 is the error of the outputs, d H d^T.
#pragma once

#include "aligned.hpp"
#include "options.hpp"

#include <polyquant/base/executor.hpp>
#include <polyquant/base/matrix.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace pq::gptq {

/// How the columns of a tensor are cut and ordered.
struct Cut {
  std::size_t cols = 0;
  std::size_t fit = 1;      // columns that share scales
  std::size_t at_once = 1;  // columns rounded together
  std::size_t block = 0;    // columns of a block, a multiple of `fit`
  bool by_activation = false, by_group = false;
  friend bool operator==(const Cut&, const Cut&) = default;
};

/// A block of columns, in the order of rounding.
struct FactorBlock {
  std::size_t first = 0, cols = 0;
  Raw<float> before;  // panels of R[before, B] U_BB, `first` deep
  Raw<float> inside;  // panels of -U_BB, `cols` deep
};

struct Factor {
  std::vector<std::int32_t> order;  // the column that comes at each place
  std::vector<float> diagonal;      // R[j, j], by place
  std::vector<float> fit_weights;   // by column: R[j, j] sqrt(H[j, j])
  std::vector<FactorBlock> blocks;
  double damping = 0;  // used, as a share of the mean diagonal
  double scale = 1;    // of H: 1 / the mean of the diagonal of X^T X
};

/// The factor of X^T X. `damping` is tried first, then ten times as much, at most kMostDamping of the mean. Throws
/// FormatError naming `tensor` if the matrix is not finite or cannot be factored even so. nullptr: all activations are zero.
inline constexpr double kMostDamping = 100;
std::shared_ptr<const Factor> make_factor(ConstMatrix gram, const Cut& cut, double damping,
                                          std::string_view tensor, Executor& executor);

}  // namespace pq::gptq
