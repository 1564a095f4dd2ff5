#include "evaluation/difference.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <vector>

using namespace pq;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Difference difference_of(const std::vector<float>& a, const std::vector<float>& b) {
  Difference result;
  const auto width = static_cast<std::int64_t>(a.size());
  result.add(ConstMatrix{a.data(), 1, width, width}, ConstMatrix{b.data(), 1, width, width});
  return result;
}

}  // namespace

TEST_CASE("difference: the relative error is the squared error over the squared reference",
          "[evaluation][unit]") {
  const Difference d = difference_of({3, 4, 0}, {3, 2, 1});  // errors 0, 2, 1; reference 9 + 16
  CHECK(d.weights == 3);
  CHECK(d.squared_error == 5);
  CHECK(d.squared_reference == 25);
  CHECK(d.relative_error() == 0.2);
  CHECK(d.rmse() == std::sqrt(5.0 / 3));
  CHECK(d.max_abs == 2);
}

TEST_CASE("difference: rows of any length are summed completely", "[evaluation][unit]") {
  const auto length = GENERATE(range(0, 20));
  const std::vector<float> a(static_cast<std::size_t>(length), 2.0f),
      b(static_cast<std::size_t>(length), 1.0f);
  CHECK(difference_of(a, b).squared_error == length);
  CHECK(difference_of(a, b).squared_reference == 4 * length);
}

TEST_CASE("difference: equal weights have no error, also if all are zero", "[evaluation][unit]") {
  CHECK(difference_of({1, -2}, {1, -2}).relative_error() == 0);
  CHECK(difference_of({0, 0}, {0, -0.0f}).relative_error() == 0);
  CHECK(Difference().relative_error() == 0);
  CHECK(Difference().rmse() == 0);
}

TEST_CASE("difference: any weight against zeros is an infinite error", "[evaluation][unit]") {
  CHECK(std::isinf(difference_of({0, 0}, {0, 1}).relative_error()));
}

TEST_CASE("difference: the largest f32 values do not overflow", "[evaluation][unit]") {
  const float huge = std::numeric_limits<float>::max();
  CHECK(difference_of({huge, huge}, {-huge, huge}).relative_error() == 2);
  CHECK(difference_of({huge}, {-huge}).non_finite == 0);
}

TEST_CASE("difference: NaN and infinities on one side are counted and spoil the figures",
          "[evaluation][unit]") {
  const Difference d = difference_of({1, 2, kInfinity, 4}, {1, kNan, 3, 5});
  CHECK(d.non_finite == 2);
  CHECK(d.squared_error == 1);
  CHECK(d.squared_reference == 17);
  CHECK(std::isnan(d.relative_error()));
  CHECK(std::isnan(d.rmse()));
}

TEST_CASE("difference: the same NaN or infinity on both sides is no difference", "[evaluation][unit]") {
  const Difference d = difference_of({kNan, kInfinity, -kInfinity, 2}, {kNan, kInfinity, -kInfinity, 2});
  CHECK(d.non_finite == 0);
  CHECK(d.relative_error() == 0);
  CHECK(difference_of({kInfinity}, {-kInfinity}).non_finite == 1);
}
