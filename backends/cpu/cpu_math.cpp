#include "attention.hpp"
#include "cpu_device.hpp"
#include "kernels.hpp"
#include "products.hpp"

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

Map map(CpuMatrix& m) { return {m.view().data, m.rows(), m.cols()}; }
ConstMap map(const CpuMatrix& m) { return {m.view().data, m.rows(), m.cols()}; }

// Sums in f32 lanes; HostMath is the definition.
void normalise(const float* x, std::int64_t cols, const float* weight, const float* bias,
               const NormOptions& options, float* out) {
  const auto size = static_cast<std::size_t>(cols);
  const auto count = static_cast<float>(cols);
  const float mean = options.centred ? sum(x, size) / count : 0.0f;
  const float factor = 1.0f / std::sqrt(sum_of_squares(x, size, mean) / count + options.epsilon);
  for (std::size_t c = 0; c < size; ++c)
    out[c] = (x[c] - mean) * factor * (weight == nullptr ? 1.0f : weight[c] + options.weight_offset) +
             (bias == nullptr ? 0.0f : bias[c]);
}

class CpuMath final : public HostMath {
 public:
  using HostMath::HostMath;

  void gemm(const DeviceMatrix& a, bool transpose_a, const DeviceMatrix& b, bool transpose_b, DeviceMatrix& c,
            float alpha, float beta) override {
    multiply_tiles(host(a), transpose_a, host(b), transpose_b, host(c), alpha, beta, executor());
  }

  void accumulate_gram(const DeviceMatrix& x, DeviceMatrix& h) override {
    PQ_ASSERT(h.rows() == x.cols() && h.cols() == x.cols(),
              "a Gram matrix has the columns of its input as rows and columns");
    add_gram(host(x), host(h), executor());
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

  void norm(const DeviceMatrix& x, const DeviceMatrix* weight, const DeviceMatrix* bias,
            const NormOptions& options, DeviceMatrix& out) override {
    norm_groups(x, weight, bias, options, out, normalise);
  }

  void attention(const DeviceMatrix& q, const DeviceMatrix& k, const DeviceMatrix& v,
                 const AttentionOptions& options, DeviceMatrix& out) override {
    attend(host(q), host(k), host(v), options, host(out), executor());
  }

  void glu(const DeviceMatrix& gate, const DeviceMatrix& up, const GluOptions& options,
           DeviceMatrix& out) override {
    if (options.activation == Activation::gelu) return HostMath::glu(gate, up, options, out);
    const ConstMatrix g = host(gate), u = host(up);
    const Matrix to = host(out);
    for_rows(g.rows, [&](std::int64_t r) {
      gated(g.row(r).data(), u.row(r).data(), g.row(r).size(), options, to.row(r).data());
    });
  }

  void activate(DeviceMatrix& x, Activation activation) override {
    if (activation == Activation::gelu) return HostMath::activate(x, activation);
    const Matrix to = host(x);
    for_rows(to.rows, [&](std::int64_t r) { cpu::activate(to.row(r).data(), to.row(r).size(), activation); });
  }

  void soft_cap(DeviceMatrix& x, float cap) override {
    const Matrix to = host(x);
    for_rows(to.rows, [&](std::int64_t r) { cpu::soft_cap(to.row(r).data(), to.row(r).size(), cap); });
  }

  void softmax(DeviceMatrix& x) override {
    const Matrix to = host(x);
    for_rows(to.rows, [&](std::int64_t r) {
      const auto row = to.row(r);
      const float factor = 1.0f / exponentials(row.data(), row.size(), largest(row.data(), row.size()));
      for (float& value : row) value *= factor;
    });
  }

  void log_sum_exp(const DeviceMatrix& x, DeviceMatrix& out) override {
    const ConstMatrix in = host(x);
    const Matrix to = host(out);
    for_rows(in.rows, [&](std::int64_t r) {
      const auto row = in.row(r);
      const float top = largest(row.data(), row.size());
      to.data[r * to.stride] =
          top + static_cast<float>(std::log(sum_of_exponentials(row.data(), row.size(), top)));
    });
  }

 protected:
  Matrix memory(DeviceMatrix& matrix) override { return on_cpu(matrix).view(); }
};

}  // namespace

std::unique_ptr<MathOps> make_cpu_math(Executor& executor) { return std::make_unique<CpuMath>(executor); }

}  // namespace pq::cpu
