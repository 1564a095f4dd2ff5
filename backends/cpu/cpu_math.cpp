#include "cpu_device.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/host_math.hpp>

#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace pq::cpu {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<RowMajor>;
using ConstMap = Eigen::Map<const RowMajor>;

constexpr std::int64_t kBlockRows = 64;  // of the result, one task each; large enough for Eigen's panels

Map map(CpuMatrix& m) { return {m.view().data, m.rows(), m.cols()}; }
ConstMap map(const CpuMatrix& m) { return {m.view().data, m.rows(), m.cols()}; }

class CpuMath final : public HostMath {
 public:
  using HostMath::HostMath;

  void gemm(const DeviceMatrix& a, bool transpose_a, const DeviceMatrix& b, bool transpose_b, DeviceMatrix& c,
            float alpha, float beta) override {
    const ConstMap left = map(on_cpu(a)), right = map(on_cpu(b));
    Map out = map(on_cpu(c));
    const auto inner_a = transpose_a ? left.rows() : left.cols(),
               inner_b = transpose_b ? right.cols() : right.rows();
    PQ_ASSERT(inner_a == inner_b && out.rows() == (transpose_a ? left.cols() : left.rows()) &&
                  out.cols() == (transpose_b ? right.rows() : right.cols()),
              "shapes of a matrix product agree");
    executor().for_ranges(out.rows(), kBlockRows, [&](std::int64_t begin, std::int64_t end) {
      auto block = out.middleRows(begin, end - begin);
      if (beta == 0.0f)
        block.setZero();  // also where c held NaN
      else
        block *= beta;
      const auto multiply = [&](const auto& rows) {
        if (transpose_b)
          block.noalias() += alpha * rows * right.transpose();
        else
          block.noalias() += alpha * rows * right;
      };
      if (transpose_a)
        multiply(left.middleCols(begin, end - begin).transpose());
      else
        multiply(left.middleRows(begin, end - begin));
    });
  }

  void accumulate_gram(const DeviceMatrix& x, DeviceMatrix& h) override {
    const ConstMap in = map(on_cpu(x));
    Map out = map(on_cpu(h));
    PQ_ASSERT(out.rows() == in.cols() && out.cols() == in.cols(),
              "a Gram matrix has the columns of its input as rows and columns");
    executor().for_ranges(out.rows(), kBlockRows, [&](std::int64_t begin, std::int64_t end) {
      // Only the part up to the diagonal block is computed; the rest is its mirror image.
      out.block(begin, 0, end - begin, end).noalias() +=
          in.middleCols(begin, end - begin).transpose() * in.leftCols(end);
    });
    for (Eigen::Index r = 0; r < out.rows(); ++r)
      for (Eigen::Index c = r + 1; c < out.cols(); ++c) out(r, c) = out(c, r);
  }

  bool cholesky_inverse_upper(const DeviceMatrix& h, DeviceMatrix& u) override {
    // f64: h may be close to singular, and its inverse is what the rounding would spoil.
    const Eigen::MatrixXd matrix = map(on_cpu(h)).cast<double>();
    PQ_ASSERT(matrix.rows() == matrix.cols() && u.rows() == matrix.rows() && u.cols() == matrix.cols(),
              "the matrices are square");
    const Eigen::LLT<Eigen::MatrixXd> factor(matrix);
    if (factor.info() != Eigen::Success) return false;
    const Eigen::MatrixXd inverse = factor.solve(Eigen::MatrixXd::Identity(matrix.rows(), matrix.cols()));
    const Eigen::LLT<Eigen::MatrixXd> root(inverse);
    if (root.info() != Eigen::Success || !inverse.allFinite()) return false;
    map(on_cpu(u)) = Eigen::MatrixXd(root.matrixU()).cast<float>();
    return true;
  }

 protected:
  Matrix memory(DeviceMatrix& matrix) override { return on_cpu(matrix).view(); }
};

}  // namespace

std::unique_ptr<MathOps> make_cpu_math(Executor& executor) { return std::make_unique<CpuMath>(executor); }

}  // namespace pq::cpu
