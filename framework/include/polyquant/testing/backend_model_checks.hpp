// What holds for the maths of running models on every backend: each function against its formula, in double.
#pragma once

#include <polyquant/testing/backend_subject.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace pq::testing::backend_checks {

constexpr double kFloatFunctions =
    1e-10;  // relative squared error of some f32 operations in a row, exp and tanh among them

inline double value(const Sample& m, std::int64_t r, std::int64_t c) {
  return double{m.values[static_cast<std::size_t>(r * m.cols + c)]};
}

/// A sample of the same shape as `like` whose values are function(row, column).
template <class Function>
Sample computed(std::int64_t rows, std::int64_t cols, Function&& function) {
  return make_sample("expected", rows, cols, 0,
                     [&](Random&, std::int64_t r, std::int64_t c) { return function(r, c); });
}

inline void expect_close(Findings& findings, const std::string& what, const Sample& expected,
                         const Sample& actual) {
  const double error = relative_error(expected, actual);
  findings.expect(error < kFloatFunctions, what, ": relative error ", error);  // false for NaN too
}

inline double norm_of(const Sample& x, std::int64_t r, std::int64_t c, const NormOptions& options,
                      double weight, double bias) {
  const std::int64_t begin = c / options.group_cols * options.group_cols;
  double mean = 0, squares = 0;
  for (std::int64_t j = 0; j < options.group_cols; ++j) mean += value(x, r, begin + j);
  mean = options.centred ? mean / static_cast<double>(options.group_cols) : 0;
  for (std::int64_t j = 0; j < options.group_cols; ++j) squares += std::pow(value(x, r, begin + j) - mean, 2);
  const double deviation =
      std::sqrt(squares / static_cast<double>(options.group_cols) + double{options.epsilon});
  return (weight + double{options.weight_offset}) * (value(x, r, c) - mean) / deviation + bias;
}

inline void norm_is_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    const Sample x = gaussian(5, 24, 11);
    for (const bool centred : {false, true})
      for (const std::int64_t group : {24, 8}) {
        const NormOptions options{1e-3f, centred, centred ? 0.0f : 1.0f, group};
        const std::int64_t width = centred ? 24 : group;  // a row for all columns, or for one group
        const Sample weight = gaussian(1, width, 12), bias = gaussian(1, width, 13);
        const auto out = device.allocate(5, 24);
        device.math().norm(*to_device(device, x), to_device(device, weight).get(),
                           to_device(device, bias).get(), options, *out);
        const auto expected = [&](std::int64_t r, std::int64_t c) {
          return norm_of(x, r, c, options, value(weight, 0, c % width), value(bias, 0, c % width));
        };
        expect_close(findings, join("norm, centred ", centred, ", groups of ", group),
                     computed(5, 24, expected), from_device(device, *out));
      }
  });
}

inline void rope_is_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    const Sample x = gaussian(4, 20, 14), c = gaussian(4, 3, 15), s = gaussian(4, 3, 16);
    for (const bool neighbours : {false, true}) {
      const RopeOptions options{10, 2, 6, neighbours};  // two heads of ten columns, of which six turn
      const auto turned = to_device(device, x);
      device.math().rope(*turned, *to_device(device, c), *to_device(device, s), options);
      const Sample expected = computed(4, 20, [&](std::int64_t r, std::int64_t column) {
        const std::int64_t at = column % 10 - 2, begin = column / 10 * 10 + 2;
        if (at < 0 || at >= 6) return value(x, r, column);
        const std::int64_t pair = neighbours ? at / 2 : at % 3;
        const bool second = neighbours ? at % 2 == 1 : at >= 3;
        const double a = value(x, r, begin + (neighbours ? 2 * pair : pair)),
                     b = value(x, r, begin + (neighbours ? 2 * pair + 1 : pair + 3));
        return second ? b * value(c, r, pair) + a * value(s, r, pair)
                      : a * value(c, r, pair) - b * value(s, r, pair);
      });
      expect_close(findings, join("rope, neighbours ", neighbours), expected, from_device(device, *turned));
    }
  });
}

inline double activated(double x, Activation activation, double sigmoid_scale = 1) {
  switch (activation) {
    case Activation::silu:
      return x / (1 + std::exp(-sigmoid_scale * x));
    case Activation::gelu:
      return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979324) * (x + 0.044715 * x * x * x)));
    case Activation::relu:
      return x > 0 ? x : 0.0;
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
  }
  return x;
}

inline void activations_are_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    const Sample x = gaussian(3, 37, 17), up = gaussian(3, 37, 18);
    for (const Activation kind :
         {Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::relu, Activation::sigmoid}) {
      const auto changed = to_device(device, x);
      device.math().activate(*changed, kind);
      const auto plain = [&](std::int64_t r, std::int64_t c) { return activated(value(x, r, c), kind); };
      expect_close(findings, join("activation ", static_cast<int>(kind)), computed(3, 37, plain),
                   from_device(device, *changed));
      const GluOptions options{kind, kind == Activation::silu ? 1.7f : 1.0f, 0.8f, 1};
      const auto gate = to_device(device, x);
      device.math().glu(*gate, *to_device(device, up), options, *gate);
      const double limit = double{options.limit};
      const auto expected = [&](std::int64_t r, std::int64_t c) {
        return activated(std::min(value(x, r, c), limit), kind, double{options.sigmoid_scale}) *
               (std::clamp(value(up, r, c), -limit, limit) + double{options.up_offset});
      };
      expect_close(findings, join("glu ", static_cast<int>(kind)), computed(3, 37, expected),
                   from_device(device, *gate));
    }
  });
}

/// What query `row` of a span sees of value column `column` of `head`.
inline double attended(const Sample& q, const Sample& k, const Sample& v, const AttentionOptions& options,
                       const AttentionSpan& span, std::int64_t row, std::int64_t head, std::int64_t column) {
  const std::int64_t width = q.cols / options.heads, value_width = v.cols / options.kv_heads,
                     shared = head * options.kv_heads / options.heads;
  const std::int64_t position = span.keys - span.queries + row;
  const auto h = static_cast<std::size_t>(head);
  double sum = options.sinks.empty() ? 0 : std::exp(double{options.sinks[h]}), result = 0;
  for (std::int64_t j = 0; j <= position; ++j) {
    if (options.window > 0 && position - j >= options.window) continue;
    double score = 0;
    for (std::int64_t c = 0; c < width; ++c)
      score += value(q, span.first_query + row, head * width + c) *
               value(k, span.first_key + j, shared * width + c);
    score *= double{options.scale};
    if (!options.slopes.empty()) score -= double{options.slopes[h]} * static_cast<double>(position - j);
    if (options.soft_cap > 0) score = double{options.soft_cap} * std::tanh(score / double{options.soft_cap});
    sum += std::exp(score);
    result += std::exp(score) * value(v, span.first_key + j, shared * value_width + column);
  }
  return result / sum;
}

inline void attention_is_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    // A short text, one longer than any block, and one that goes on with keys from before.
    const std::vector<AttentionSpan> spans = {{0, 5, 0, 5}, {5, 300, 5, 300}, {305, 3, 305, 40}};
    const Sample q = gaussian(308, 4 * 6, 19), k = gaussian(345, 2 * 6, 20), v = gaussian(345, 2 * 5, 21);
    const std::vector<float> slopes = {0.5f, 0.25f, 0.125f, 0.0625f}, sinks = {1, -1, 2, 0};
    struct Case {
      const char* name;
      float soft_cap;
      std::int64_t window;
      bool slopes, sinks;
    };
    for (const Case& wanted : {Case{"plain", 0, 0, false, false}, Case{"soft cap", 2, 0, false, false},
                               Case{"window", 0, 7, false, false}, Case{"long window", 0, 270, false, true},
                               Case{"slopes", 0, 0, true, false}, Case{"sinks", 0, 0, false, true}}) {
      AttentionOptions options{4, 2, 0.4f, wanted.soft_cap, wanted.window, {}, {}, spans};
      if (wanted.slopes) options.slopes = slopes;
      if (wanted.sinks) options.sinks = sinks;
      const auto out = device.allocate(308, 4 * 5);
      device.math().attention(*to_device(device, q), *to_device(device, k), *to_device(device, v), options,
                              *out);
      const auto expected = [&](std::int64_t r, std::int64_t c) {
        const std::size_t s = r < 5 ? 0 : r < 305 ? 1 : 2;
        return attended(q, k, v, options, spans[s], r - spans[s].first_query, c / 5, c % 5);
      };
      expect_close(findings, join("attention, ", wanted.name), computed(308, 20, expected),
                   from_device(device, *out));
    }
  });
}

/// Applies `change` to a copy of x on the device and compares with function(row, column).
template <class Change, class Function>
void expect_change(Device& device, Findings& findings, const char* what, const Sample& x, Change&& change,
                   Function&& function) {
  const auto matrix = to_device(device, x);
  change(*matrix);
  expect_close(findings, what, computed(x.rows, x.cols, function), from_device(device, *matrix));
}

inline void simple_functions_are_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    MathOps& math = device.math();
    const Sample x = gaussian(7, 33, 22), y = gaussian(7, 33, 23), row = gaussian(1, 33, 24),
                 column = gaussian(7, 1, 25);
    const auto other = to_device(device, y), one = to_device(device, row), each = to_device(device, column);
    using I = std::int64_t;
    expect_change(
        device, findings, "add", x, [&](auto& m) { math.add(*other, 0.5f, m); },
        [&](I r, I c) { return value(x, r, c) + 0.5 * value(y, r, c); });
    expect_change(
        device, findings, "add_row", x, [&](auto& m) { math.add_row(*one, m); },
        [&](I r, I c) { return value(x, r, c) + value(row, 0, c); });
    expect_change(
        device, findings, "scale", x, [&](auto& m) { math.scale(m, 3); },
        [&](I r, I c) { return value(x, r, c) * 3; });
    expect_change(
        device, findings, "scale_columns", x, [&](auto& m) { math.scale_columns(m, *one); },
        [&](I r, I c) { return value(x, r, c) * value(row, 0, c); });
    expect_change(
        device, findings, "scale_rows", x, [&](auto& m) { math.scale_rows(m, *each); },
        [&](I r, I c) { return value(x, r, c) * value(column, r, 0); });
    expect_change(
        device, findings, "clamp", x, [&](auto& m) { math.clamp(m, -0.5f, 0.25f); },
        [&](I r, I c) { return std::clamp(value(x, r, c), -0.5, 0.25); });
    expect_change(
        device, findings, "soft_cap", x, [&](auto& m) { math.soft_cap(m, 2); },
        [&](I r, I c) { return 2 * std::tanh(value(x, r, c) / 2); });
    const auto sum = [&](I r) {
      double total = 0;
      for (I c = 0; c < x.cols; ++c) total += std::exp(value(x, r, c));
      return total;
    };
    expect_change(
        device, findings, "softmax", x, [&](auto& m) { math.softmax(m); },
        [&](I r, I c) { return std::exp(value(x, r, c)) / sum(r); });
    const auto logs = device.allocate(7, 1);
    math.log_sum_exp(*to_device(device, x), *logs);
    expect_close(findings, "log_sum_exp", computed(7, 1, [&](I r, I) { return std::log(sum(r)); }),
                 from_device(device, *logs));
  });
}

inline void moves_are_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    MathOps& math = device.math();
    const Sample x = gaussian(6, 12, 26), target = gaussian(9, 12, 27);
    using I = std::int64_t;
    const auto wide = device.allocate(6, 20);
    math.copy_columns(*to_device(device, x), {1, 2, 3, 4, 0}, *wide,
                      {2, 2, 1, 4, 5});  // shared by four heads
    findings.expect(from_device(device, *wide).values ==
                        computed(6, 20,
                                 [&](I r, I c) {
                                   return c % 5 < 2 || c % 5 > 3 ? 0.0 : value(x, r, 1 + 3 * (c % 5 - 2));
                                 })
                            .values,
                    "copy_columns moves other columns");
    const std::vector<std::int32_t> rows = {4, 0, 4};
    const auto some = device.allocate(3, 12);
    math.gather_rows(*to_device(device, x), rows, *some);
    findings.expect(
        from_device(device, *some).values ==
            computed(3, 12, [&](I r, I c) { return value(x, rows[static_cast<std::size_t>(r)], c); }).values,
        "gather_rows takes other rows");
    const std::vector<std::int32_t> places = {8, 1, 3, 0, 5, 2};
    const std::vector<float> factors = {1, 2, -1, 0.5f, 3, 0};
    expect_change(
        device, findings, "scatter_add_rows", target,
        [&](auto& m) { math.scatter_add_rows(*to_device(device, x), places, factors, m); },
        [&](I r, I c) {
          double total = value(target, r, c);
          for (std::size_t i = 0; i < places.size(); ++i)
            if (places[i] == r) total += double{factors[i]} * value(x, static_cast<I>(i), c);
          return total;
        });
    std::vector<double> sums(12, 1.0);
    math.column_sums(*to_device(device, x), ColumnSum::squares, sums);
    math.column_sums(*to_device(device, x), ColumnSum::magnitudes, sums);
    math.column_sums(*to_device(device, x), ColumnSum::plain, sums);
    for (I c = 0; c < 12; ++c) {
      double expected = 1;
      for (I r = 0; r < 6; ++r)
        expected += std::pow(value(x, r, c), 2) + std::abs(value(x, r, c)) + value(x, r, c);
      findings.expect(std::abs(sums[static_cast<std::size_t>(c)] - expected) < 1e-12 * expected,
                      "column_sums of column ", c, ": ", sums[static_cast<std::size_t>(c)], ", not ",
                      expected);
    }
    const auto parts = device.allocate(9, 12);
    device.upload(x.matrix(), *parts, 2);
    Sample back = zeros(5, 12);
    device.download(*parts, {back.values.data(), 5, 12, 12}, 3);
    findings.expect(back.values == std::vector<float>(x.values.begin() + 12, x.values.end()),
                    "rows of an upload or download land elsewhere");
  });
}

}  // namespace pq::testing::backend_checks
