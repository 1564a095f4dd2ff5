#include "plan/check_layout.hpp"

#include "built_plugins.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

namespace pq {
namespace {

using Catch::Contains;

void check(const OutputLayout& layout) {
  check_layout(layout, 2, *test::registry().format(Node::scalar("gguf")), test::registry());
}

}  // namespace

TEST_CASE("layout: a place in a file for every tensor is accepted", "[plan]") {
  CHECK_NOTHROW(check({{{"a.gguf", 100}, {"b.gguf", 100}}, {{0, 32, 16}, {1, 32, 16}}}));
}

TEST_CASE("layout: tensors without a place are a defect of the plugin, which is named", "[plan]") {
  CHECK_THROWS_AS(check({{{"a.gguf", 100}}, {{0, 32, 16}}}), PluginError);
  CHECK_THROWS_WITH(
      check({{{"a.gguf", 100}}, {{0, 32, 16}}}),
      Contains("plugin 'gguf' (") && Contains("gguf.so): format 'gguf' lays out 1 tensors of 2"));
  CHECK_THROWS_WITH(check({{{"a.gguf", 100}}, {{}, {}, {}}}), Contains("lays out 3 tensors of 2"));
}

TEST_CASE("layout: a place in a file that is not there is a defect of the plugin", "[plan]") {
  CHECK_THROWS_WITH(check({{{"a.gguf", 100}}, {{0, 32, 16}, {1, 48, 16}}}),
                    Contains("puts tensor 1 into file 1 of 1, counted from 0"));
  CHECK_THROWS_WITH(check({{}, {{0, 0, 0}, {0, 0, 0}}}), Contains("lays out no file"));
}

}  // namespace pq
