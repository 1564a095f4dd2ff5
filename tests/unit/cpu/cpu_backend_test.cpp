#include "base/thread_pool.hpp"
#include "plugin/registry.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>
#include <vector>

namespace pq {
namespace {

// One f32 rounding per product and sum over at most 200 terms of about 1.
constexpr double kTolerance = 200 * 0x1p-23;

struct Table {
  std::int64_t rows, cols;
  std::vector<float> values;
  double at(std::int64_t r, std::int64_t c, bool transposed = false) const {
    return static_cast<double>(values[static_cast<std::size_t>(transposed ? c * cols + r : r * cols + c)]);
  }
};

Table random_table(std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Table table{rows, cols, std::vector<float>(static_cast<std::size_t>(rows * cols))};
  for (float& value : table.values) value = normal(random);
  return table;
}

/// The cpu backend of the build, on a pool of `threads`.
struct Cpu {
  explicit Cpu(int threads) : pool(make_thread_pool(threads)) {
    registry.load_folders(plugin_search_path({}));
    device = registry.backend(Node::scalar("cpu"))->open(0, *pool);
  }
  std::unique_ptr<DeviceMatrix> upload(const Table& table) {
    auto matrix = device->allocate(table.rows, table.cols);
    device->upload({table.values.data(), table.rows, table.cols, table.cols}, *matrix);
    return matrix;
  }
  Table download(const DeviceMatrix& matrix) {
    Table table{matrix.rows(), matrix.cols(),
                std::vector<float>(static_cast<std::size_t>(matrix.rows() * matrix.cols()))};
    device->download(matrix, {table.values.data(), table.rows, table.cols, table.cols});
    return table;
  }
  PluginRegistry registry;
  std::unique_ptr<Executor> pool;
  std::unique_ptr<Device> device;
};

}  // namespace

TEST_CASE("cpu backend: the device names itself, its instruction set and its memory", "[cpu]") {
  Cpu cpu(1);
  CHECK_FALSE(cpu.device->info().name.empty());
  CHECK_FALSE(cpu.device->info().target.empty());
  CHECK(cpu.device->info().memory_bytes > 0);
}

TEST_CASE("cpu backend: gemm equals the sum of products, transposed or not", "[cpu]") {
  const bool ta = GENERATE(false, true), tb = GENERATE(false, true);
  Cpu cpu(2);
  const Table a = ta ? random_table(70, 130, 1) : random_table(130, 70, 1);
  const Table b = tb ? random_table(90, 70, 2) : random_table(70, 90, 2);
  const Table before = random_table(130, 90, 3);
  const auto da = cpu.upload(a), db = cpu.upload(b), dc = cpu.upload(before);
  cpu.device->math().gemm(*da, ta, *db, tb, *dc, 0.5f, 2.0f);
  const Table c = cpu.download(*dc);
  double worst = 0;
  for (std::int64_t i = 0; i < 130; ++i)
    for (std::int64_t j = 0; j < 90; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < 70; ++k) sum += a.at(i, k, ta) * b.at(k, j, tb);
      worst = std::max(worst, std::abs(c.at(i, j) - (0.5 * sum + 2 * before.at(i, j))));
    }
  CHECK(worst < kTolerance);
}

TEST_CASE("cpu backend: gemm with beta 0 does not read what was there", "[cpu]") {
  Cpu cpu(1);
  const Table one{1, 1, {3.0f}}, nan{1, 1, {NAN}};
  const auto a = cpu.upload(one), c = cpu.upload(nan);
  cpu.device->math().gemm(*a, false, *a, false, *c, 1.0f, 0.0f);
  CHECK(cpu.download(*c).values[0] == 9.0f);
}

TEST_CASE("cpu backend: a Gram matrix is exact, symmetric, and the same for any number of threads", "[cpu]") {
  Cpu one(1), three(3);
  const Table x = random_table(50, 150, 4), y = random_table(30, 150, 5);
  const auto gram = [&](Cpu& cpu) {
    const auto dx = cpu.upload(x), dy = cpu.upload(y);
    auto h = cpu.device->allocate(150, 150);
    cpu.device->math().accumulate_gram(*dx, *h);
    cpu.device->math().accumulate_gram(*dy, *h);
    return cpu.download(*h);
  };
  const Table h = gram(one);
  CHECK(h.values == gram(three).values);
  double worst = 0;
  for (std::int64_t i = 0; i < 150; ++i)
    for (std::int64_t j = 0; j < 150; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < 50; ++k) sum += x.at(k, i) * x.at(k, j);
      for (std::int64_t k = 0; k < 30; ++k) sum += y.at(k, i) * y.at(k, j);
      worst = std::max(worst, std::abs(h.at(i, j) - sum));
      CHECK_FALSE(h.at(i, j) != h.at(j, i));
    }
  CHECK(worst < kTolerance);
}

TEST_CASE("cpu backend: U^T U is the inverse, and a matrix that is not positive definite is refused",
          "[cpu]") {
  Cpu cpu(1);
  // h = [4 2; 2 3], h^-1 = [3 -2; -2 4] / 8, so U = [sqrt(3/8), -2/8 / sqrt(3/8); 0, sqrt(4/8 - 1/6)].
  const auto h = cpu.upload({2, 2, {4, 2, 2, 3}});
  auto u = cpu.device->allocate(2, 2);
  REQUIRE(cpu.device->math().cholesky_inverse_upper(*h, *u));
  const Table found = cpu.download(*u);
  CHECK(found.at(0, 0) == Approx(std::sqrt(3.0 / 8)));
  CHECK(found.at(0, 1) == Approx(-0.25 / std::sqrt(3.0 / 8)));
  CHECK(found.at(1, 0) == 0);
  CHECK(found.at(1, 1) == Approx(std::sqrt(0.5 - 1.0 / 6)));
  const auto bad = cpu.upload({2, 2, {1, 2, 2, 1}});
  CHECK_FALSE(cpu.device->math().cholesky_inverse_upper(*bad, *u));
}

}  // namespace pq
