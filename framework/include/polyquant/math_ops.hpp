// The maths that a backend offers: what running a model, measuring it and error feedback need.
#pragma once

#include <cstdint>
#include <span>

namespace pq {

/// An f32 matrix on a device, rows without gaps.
class DeviceMatrix {
 public:
  virtual ~DeviceMatrix() = default;
  virtual std::int64_t rows() const = 0;
  virtual std::int64_t cols() const = 0;
};

/// Some columns of a matrix: column j of group g is first + g * group_stride + j * step. A group_stride of 0 reads the same columns for
/// every group.
struct Columns {
  std::int64_t first = 0;
  std::int64_t count = 0;  // of a group
  std::int64_t step = 1;
  std::int64_t groups = 1;
  std::int64_t group_stride = 0;
};

enum class Activation {
  silu,       // x * sigmoid(x)
  gelu,       // with the error function
  gelu_tanh,  // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  relu,
  sigmoid,
};

/// out = activation(min(gate, limit)) * (clamp(up, -limit, limit) + up_offset).
struct GluOptions {
  Activation activation = Activation::silu;
  float sigmoid_scale = 1;  // silu: x * sigmoid(sigmoid_scale * x)
  float limit = 0;          // 0 = none
  float up_offset = 0;
};

/// Every group of `group_cols` columns of a row is normalised by itself: y = (weight + weight_offset) * (x - mean) / sqrt(mean(x^2) + epsilon)
/// + bias.
struct NormOptions {
  float epsilon = 0;
  bool centred = false;         // the mean is subtracted (LayerNorm), else taken as 0 (RMSNorm)
  float weight_offset = 0;      // Gemma: 1
  std::int64_t group_cols = 0;  // 0 = the whole row
};

/// Rotation of pairs of columns in every head. Half rotation pairs column j with j + width / 2, else 2j with 2j + 1.
struct RopeOptions {
  std::int64_t head_cols = 0;
  std::int64_t first = 0;  // of the rotated columns in a head
  std::int64_t width = 0;  // rotated columns
  bool neighbours = false;
};

/// Queries and keys of one text: query i stands at the position of key keys - queries + i and sees that key and those before it.
struct AttentionSpan {
  std::int64_t first_query = 0, queries = 0;  // rows of q
  std::int64_t first_key = 0, keys = 0;       // rows of k and v
};

struct AttentionOptions {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // each serves heads / kv_heads heads that follow each other
  float scale = 1;
  float soft_cap = 0;             // score = cap * tanh(score / cap), before masking; 0 = none
  std::int64_t window = 0;        // keys at a distance of `window` or more are not seen; 0 = no limit
  std::span<const float> slopes;  // per head: score -= slope * distance (ALiBi); empty = none
  std::span<const float> sinks;   // per head: a logit that only joins the sum of the softmax; empty = none
  std::span<const AttentionSpan> spans;
};

enum class ColumnSum { plain, squares, magnitudes };

/// Dense maths in f32 on one device. Calls enqueue; results stay on the device until Device::download(). One caller at a time. The same
/// inputs give the same bytes for any number of threads. Unless a function says otherwise its output is another matrix than its inputs.
class MathOps {
 public:
  virtual ~MathOps() = default;

  /// c = alpha * op(a) * op(b) + beta * c, op = transpose if asked. With beta 0 the old c is not read.
  virtual void gemm(const DeviceMatrix& a, bool transpose_a, const DeviceMatrix& b, bool transpose_b,
                    DeviceMatrix& c, float alpha, float beta) = 0;
  /// h += x^T x; h is [cols, cols] and symmetric. Rows of x are summed in order, so the result does not depend on the thread count.
  virtual void accumulate_gram(const DeviceMatrix& x, DeviceMatrix& h) = 0;
  /// Upper-triangular U with U^T U = h^-1 (what GPTQ needs); false if h is not positive definite.
  virtual bool cholesky_inverse_upper(const DeviceMatrix& h, DeviceMatrix& u) = 0;
  /// sums[c] += the sum over rows, in f64, of x, x^2 or |x|. Waits.
  virtual void column_sums(const DeviceMatrix& x, ColumnSum kind, std::span<double> sums) = 0;

  /// `weight` and `bias` are one row for all columns or for one group; nullptr = ones, zeros. `out` may be `x`.
  virtual void norm(const DeviceMatrix& x, const DeviceMatrix* weight, const DeviceMatrix* bias,
                    const NormOptions& options, DeviceMatrix& out) = 0;
  /// Rotates x in place; cosines and sines are [rows of x, width / 2].
  virtual void rope(DeviceMatrix& x, const DeviceMatrix& cosines, const DeviceMatrix& sines,
                    const RopeOptions& options) = 0;
  /// out = softmax(mask(scale * q k^T)) v per head and span; q is [., heads * n], k [., kv_heads * n], v [., kv_heads * m], out [., heads * m].
  /// Rows of out outside the spans keep what they hold.
  virtual void attention(const DeviceMatrix& q, const DeviceMatrix& k, const DeviceMatrix& v,
                         const AttentionOptions& options, DeviceMatrix& out) = 0;
  /// `out` may be `gate` or `up`.
  virtual void glu(const DeviceMatrix& gate, const DeviceMatrix& up, const GluOptions& options,
                   DeviceMatrix& out) = 0;
  virtual void activate(DeviceMatrix& x, Activation activation) = 0;

  /// to += factor * x.
  virtual void add(const DeviceMatrix& x, float factor, DeviceMatrix& to) = 0;
  /// Every row of x += row.
  virtual void add_row(const DeviceMatrix& row, DeviceMatrix& x) = 0;
  virtual void scale(DeviceMatrix& x, float factor) = 0;
  /// Column c *= factors[0, c].
  virtual void scale_columns(DeviceMatrix& x, const DeviceMatrix& factors) = 0;
  /// Row r *= factors[r, 0].
  virtual void scale_rows(DeviceMatrix& x, const DeviceMatrix& factors) = 0;
  virtual void clamp(DeviceMatrix& x, float low, float high) = 0;
  /// x = cap * tanh(x / cap).
  virtual void soft_cap(DeviceMatrix& x, float cap) = 0;
  /// Softmax of every row, in place.
  virtual void softmax(DeviceMatrix& x) = 0;
  /// out[r, 0] = log(sum(exp(x[r, .]))).
  virtual void log_sum_exp(const DeviceMatrix& x, DeviceMatrix& out) = 0;

  virtual void copy_columns(const DeviceMatrix& from, const Columns& source, DeviceMatrix& to,
                            const Columns& target) = 0;
  /// Row i of `to` = row rows[i] of `from`.
  virtual void gather_rows(const DeviceMatrix& from, std::span<const std::int32_t> rows,
                           DeviceMatrix& to) = 0;
  /// Row rows[i] of `to` += factors[i] * row i of `from`; `rows` are different.
  virtual void scatter_add_rows(const DeviceMatrix& from, std::span<const std::int32_t> rows,
                                std::span<const float> factors, DeviceMatrix& to) = 0;
};

}  // namespace pq
