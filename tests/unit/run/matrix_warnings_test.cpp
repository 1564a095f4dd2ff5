#include "run/matrix_warnings.hpp"

#include <catch2/catch.hpp>

namespace pq {
namespace {

TensorRun stack(std::size_t matrices, std::size_t chunks) {
  TensorRun run;
  run.matrices = std::vector<MatrixRun>(matrices);
  run.chunks.resize(chunks);
  return run;
}

}  // namespace

TEST_CASE("warnings of a run: a sentence on experts of a stack names them all", "[run][unit]") {
  MatrixWarnings warnings(stack(4, 8));
  warnings.add(2, {"no token reached it"});
  warnings.add(3, {"no token reached it", "damping was raised"});
  warnings.add(6, {"no token reached it"});
  CHECK(warnings.take() ==
        std::vector<std::string>{"no token reached it (matrices 1, 3 of 4 in the stack, counted from 0)",
                                 "damping was raised (matrix 1 of 4 in the stack, counted from 0)"});
}

TEST_CASE("warnings of a run: of more than eight experts the first are named", "[run][unit]") {
  MatrixWarnings warnings(stack(128, 128));
  for (std::size_t expert = 1; expert < 9; ++expert) warnings.add(expert, {"zero"});
  CHECK(warnings.take().front() ==
        "zero (matrices 1, 2, 3, 4, 5, 6, 7, 8 of 128 in the stack, counted from 0)");
  for (std::size_t expert = 9; expert < 124; ++expert) warnings.add(expert, {"zero"});
  CHECK(warnings.take().front() ==
        "zero (matrices 1, 2, 3, ... and 120 more of 128 in the stack, counted from 0)");
}

TEST_CASE("warnings of a run: a sentence on all experts does not count them up", "[run][unit]") {
  MatrixWarnings warnings(stack(2, 2));
  warnings.add(0, {"zero"});
  warnings.add(1, {"zero"});
  CHECK(warnings.take() == std::vector<std::string>{"zero (all 2 matrices of the stack)"});
}

TEST_CASE("warnings of a run: those of one matrix are as they were said, once", "[run][unit]") {
  MatrixWarnings warnings(stack(1, 3));
  warnings.add(0, {"zero"});
  warnings.add(2, {"zero"});
  CHECK(warnings.take() == std::vector<std::string>{"zero"});
}

TEST_CASE("warnings of a run: a tensor without rows has none", "[run][unit]") {
  CHECK(MatrixWarnings(stack(0, 0)).take().empty());
}

}  // namespace pq
