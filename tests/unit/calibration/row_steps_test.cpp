// Rows that two series have in common.
#include "calibration/row_steps.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace pq;

namespace {

std::set<std::int64_t> rows_of(const RowSteps& steps) {
  std::set<std::int64_t> rows;
  for (std::int64_t i = 0; i < steps.count; ++i) rows.insert(steps.first + i * steps.step);
  return rows;
}

}  // namespace

TEST_CASE("row steps: the common rows are those that a list of both has", "[calibration]") {
  const RowSteps a{GENERATE(0, 1, 5, 12), GENERATE(0, 1, 2, 7), GENERATE(1, 2, 3, 4, 6)};
  const RowSteps b{GENERATE(0, 3, 8), GENERATE(1, 3, 9), GENERATE(1, 2, 5, 6)};
  INFO(a.first << " " << a.count << " " << a.step << ", " << b.first << " " << b.count << " " << b.step);
  std::set<std::int64_t> expected;
  for (const std::int64_t row : rows_of(a))
    if (rows_of(b).contains(row)) expected.insert(row);
  CHECK(rows_of(common_rows(a, b)) == expected);
}
