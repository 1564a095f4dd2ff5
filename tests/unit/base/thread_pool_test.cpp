#include "base/thread_pool.hpp"
#include "base/in_order.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <stdexcept>
#include <vector>

using namespace pq;

TEST_CASE("thread pool: the ranges begin at multiples of the grain and cover everything once",
          "[base][unit]") {
  const int threads = GENERATE(1, 2, 5);
  const auto pool = make_thread_pool(threads);
  CHECK(pool->threads() == threads);
  std::vector<std::atomic<int>> visits(1003);
  std::atomic<int> misplaced = 0;
  pool->for_ranges(1003, 10, [&](std::int64_t begin, std::int64_t end) {
    if (begin % 10 != 0 || end != std::min<std::int64_t>(begin + 10, 1003)) ++misplaced;
    for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
  });
  CHECK(misplaced == 0);
  for (const auto& count : visits)
    if (count != 1) FAIL_CHECK("visited " << count << " times");
}

TEST_CASE("thread pool: an empty loop does nothing", "[base][unit]") {
  make_thread_pool(2)->for_ranges(0, 1, [](std::int64_t, std::int64_t) { FAIL("called"); });
}

TEST_CASE("thread pool: an exception of the body comes out", "[base][unit]") {
  const auto pool = make_thread_pool(GENERATE(1, 3));
  const auto loop = [&] {
    pool->for_ranges(100, 1, [](std::int64_t begin, std::int64_t) {
      if (begin == 42) throw std::runtime_error("forty-two");
    });
  };
  CHECK_THROWS_WITH(loop(), "forty-two");
  CHECK_THROWS_WITH(loop(), "forty-two");  // and the pool still works
}

TEST_CASE("thread pool: loops may be nested, and a waiting thread does not enter another outer range",
          "[base][unit]") {
  const auto pool = make_thread_pool(3);
  std::atomic<int> sum = 0, reentered = 0;
  pool->for_ranges(20, 1, [&](std::int64_t, std::int64_t) {
    static thread_local int depth = 0;
    if (++depth > 1) ++reentered;
    pool->for_ranges(50, 1, [&](std::int64_t, std::int64_t) { ++sum; });
    --depth;
  });
  CHECK(sum == 1000);
  CHECK(reentered == 0);
}

TEST_CASE("thread pool: zero asks for what the machine offers", "[base][unit]") {
  CHECK(make_thread_pool(0)->threads() >= 1);
}

TEST_CASE("thread pool: in order, only what the other threads work on lies before a piece", "[base][unit]") {
  const int threads = GENERATE(1, 2, 5);
  const auto pool = make_thread_pool(threads);
  std::vector<std::atomic<int>> visits(1003);
  std::atomic<std::int64_t> finished = 0, ahead = 0;
  for_each_in_order(*pool, 1003, [&](std::int64_t i) {
    if (i - finished >= threads) ++ahead;
    ++visits[static_cast<std::size_t>(i)];
    ++finished;
  });
  CHECK(ahead == 0);
  for (const auto& count : visits)
    if (count != 1) FAIL_CHECK("visited " << count << " times");
}
