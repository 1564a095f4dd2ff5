#include "run/row_measures.hpp"

#include "codec/targets.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <random>
#include <vector>

using namespace pq;

namespace {

std::vector<float> random_row(std::size_t size, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> row(size);
  for (float& w : row) w = normal(engine);
  return row;
}

}  // namespace

TEST_CASE("row_error: every instruction set gives the bits of the definition", "[run][unit]") {
  for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 64u, 1003u}) {
    const std::vector<float> wanted = random_row(size, 1), got = random_row(size, 2);
    const RowError expected = row_error_reference(wanted, got);
    codec_test::for_each_target([&] {
      const RowError found = row_error(wanted, got);
      CHECK(found.squared_error == expected.squared_error);
      CHECK(found.squared_weight == expected.squared_weight);
    });
  }
}

TEST_CASE("row_error: sums of squares, by hand", "[run][unit]") {
  const RowError sum = row_error(std::vector<float>{3, -1, 0}, std::vector<float>{1, -1, 0.5});
  CHECK(sum.squared_error == 4.25);
  CHECK(sum.squared_weight == 10);
}

TEST_CASE("row_is_finite: one NaN or infinity anywhere is found", "[run][unit]") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kLargest = std::numeric_limits<float>::max();
  codec_test::for_each_target([&] {
    CHECK(row_is_finite({}));
    CHECK(row_is_finite(std::vector<float>(37, -kLargest)));
    for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()})
      for (std::size_t at = 0; at < 37; ++at) {
        std::vector<float> row(37, 1.0f);
        row[at] = bad;
        CHECK_FALSE(row_is_finite(row));
      }
  });
}
