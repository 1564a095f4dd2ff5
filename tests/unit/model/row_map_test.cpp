#include "model/view.hpp"

#include <catch2/catch.hpp>

using namespace pq;

namespace {

std::vector<std::int64_t> sources(const RowMap& map, std::int64_t rows) {
  std::vector<std::int64_t> list;
  for (std::int64_t r = 0; r < rows; ++r) list.push_back(map.source(r).second);
  return list;
}

}  // namespace

// LlamaModel.permute of convert_hf_to_gguf.py: with heads of 4 rows both orders are the same, with 8 they are not.
TEST_CASE("row map: the rotary order and its inverse", "[model][layout]") {
  RowMap map;
  map.parts = {{0, 0, 16, 1}};
  map.head_rows = 8;
  map.order = RowMap::Order::rotary_to_pairs;
  CHECK(sources(map, 16) == std::vector<std::int64_t>{0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15});
  map.order = RowMap::Order::rotary_to_halves;
  CHECK(sources(map, 8) == std::vector<std::int64_t>{0, 2, 4, 6, 1, 3, 5, 7});
}

TEST_CASE("row map: parts follow one another, with steps", "[model]") {
  RowMap map;
  map.parts = {{3, 10, 2, 1}, {5, 1, 3, 2}};
  CHECK(map.source(1) == std::pair<std::size_t, std::int64_t>{3, 11});
  CHECK(map.source(2) == std::pair<std::size_t, std::int64_t>{5, 1});
  CHECK(map.source(4) == std::pair<std::size_t, std::int64_t>{5, 5});
}
