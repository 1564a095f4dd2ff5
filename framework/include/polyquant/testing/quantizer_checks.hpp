// What holds for every quantizer with every encoding that it takes.
#pragma once

#include <polyquant/quantizer.hpp>
#include <polyquant/testing/measure.hpp>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace pq::testing {

/// A quantizer and an encoding to try it with.
struct QuantizerSubject {
  std::shared_ptr<const Quantizer> quantizer;
  std::shared_ptr<const Encoding> encoding;

  std::int64_t cols() const {
    const std::int64_t block = encoding->info().block_cols;
    return (128 + block - 1) / block * block;
  }
};

namespace quantizer_checks {

/// A job with all statistics that a quantizer may ask for, and what it points to.
struct TestJob {
  explicit TestJob(const QuantizerSubject& subject, std::int64_t rows = 8)
      : importance(lognormal_importance(subject.cols(), 5)),
        mean(importance),
        weights(gaussian(rows, subject.cols(), 3)) {
    const std::int64_t cols = subject.cols();
    // X^T X of twice as many samples as columns, so that it is positive definite.
    const Sample x = gaussian(2 * cols, cols, 9);
    gram.assign(static_cast<std::size_t>(cols * cols), 0.0f);
    for (std::int64_t s = 0; s < x.rows; ++s)
      for (std::int64_t i = 0; i < cols; ++i)
        for (std::int64_t j = 0; j < cols; ++j)
          gram[static_cast<std::size_t>(i * cols + j)] +=
              x.matrix().row(s)[static_cast<std::size_t>(i)] * x.matrix().row(s)[static_cast<std::size_t>(j)];
    job = {"model.layers.0.mlp.up_proj.weight", rows, cols, subject.encoding.get(), {}, Effort::normal};
    job.statistics = {importance, mean, {gram.data(), cols, cols, cols}, x.rows};
  }
  std::vector<float> importance, mean, gram;
  Sample weights;
  QuantJob job;
};

inline std::vector<std::byte> quantize(const QuantizerSubject& subject, const TensorQuantizer& prepared,
                                       const TestJob& test, std::int64_t first, std::int64_t count) {
  std::vector<std::byte> out(static_cast<std::size_t>(count) *
                             subject.encoding->row_bytes(test.weights.cols));
  QuantReport report;
  prepared.quantize(test.weights.matrix().slice(first, count), first, out, report);
  return out;
}

inline bool accepts(const QuantizerSubject& subject) {
  return !subject.quantizer->rejects(*subject.encoding);
}

inline void rejects_is_pure(const QuantizerSubject& subject, Findings& findings) {
  const auto first = subject.quantizer->rejects(*subject.encoding),
             second = subject.quantizer->rejects(*subject.encoding);
  findings.expect(first == second, "asked twice, it answers differently");
  findings.expect(!first || !first->empty(), "it gives an empty reason");
}

inline void ranges_do_not_matter(const QuantizerSubject& subject, Findings& findings) {
  const TestJob test(subject);
  SerialExecutor executor;
  const auto prepared = subject.quantizer->prepare(test.job, {executor, nullptr});
  const std::vector<std::byte> whole = quantize(subject, *prepared, test, 0, 8);
  const std::size_t bytes = subject.encoding->row_bytes(test.weights.cols);
  for (const auto& [first, count] : {std::pair{5, 3}, {0, 1}, {1, 4}, {0, 8}}) {
    const auto part = quantize(subject, *prepared, test, first, count);
    const auto expected =
        whole.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(first) * bytes);
    findings.expect(std::equal(part.begin(), part.end(), expected), "rows ", first, " to ", first + count - 1,
                    " alone have other bytes");
  }
  findings.expect(
      quantize(subject, *subject.quantizer->prepare(test.job, {executor, nullptr}), test, 0, 8) == whole,
      "the same job prepared twice gives different bytes");
}

inline void threads_do_not_matter(const QuantizerSubject& subject, Findings& findings) {
  const TestJob test(subject);
  SerialExecutor executor;
  const auto prepared = subject.quantizer->prepare(test.job, {executor, nullptr});
  const std::vector<std::byte> whole = quantize(subject, *prepared, test, 0, 8);
  std::vector<std::vector<std::byte>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] { result = quantize(subject, *prepared, test, 0, 8); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results)
    findings.expect(result == whole, "threads that quantize at the same time get different bytes");
}

inline void weights_are_close(const QuantizerSubject& subject, Findings& findings) {
  const TestJob test(subject);
  SerialExecutor executor;
  for (const bool measured : {true, false}) {
    QuantJob job = test.job;
    const StatisticsNeeded& needs = subject.quantizer->info().needs;
    if (!measured && (needs.gram || needs.mean_absolute))
      continue;  // importance is the only one that may be missing
    if (!measured) job.statistics = {};
    const auto prepared = subject.quantizer->prepare(job, {executor, nullptr});
    const Sample back =
        decode(*subject.encoding, quantize(subject, *prepared, test, 0, 8), 8, test.weights.cols);
    findings.expect(all_finite(back), "decoded weights are not finite");
    // Error feedback trades error of weights for error of outputs, hence the room.
    findings.expect(relative_error(test.weights, back) <= 1.5, "relative error ",
                    relative_error(test.weights, back));
  }
}

inline void anything_can_be_quantized(const QuantizerSubject& subject, Findings& findings) {
  TestJob test(subject);
  SerialExecutor executor;
  for (Sample& sample : hostile_samples(8, subject.cols(), 29)) {
    const std::string name = sample.name;
    test.weights = std::move(sample);
    const auto prepared = subject.quantizer->prepare(test.job, {executor, nullptr});
    findings.expect(quantize(subject, *prepared, test, 0, 8) == quantize(subject, *prepared, test, 0, 8),
                    name, ": two runs give different bytes");
  }
}

}  // namespace quantizer_checks

/// All checks of one quantizer with one encoding.
inline std::vector<CheckResult> check_quantizer(const QuantizerSubject& subject) {
  using namespace quantizer_checks;
  std::vector<CheckResult> results;
  run_checks<QuantizerSubject>(
      "quantizer " + subject.quantizer->info().id + " with " + subject.encoding->info().spec, subject,
      {{"what it rejects is pure", rejects_is_pure},
       {"row ranges and their order do not matter", ranges_do_not_matter, accepts},
       {"any thread may quantize", threads_do_not_matter, accepts},
       {"weights stay finite and close, with and without importance", weights_are_close, accepts},
       {"NaN, infinities, denormals and zeros have defined bytes", anything_can_be_quantized, accepts}},
      results);
  return results;
}

}  // namespace pq::testing
