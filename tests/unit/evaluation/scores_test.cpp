#include "evaluation/score_statistics.hpp"
#include "evaluation/softmax_rows.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using Catch::Contains;

namespace {

constexpr double kF32 = 1e-6;  // a few roundings of f32

/// In f64, as the definition stands.
double plain_log_sum(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += std::exp(static_cast<double>(value));
  return std::log(sum);
}

}  // namespace

TEST_CASE("scores: the KL divergence of three logits is that of the worked example", "[evaluation][scores]") {
  // Base (2, 1, 0), quantized (1.9, 1.2, 0): 0.66524 * 0.09084 - 0.24473 * 0.20916 - 0.09003 * 0.00916.
  const std::vector<float> p = {2, 1, 0}, q = {1.9f, 1.2f, 0};
  CHECK(pq::log_sum_exp(p) == Approx(2.40761).epsilon(1e-5));
  CHECK(pq::kl_divergence(p, pq::log_sum_exp(p), q, pq::log_sum_exp(q)) == Approx(0.00841).epsilon(1e-3));
}

TEST_CASE("scores: long rows have the sums of the definition in f64", "[evaluation][scores]") {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> p(10007), q(10007);
  for (std::size_t i = 0; i < p.size(); ++i) q[i] = (p[i] = normal(random)) + 0.1f * normal(random);
  const double a = plain_log_sum(p), b = plain_log_sum(q);
  CHECK(pq::log_sum_exp(p) == Approx(a).epsilon(kF32));
  double kld = 0;
  for (std::size_t i = 0; i < p.size(); ++i)
    kld += std::exp(double{p[i]} - a) * (double{p[i]} - a - (double{q[i]} - b));
  CHECK(pq::kl_divergence(p, a, q, b) == Approx(kld).epsilon(1e-4));
  CHECK(pq::kl_divergence(p, a, p, a) == 0.0);
}

TEST_CASE("scores: perplexity and its error are those of the worked example", "[evaluation][scores]") {
  // a = 2, b = 26 / 6, error of the mean sqrt(0.33333 / 5) = 0.2582.
  const std::vector<double> nll = {2, 1, 3, 2, 2, 2};
  const pq::Measured result = pq::perplexity(nll);
  CHECK(result.value == Approx(7.3891).epsilon(1e-4));
  CHECK(result.stderr_ == Approx(1.9078).epsilon(1e-4));
}

TEST_CASE("scores: percentiles lie between neighbours", "[evaluation][scores]") {
  const std::vector<double> sorted = {0, 1, 2, 3};
  CHECK(pq::percentile(sorted, 0.5) == 1.5);
  CHECK(pq::percentile(sorted, 1.0) == 3);
  CHECK(pq::percentile(sorted, 0.9) == Approx(2.7));
}

TEST_CASE("scores: chunks have the BOS that the model adds and score their second half",
          "[evaluation][scores]") {
  std::vector<std::int32_t> tokens(19);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(i);
  const pq::TextChunks chunks = pq::cut_chunks(tokens, 8, 0, 99);
  REQUIRE(chunks.inputs.size() == 2);
  CHECK(chunks.scored() == 3);
  CHECK(chunks.first_scored() == 4);
  CHECK(chunks.inputs[1] == std::vector<std::int32_t>{99, 9, 10, 11, 12, 13, 14, 15});
  CHECK(chunks.targets[0] == std::vector<std::int32_t>{5, 6, 7});
  CHECK(pq::cut_chunks(tokens, 8, 1, -1).inputs[0].front() == 0);
  CHECK_THROWS_WITH(pq::cut_chunks(tokens, 10, 0, -1),
                    Contains("the text has 19 tokens, two chunks of 10 need 20"));
}
