// The maths of a backend whose matrices are ordinary memory, as plain loops: the definition of what each function computes, except for the
// products of matrices, which every backend has its own way for. A fast backend overrides what matters to it.
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/base/executor.hpp>
#include <polyquant/base/matrix.hpp>
#include <polyquant/host_math_rows.hpp>
#include <polyquant/math_ops.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace pq {

class HostMath : public MathOps {
 public:
  explicit HostMath(Executor& executor) : executor_(executor) {}

  void column_sums(const DeviceMatrix& x, ColumnSum kind, std::span<double> sums) override {
    const ConstMatrix in = host(x);
    executor_.for_ranges(in.cols, kColumns, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = 0; r < in.rows; ++r)
        for (std::int64_t c = begin; c < end; ++c) {
          const auto value = static_cast<double>(in.data[r * in.stride + c]);
          sums[static_cast<std::size_t>(c)] += kind == ColumnSum::plain     ? value
                                               : kind == ColumnSum::squares ? value * value
                                                                            : std::abs(value);
        }
    });
  }

  void norm(const DeviceMatrix& x, const DeviceMatrix* weight, const DeviceMatrix* bias,
            const NormOptions& options, DeviceMatrix& out) override {
    norm_groups(x, weight, bias, options, out, host_math::normalise);
  }

  void rope(DeviceMatrix& x, const DeviceMatrix& cosines, const DeviceMatrix& sines,
            const RopeOptions& options) override {
    const Matrix to = host(x);
    const ConstMatrix cosine = host(cosines), sine = host(sines);
    const std::int64_t half = options.width / 2, step = options.neighbours ? 2 : 1,
                       partner = options.neighbours ? 1 : half;
    for_rows(to.rows, [&](std::int64_t r) {
      const float *c = cosine.row(r).data(), *s = sine.row(r).data();
      for (std::int64_t head = options.first; head < to.cols; head += options.head_cols) {
        float* values = to.row(r).data() + head;
        for (std::int64_t j = 0; j < half; ++j) {
          float &a = values[j * step], &b = values[j * step + partner];
          const float turned = a * c[j] - b * s[j];
          b = b * c[j] + a * s[j];
          a = turned;
        }
      }
    });
  }

  void attention(const DeviceMatrix& q, const DeviceMatrix& k, const DeviceMatrix& v,
                 const AttentionOptions& options, DeviceMatrix& out) override {
    const ConstMatrix queries = host(q), keys = host(k), values = host(v);
    const Matrix to = host(out);
    const std::int64_t key_cols = queries.cols / options.heads, value_cols = values.cols / options.kv_heads,
                       group = options.heads / options.kv_heads;
    for (const AttentionSpan& span : options.spans)
      for_rows(span.queries, [&](std::int64_t i) {
        std::vector<float> scores(static_cast<std::size_t>(span.keys));
        for (std::int64_t head = 0; head < options.heads; ++head)
          host_math::attend(queries.row(span.first_query + i).data() + head * key_cols, key_cols,
                            keys.row(span.first_key).data() + head / group * key_cols, keys.stride,
                            values.row(span.first_key).data() + head / group * value_cols, value_cols,
                            values.stride, span.keys - span.queries + i, head, options, scores,
                            to.row(span.first_query + i).data() + head * value_cols);
      });
  }

  void glu(const DeviceMatrix& gate, const DeviceMatrix& up, const GluOptions& options,
           DeviceMatrix& out) override {
    const ConstMatrix g = host(gate), u = host(up);
    const Matrix to = host(out);
    for_rows(g.rows, [&](std::int64_t r) {
      for (std::int64_t c = 0; c < g.cols; ++c)
        to.data[r * to.stride + c] =
            host_math::gated(g.data[r * g.stride + c], u.data[r * u.stride + c], options);
    });
  }
  void activate(DeviceMatrix& x, Activation activation) override {
    for_values(x, [activation](float value) { return host_math::activated(value, activation); });
  }

  void add(const DeviceMatrix& x, float factor, DeviceMatrix& to) override {
    for_pairs(to, host(x), [factor](float a, float b) { return a + factor * b; });
  }
  void add_row(const DeviceMatrix& row, DeviceMatrix& x) override {
    for_pairs(x, repeated(row), [](float a, float b) { return a + b; });
  }
  void scale(DeviceMatrix& x, float factor) override {
    for_values(x, [factor](float value) { return value * factor; });
  }
  void scale_columns(DeviceMatrix& x, const DeviceMatrix& factors) override {
    for_pairs(x, repeated(factors), [](float a, float b) { return a * b; });
  }
  void scale_rows(DeviceMatrix& x, const DeviceMatrix& factors) override {
    const ConstMatrix factor = host(factors);
    const Matrix to = host(x);
    for_rows(to.rows, [&](std::int64_t r) {
      for (float& value : to.row(r)) value *= factor.data[r * factor.stride];
    });
  }
  void clamp(DeviceMatrix& x, float low, float high) override {
    for_values(x, [low, high](float value) { return std::clamp(value, low, high); });
  }
  void soft_cap(DeviceMatrix& x, float cap) override {
    for_values(x, [cap](float value) { return cap * std::tanh(value / cap); });
  }
  void softmax(DeviceMatrix& x) override {
    const Matrix to = host(x);
    for_rows(to.rows, [&](std::int64_t r) {
      const float shift = log_sum_exp_of(to.row(r));
      for (float& value : to.row(r)) value = std::exp(value - shift);
    });
  }
  void log_sum_exp(const DeviceMatrix& x, DeviceMatrix& out) override {
    const ConstMatrix in = host(x);
    const Matrix to = host(out);
    for_rows(in.rows, [&](std::int64_t r) { to.data[r * to.stride] = log_sum_exp_of(in.row(r)); });
  }

  void copy_columns(const DeviceMatrix& from, const Columns& source, DeviceMatrix& to,
                    const Columns& target) override {
    const ConstMatrix in = host(from);
    const Matrix out = host(to);
    for_rows(in.rows, [&](std::int64_t r) {
      const float* a = in.data + r * in.stride + source.first;
      float* b = out.data + r * out.stride + target.first;
      for (std::int64_t g = 0; g < target.groups; ++g, a += source.group_stride, b += target.group_stride)
        for (std::int64_t j = 0; j < target.count; ++j) b[j * target.step] = a[j * source.step];
    });
  }
  void gather_rows(const DeviceMatrix& from, std::span<const std::int32_t> rows, DeviceMatrix& to) override {
    const ConstMatrix in = host(from);
    const Matrix out = host(to);
    for_rows(out.rows, [&](std::int64_t r) {
      const auto row = in.row(rows[static_cast<std::size_t>(r)]);
      std::copy(row.begin(), row.end(), out.row(r).begin());
    });
  }
  void scatter_add_rows(const DeviceMatrix& from, std::span<const std::int32_t> rows,
                        std::span<const float> factors, DeviceMatrix& to) override {
    const ConstMatrix in = host(from);
    const Matrix out = host(to);
    for_rows(in.rows, [&](std::int64_t r) {
      const auto i = static_cast<std::size_t>(r);
      float* sum = out.data + rows[i] * out.stride;
      for (std::int64_t c = 0; c < in.cols; ++c) sum[c] += factors[i] * in.data[r * in.stride + c];
    });
  }

 protected:
  /// The memory of a matrix of this backend.
  virtual Matrix memory(DeviceMatrix& matrix) = 0;

  Matrix host(DeviceMatrix& matrix) { return memory(matrix); }
  ConstMatrix host(const DeviceMatrix& matrix) { return memory(const_cast<DeviceMatrix&>(matrix)); }
  Executor& executor() { return executor_; }

  template <class Body>
  void for_rows(std::int64_t rows, Body&& body) {
    executor_.for_ranges(rows, kRows, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) body(r);
    });
  }

  /// norm() with another function for the groups of columns: normalise(x, count, weight, bias, options, out).
  template <class Normalise>
  void norm_groups(const DeviceMatrix& x, const DeviceMatrix* weight, const DeviceMatrix* bias,
                   const NormOptions& options, DeviceMatrix& out, const Normalise& normalise) {
    const ConstMatrix in = host(x);
    const Matrix to = host(out);
    const std::int64_t group = options.group_cols > 0 ? options.group_cols : in.cols;
    PQ_ASSERT(in.cols % std::max<std::int64_t>(group, 1) == 0, "a norm's groups divide the columns");
    const auto begin_of = [&](const DeviceMatrix* row, std::int64_t c) -> const float* {
      return row == nullptr ? nullptr : host(*row).data + (row->cols() == group ? 0 : c);
    };
    for_rows(in.rows, [&](std::int64_t r) {
      for (std::int64_t c = 0; c < in.cols; c += group)
        normalise(in.data + r * in.stride + c, group, begin_of(weight, c), begin_of(bias, c), options,
                  to.data + r * to.stride + c);
    });
  }

 private:
  static constexpr std::int64_t kRows = 16, kColumns = 64;  // of one task

  /// One row as a matrix of any number of rows.
  ConstMatrix repeated(const DeviceMatrix& row) {
    ConstMatrix view = host(row);
    view.stride = 0;
    return view;
  }
  template <class Function>
  void for_values(DeviceMatrix& x, Function&& function) {
    const Matrix to = host(x);
    for_rows(to.rows, [&](std::int64_t r) {
      for (float& value : to.row(r)) value = function(value);
    });
  }
  template <class Function>
  void for_pairs(DeviceMatrix& x, ConstMatrix other, Function&& function) {
    const Matrix to = host(x);
    for_rows(to.rows, [&](std::int64_t r) {
      float* a = to.data + r * to.stride;
      const float* b = other.data + r * other.stride;
      for (std::int64_t c = 0; c < to.cols; ++c) a[c] = function(a[c], b[c]);
    });
  }
  static float log_sum_exp_of(std::span<const float> row) {
    const float top = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (const float value : row) sum += static_cast<double>(std::exp(value - top));
    return top + static_cast<float>(std::log(sum));
  }

  Executor& executor_;
};

}  // namespace pq
