#include "run/figures.hpp"

#include <catch2/catch.hpp>

#include <limits>

namespace pq {

TEST_CASE("figures: sums of a tensor's rows are added by name", "[run][unit]") {
  std::vector<QuantFigure> tensor;
  add_figures({{"loss", 1, 4}, {"damping", 0.01, 1}}, tensor);
  add_figures({{"damping", 0.01, 1}, {"loss", 2, 2}}, tensor);
  REQUIRE(tensor.size() == 2);
  CHECK(tensor[0].name == "loss");
  CHECK(value_of(tensor[0]) == 0.5);
  CHECK(value_of(tensor[1]) == 0.01);
}

TEST_CASE("figures: those that JSON cannot hold are told apart", "[run][unit]") {
  CHECK(is_finite({"loss", 1, 2}));
  CHECK_FALSE(is_finite({"loss", std::numeric_limits<double>::quiet_NaN(), 2}));
  CHECK_FALSE(is_finite({"loss", 1, std::numeric_limits<double>::infinity()}));
}

TEST_CASE("figures: what was never measured is 0", "[run][unit]") { CHECK(value_of({"loss", 0, 0}) == 0); }

}  // namespace pq
