#include "evaluation/support.hpp"

#include "base/thread_pool.hpp"
#include "evaluation/check_model.hpp"
#include "evaluation/statistics.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using namespace pq;
using namespace pq::test;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TensorStatistics statistics_of(const std::vector<float>& weights, std::int64_t width, int threads = 1) {
  const auto read = [&](std::int64_t first, Matrix out) {
    std::copy_n(weights.begin() + first * width, out.rows * width, out.data);
  };
  const auto pool = make_thread_pool(threads);
  return tensor_statistics({static_cast<std::int64_t>(weights.size()) / width, width}, read, *pool);
}

}  // namespace

TEST_CASE("statistics: figures of a small matrix", "[evaluation][unit]") {
  const TensorStatistics s = statistics_of({1, -3, 0, 4, -0.0f, 4}, 2);
  CHECK(s.weights == 6);
  CHECK(s.smallest == -3);
  CHECK(s.largest == 4);
  CHECK(s.mean() == 1);
  CHECK(s.rms() == std::sqrt(42.0 / 6));
  CHECK(s.zeros == 2);
}

TEST_CASE("statistics: NaN and infinities are counted and left out", "[evaluation][unit]") {
  const TensorStatistics s = statistics_of({kNan, 2, kInfinity, -kInfinity}, 1);
  CHECK(s.nan == 1);
  CHECK(s.infinite == 2);
  CHECK(s.smallest == 2);
  CHECK(s.largest == 2);
  CHECK(s.mean() == 2);
}

TEST_CASE("statistics: without finite weights all figures are zero", "[evaluation][unit]") {
  const TensorStatistics s = statistics_of({kNan, kNan}, 1);
  CHECK(s.largest == 0);
  CHECK(s.mean() == 0);
  CHECK(s.rms() == 0);
}

TEST_CASE("statistics: the same for any number of threads", "[evaluation][unit]") {
  std::vector<float> weights(600 * 512);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 1013) * 0.37f - 100;
  CHECK(statistics_of(weights, 512, 1).sum == statistics_of(weights, 512, 3).sum);
  CHECK(statistics_of(weights, 512, 1).sum_of_squares == statistics_of(weights, 512, 3).sum_of_squares);
}

TEST_CASE("check: a damaged tensor is named once with its rows, an unknown encoding is said",
          "[evaluation][unit]") {
  MemoryModel model;
  model.add("good", {2, 1}, {1, 2}).add("bad", {3, 1}, {1, kNan, kNan}).add("codes", {1}, {1}, "u32");
  const auto pool = make_thread_pool(2);
  const ModelCheck check = check_model(model, only_f32, *pool);
  REQUIRE(check.problems.size() == 1);
  CHECK(check.problems[0] == "memory: tensor 'bad', rows 0 to 2: a weight is NaN");
  REQUIRE(check.unchecked.size() == 1);
  CHECK(check.unchecked[0] == "tensor 'codes': no plugin knows the encoding u32");
}
