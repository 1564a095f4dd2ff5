#include "evaluation/support.hpp"

#include "base/thread_pool.hpp"
#include "evaluation/compare_models.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace pq;
using namespace pq::test;

namespace {

Comparison compare(const MemoryModel& a, const MemoryModel& b, int threads = 1) {
  const auto pool = make_thread_pool(threads);
  return compare_models(view_of(a), view_of(b), only_f32, *pool);
}

std::vector<float> random_weights(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> weights(count);
  for (float& w : weights) w = static_cast<float>(random()) * 0x1p-32f - 0.5f;
  return weights;
}

}  // namespace

TEST_CASE("compare: tensors are matched by name, in the order of A", "[evaluation][unit]") {
  MemoryModel a, b;
  a.add("x", {1, 2}, {3, 4}).add("y", {2}, {1, 1});
  b.add("y", {2}, {1, 2}).add("x", {1, 2}, {3, 4});
  const Comparison result = compare(a, b);
  REQUIRE(result.tensors.size() == 2);
  CHECK(result.tensors[0].name == "x");
  CHECK(result.tensors[0].difference.relative_error() == 0);
  CHECK(result.tensors[1].difference.relative_error() == 0.5);
  CHECK(result.total.relative_error() == 1.0 / 27);
  CHECK(result.not_compared.empty());
}

TEST_CASE("compare: what cannot be compared is listed with the reason", "[evaluation][unit]") {
  MemoryModel a, b;
  a.add("gone", {1}, {1}).add("turned", {1, 2}, {1, 2}).add("codes", {1}, {1}, "u32").add("same", {1}, {1});
  b.add("same", {1}, {1}).add("new", {1}, {1}).add("codes", {1}, {1}).add("turned", {2, 1}, {1, 2});
  const Comparison result = compare(a, b);
  REQUIRE(result.tensors.size() == 1);
  REQUIRE(result.not_compared.size() == 4);
  CHECK(result.not_compared[0].reason == "only in A");
  CHECK(result.not_compared[1].reason == "shape [1, 2] in A, [2, 1] in B");
  CHECK(result.not_compared[2].reason == "no plugin decodes u32");
  CHECK(result.not_compared[3].name == "new");
  CHECK(result.not_compared[3].reason == "only in B");
}

TEST_CASE("compare: codes that nobody decodes are equal or unlike", "[evaluation][unit]") {
  MemoryModel a, b;
  a.add("same", {2}, {1, 2}, "u32").add("other", {2}, {1, 2}, "u32");
  b.add("same", {2}, {1, 2}, "u32").add("other", {2}, {1, 3}, "u32");
  const Comparison result = compare(a, b);
  REQUIRE(result.tensors.size() == 2);
  CHECK(result.tensors[0].difference.relative_error() == 0);
  CHECK(result.tensors[1].difference.non_finite == 2);
}

TEST_CASE("compare: the sums do not depend on the number of threads", "[evaluation][unit]") {
  constexpr std::size_t kWeights = 700 * 300;  // several pieces
  MemoryModel a, b;
  a.add("x", {700, 300}, random_weights(kWeights, 1)).add("y", {300, 700}, random_weights(kWeights, 2));
  b.add("x", {700, 300}, random_weights(kWeights, 3)).add("y", {300, 700}, random_weights(kWeights, 4));
  const Comparison one = compare(a, b, 1), many = compare(a, b, 4);
  CHECK(one.total.squared_error == many.total.squared_error);
  CHECK(one.total.squared_reference == many.total.squared_reference);
  CHECK(one.tensors[1].difference.squared_error == many.tensors[1].difference.squared_error);
  // Uniform in [-0.5, 0.5): E(a - b)^2 = 1/6, E(a^2) = 1/12, so their quotient is 2; four standard deviations at this size are 0.02.
  CHECK(one.total.relative_error() == Approx(2.0).margin(0.02));
  CHECK(one.total.weights == 2 * static_cast<std::int64_t>(kWeights));
}

TEST_CASE("compare: a view's row order and addition are respected", "[evaluation][unit]") {
  MemoryModel stored, plain;
  stored.add("x", {4, 1}, {1, 3, 2, 4});
  plain.add("x", {4, 1}, {11, 12, 13, 14});
  ModelView a = view_of(stored), b = view_of(plain);
  a.tensors[0].map.order =
      RowMap::Order::rotary_to_pairs;  // rows 2j + s of a head come from s * head_rows / 2 + j
  a.tensors[0].map.head_rows = 4;
  a.tensors[0].add = 10;
  const auto pool = make_thread_pool(1);
  CHECK(compare_models(a, b, only_f32, *pool).total.squared_error == 0);
}

TEST_CASE("compare: a transposed matrix is compared as a whole", "[evaluation][unit]") {
  MemoryModel stored, plain;
  stored.add("x", {2, 3}, {1, 2, 3, 4, 5, 6});
  plain.add("x", {3, 2}, {1, 4, 2, 5, 3, 6});
  ModelView a = view_of(stored);
  a.tensors[0].transpose = true;
  a.tensors[0].shape = {3, 2};
  const auto pool = make_thread_pool(2);
  const Comparison result = compare_models(a, view_of(plain), only_f32, *pool);
  CHECK(result.total.squared_error == 0);
  CHECK(result.total.squared_reference == 91);
}
