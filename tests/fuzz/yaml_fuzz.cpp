// Any bytes as a pipeline file and as a recipe: parsed, or refused with an error of ours.
#include "allocation/recipe.hpp"
#include "config/pipeline.hpp"
#include "config/yaml.hpp"

#include <polyquant/base/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

template <class Action>
void expect_own_errors(Action&& action) {
  try {
    action();
  } catch (const pq::Error& error) {
    if (error.exit_code() == 1) throw;  // an internal error is a defect
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pq::Node root;
  expect_own_errors([&] {
    root = pq::parse_yaml({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
    pq::apply_override(root, "outputs.0.to=x");
  });
  expect_own_errors([&] { pq::parse_pipeline(root, "/base"); });
  expect_own_errors([&] { pq::parse_recipe(root, "fuzz"); });
  return 0;
}
