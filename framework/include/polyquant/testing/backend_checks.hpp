// What holds for every backend on every device that it finds here.
#pragma once

#include <polyquant/testing/backend_model_checks.hpp>
#include <polyquant/testing/backend_subject.hpp>

#include <memory>
#include <string>
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

inline void gemm_is_right(const BackendSubject& subject, Findings& findings) {
  for_devices(subject, findings, [&](Device& device) {
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const Sample a = ta ? gaussian(40, 9, 2) : gaussian(9, 40, 2),
                     b = tb ? gaussian(13, 40, 3) : gaussian(40, 13, 3);
        const auto c = device.allocate(9, 13);
        device.math().gemm(*to_device(device, a), ta, *to_device(device, b), tb, *c, 1.0f, 0.0f);
        const double error = relative_error(product(a, ta, b, tb), from_device(device, *c));
        findings.expect(error < kFloatSums, "transposed ", ta, tb, ": relative error ", error);
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

}  // namespace backend_checks

/// All checks of one backend.
inline std::vector<CheckResult> check_backend(const BackendSubject& subject) {
  using namespace backend_checks;
  std::vector<CheckResult> results;
  run_checks<BackendSubject>("backend " + subject.backend->info().id, subject,
                             {{"matrices come back as they were", data_comes_back},
                              {"gemm is right", gemm_is_right},
                              {"accumulate_gram is right", gram_is_right},
                              {"cholesky_inverse_upper is right", inverse_factor_is_right},
                              {"norms are right", norm_is_right},
                              {"rotary embedding is right", rope_is_right},
                              {"activations are right", activations_are_right},
                              {"attention is right", attention_is_right},
                              {"simple functions are right", simple_functions_are_right},
                              {"moves and sums are right", moves_are_right}},
                             results);
  return results;
}

}  // namespace pq::testing
