#include "forward/activation_modes.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using namespace pq;

TEST_CASE("activation modes: names and modes belong together", "[forward]") {
  for (const std::string_view name : kActivationModes) CHECK(name_of(activation_mode(name)) == name);
  CHECK(activation_mode("f32") == ActivationMode::exact);
  CHECK(activation_mode("engine") == ActivationMode::engine);
}

TEST_CASE("activation modes: a name of none is a defect, not a mode without a name", "[forward]") {
  CHECK_THROWS_AS(activation_mode("f16"), InternalError);
  CHECK_THROWS_AS(activation_mode(""), InternalError);
}
