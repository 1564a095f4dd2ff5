#include "evaluation/pieces.hpp"

#include "model/view.hpp"

#include <catch2/catch.hpp>

namespace pq {
namespace {

ViewTensor transposed(Shape shape) {
  ViewTensor tensor;
  tensor.shape = std::move(shape);
  tensor.transpose = true;
  return tensor;
}

/// Remembers what is released.
class ReleaseReader final : public ModelReader {
 public:
  explicit ReleaseReader(Shape shape) {
    header_.tensors.push_back({"w", std::move(shape), "bf16", 0, "w", 0});
  }
  const ModelHeader& header() const override { return header_; }
  Bytes rows(std::size_t, std::int64_t, std::int64_t, std::vector<std::byte>&) const override { return {}; }
  void release(std::size_t, std::int64_t first, std::int64_t count) const override {
    released.emplace_back(first, count);
  }
  mutable std::vector<std::pair<std::int64_t, std::int64_t>> released;

 private:
  ModelHeader header_;
};

using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

}  // namespace

TEST_CASE("pieces: a tensor without weights has no rows, whatever its shape claims", "[evaluation][unit]") {
  CHECK(weight_rows({std::int64_t{1} << 33, 0}) == 0);
  CHECK(weight_rows({3, 4}) == 3);
  CHECK(weight_rows({4}) == 1);
}

TEST_CASE("pieces: a transposed matrix is read whole, a large one in few parts", "[evaluation][unit]") {
  CHECK(piece_rows(transposed({8, 1000, 2000})) == 1000);
  CHECK(rows_at_a_time(transposed({8192, 8192}), 1 << 18) == 512);  // 16 MiB
  CHECK(rows_at_a_time(transposed({65536, 65536}), 1 << 18) == 65536 / 32);
  ViewTensor plain;
  plain.shape = {1000, 2000};
  CHECK(rows_at_a_time(plain, 1 << 18) == 131);
}

TEST_CASE("pieces: behind rows of a transposed matrix lie all stored rows of it", "[evaluation][unit]") {
  const auto reader = std::make_shared<ReleaseReader>(Shape{2, 30, 40});
  ModelView view;
  view.reader = reader;
  SECTION("transposed as a whole") {
    view.tensors.push_back(transposed({2, 40, 30}));
    view.tensors[0].map.parts = {{0, 0, 60, 1, 1, false}};
  }
  SECTION("columns of what is stored") {
    ViewTensor tensor;
    tensor.shape = {2, 40, 30};
    tensor.map.parts = {{0, 0, 80, 1, 1, true}};
    view.tensors.push_back(tensor);
  }
  release_rows(view, 0, 10, 20);
  release_rows(view, 0, 50, 3);
  release_rows(view, 0, 39, 2);
  CHECK(reader->released == Ranges{{0, 30}, {30, 30}, {0, 60}});
}

}  // namespace pq
