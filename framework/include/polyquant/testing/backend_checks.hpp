// What holds for every backend on every device that it finds here.
#pragma once

#include <polyquant/testing/backend_model_checks.hpp>
#include <polyquant/testing/backend_subject.hpp>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pq::testing {

namespace backend_checks {

inline void data_comes_back(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    findings.expect(from_device(device, *device.allocate(3, 5)).values == zeros(3, 5).values,
                    "a new matrix is not zero");
    const Sample sample = gaussian(7, 33, 1);
    findings.expect(from_device(device, *to_device(device, sample)).values == sample.values,
                    "an uploaded matrix comes back changed");
  });
}

/// op(a) * op(b), summed in double.
inline Sample product(const Sample& a, bool transpose_a, const Sample& b, bool transpose_b) {
  const auto at = [](const Sample& m, bool transposed, std::int64_t r, std::int64_t c) {
    return double{transposed ? m.values[static_cast<std::size_t>(c * m.cols + r)]
                             : m.values[static_cast<std::size_t>(r * m.cols + c)]};
  };
  const std::int64_t n = transpose_a ? a.cols : a.rows, inner = transpose_a ? a.rows : a.cols,
                     m = transpose_b ? b.rows : b.cols;
  return make_sample("product", n, m, 0, [&](Random&, std::int64_t r, std::int64_t c) {
    double sum = 0;
    for (std::int64_t k = 0; k < inner; ++k) sum += at(a, transpose_a, r, k) * at(b, transpose_b, k, c);
    return sum;
  });
}

constexpr double kFloatSums = 1e-9;  // relative squared error of sums of some dozen f32 products

/// What c becomes: alpha * op(a) * op(b) + beta * c. With beta 0 the old c may hold anything.
struct GemmCase {
  bool transpose_a, transpose_b;
  float alpha, beta;
};

inline std::vector<GemmCase> gemm_cases() {
  std::vector<GemmCase> cases;
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const auto& [alpha, beta] : {std::pair{1.0f, 0.0f}, {0.5f, 2.0f}, {-1.0f, 1.0f}, {3.0f, 0.0f}})
        cases.push_back({ta, tb, alpha, beta});
  return cases;
}

inline void gemm_is_right(const BackendSubject& subject, Findings& findings) {
  const Sample before = gaussian(9, 13, 6);
  const Sample garbage = make_sample("NaN", 9, 13, 0, [](Random&, auto, auto) { return std::nan(""); });
  for_devices(subject, findings, [&](Device& device) {
    for (const auto& [ta, tb, alpha, beta] : gemm_cases()) {
      const Sample a = ta ? gaussian(40, 9, 2) : gaussian(9, 40, 2),
                   b = tb ? gaussian(13, 40, 3) : gaussian(40, 13, 3);
      const auto c = to_device(device, beta == 0 ? garbage : before);
      device.math().gemm(*to_device(device, a), ta, *to_device(device, b), tb, *c, alpha, beta);
      Sample expected = product(a, ta, b, tb);
      for (std::size_t i = 0; i < expected.values.size(); ++i)
        expected.values[i] = alpha * expected.values[i] + beta * before.values[i];
      const double error = relative_error(expected, from_device(device, *c));
      findings.expect(error < kFloatSums, "transposed ", ta, tb, ", alpha ", alpha, ", beta ", beta,
                      ": relative error ", error);
    }
  });
}

inline void gram_is_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    const Sample x = gaussian(50, 24, 4);
    const auto h = device.allocate(24, 24);
    device.math().accumulate_gram(*to_device(device, x), *h);
    const double error = relative_error(product(x, true, x, false), from_device(device, *h));
    findings.expect(error < kFloatSums, "relative error ", error);
  });
}

inline void inverse_factor_is_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    const Sample x = gaussian(200, 24, 5), h = product(x, true, x, false);
    const auto u = device.allocate(24, 24);
    if (!findings.expect(device.math().cholesky_inverse_upper(*to_device(device, h), *u),
                         "a positive definite matrix is refused"))
      return;
    const Sample factor = from_device(device, *u);
    const Sample unit = product(product(factor, true, factor, false), false, h, false);
    const Sample identity = make_sample(
        "identity", 24, 24, 0, [](Random&, std::int64_t r, std::int64_t c) { return r == c ? 1.0 : 0.0; });
    findings.expect(relative_error(identity, unit) < 1e-6, "U^T U h is not the identity: relative error ",
                    relative_error(identity, unit));
    findings.expect(!device.math().cholesky_inverse_upper(*to_device(device, zeros(24, 24)), *u),
                    "a zero matrix is inverted");
  });
}

/// What the functions that sum give on a device: matrices large enough to be shared among threads.
inline std::vector<std::vector<float>> sums_of(Device& device) {
  MathOps& math = device.math();
  std::vector<std::vector<float>> results;
  const auto keep = [&](const DeviceMatrix& matrix) {
    results.push_back(from_device(device, matrix).values);
  };
  const auto x = to_device(device, gaussian(270, 130, 31)), y = to_device(device, gaussian(270, 130, 32));
  for (const bool wide : {false, true}) {  // [270, 270] and [130, 130]
    const auto c = device.allocate(wide ? 270 : 130, wide ? 270 : 130);
    math.gemm(*x, !wide, *y, wide, *c, 1, 0);
    keep(*c);
  }
  const auto h = device.allocate(130, 130), u = device.allocate(130, 130), sums = device.allocate(270, 1);
  math.accumulate_gram(*x, *h);
  keep(*h);
  if (math.cholesky_inverse_upper(*h, *u)) keep(*u);
  for (const ColumnSum kind : {ColumnSum::plain, ColumnSum::squares, ColumnSum::magnitudes}) {
    std::vector<double> columns(130);
    math.column_sums(*x, kind, columns);
    results.emplace_back(columns.begin(), columns.end());
  }
  const AttentionSpan span{0, 270, 0, 270};
  const auto q = to_device(device, gaussian(270, 4 * 26, 33)), out = device.allocate(270, 4 * 65);
  const auto k = to_device(device, gaussian(270, 2 * 26, 34));
  math.attention(*q, *k, *x, {4, 2, 0.2f, 0, 0, {}, {}, {&span, 1}}, *out);
  keep(*out);
  math.log_sum_exp(*x, *sums);
  keep(*sums);
  math.norm(*x, nullptr, nullptr, {1e-5f, true, 0, 0}, *y);
  keep(*y);
  math.softmax(*x);
  keep(*x);
  return results;
}

/// The same bytes for any number of threads, and whichever of them is first.
inline void threads_do_not_matter(const BackendSubject& subject, Findings& findings) {
  for (const DeviceInfo& info : devices_of(subject, findings)) {
    SerialExecutor serial;
    const auto expected = sums_of(*subject.backend->open(info.index, serial));
    for (const int threads : {1, 2, 3, 7}) {
      ThreadsExecutor executor(threads);
      const auto got = sums_of(*subject.backend->open(info.index, executor));
      findings.expect(got.size() == expected.size(), "with ", threads,
                      " threads another matrix is invertible");
      for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i)
        findings.expect(std::memcmp(got[i].data(), expected[i].data(), got[i].size() * sizeof(float)) == 0,
                        "result ", i, " has other bytes with ", threads, " threads");
    }
  }
}

}  // namespace backend_checks

/// The checks that check_backend() does.
inline std::vector<Check<BackendSubject>> all_backend_checks() {
  using namespace backend_checks;
  return {{"matrices come back as they were", data_comes_back},
          {"gemm is right", gemm_is_right},
          {"accumulate_gram is right", gram_is_right},
          {"cholesky_inverse_upper is right", inverse_factor_is_right},
          {"any number of threads gives the same bytes", threads_do_not_matter},
          {"norms are right", norm_is_right},
          {"rotary embedding is right", rope_is_right},
          {"activations are right", activations_are_right},
          {"attention is right", attention_is_right},
          {"simple functions are right", simple_functions_are_right},
          {"moves and sums are right", moves_are_right}};
}

/// All checks of one backend.
inline std::vector<CheckResult> check_backend(const BackendSubject& subject) {
  std::vector<CheckResult> results;
  run_checks("backend " + subject.backend->info().id, subject, all_backend_checks(), results);
  return results;
}

}  // namespace pq::testing
