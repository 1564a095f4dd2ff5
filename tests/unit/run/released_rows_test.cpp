#include "run/released_rows.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

using namespace pq;

TEST_CASE("released rows: a matrix is given back when the next one is read, the last one at the end",
          "[run]") {
  const std::array<float, 4> values = {1, 2, 3, 4};
  const ConstMatrix all{values.data(), 2, 2, 2};
  std::string released;
  const auto in_memory = std::make_shared<ReleasedRows::InMemory>();
  const auto matrix = [&](char name) {
    return ReleasedRows(
        std::make_unique<RowsInMemory>(all), [&released, name] { released += name; }, in_memory);
  };
  const ReleasedRows a = matrix('a'), b = matrix('b');
  CHECK(a.rows() == 2);
  CHECK(a.cols() == 2);
  std::array<float, 2> row = {};
  for (const std::int64_t r : {0, 1}) a.read(r, {row.data(), 1, 2, 2});
  CHECK(row == std::array<float, 2>{3, 4});
  CHECK(released.empty());
  b.read(0, {row.data(), 1, 2, 2});
  CHECK(released == "a");
  a.read(0, {row.data(), 1, 2, 2});
  CHECK(released == "ab");
  in_memory->release();
  in_memory->release();
  CHECK(released == "aba");
}
