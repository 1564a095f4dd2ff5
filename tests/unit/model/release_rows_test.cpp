// Giving back the memory of stored rows: which rows, and in how many steps.
#include "model/view.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace pq;

namespace {

/// Remembers what is given back.
class Recorder final : public ModelReader {
 public:
  void add(Shape shape) {
    TensorInfo info;
    info.shape = std::move(shape);
    header_.tensors.push_back(std::move(info));
  }
  const ModelHeader& header() const override { return header_; }
  Bytes rows(std::size_t, std::int64_t, std::int64_t, std::vector<std::byte>&) const override { return {}; }
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    released[tensor] = {first, count};
  }
  mutable std::map<std::size_t, std::pair<std::int64_t, std::int64_t>> released;

 private:
  ModelHeader header_;
};

using Range = std::pair<std::int64_t, std::int64_t>;

}  // namespace

TEST_CASE("release rows: the stored rows behind a part of a stack", "[model]") {
  const auto reader = std::make_shared<Recorder>();
  ModelView view;
  view.reader = reader;
  ViewTensor tensor;
  tensor.shape = {3, 4, 8};
  for (std::size_t expert = 0; expert < 3; ++expert) {
    reader->add({4, 8});
    tensor.map.parts.push_back({expert, 0, 4});
  }
  view.tensors = {tensor};
  release_rows(view, 0, 2, 4);
  CHECK(reader->released == std::map<std::size_t, Range>{{0, {2, 2}}, {1, {0, 2}}});
}

TEST_CASE("release rows: a row that is a column needs all rows of its matrix", "[model]") {
  const auto reader = std::make_shared<Recorder>();
  reader->add({3, 8, 4});
  ModelView view;
  view.reader = reader;
  ViewTensor tensor;
  tensor.shape = {3, 2, 8};
  for (std::int64_t expert = 0; expert < 3; ++expert)
    tensor.map.parts.push_back({0, 4 * expert, 2, 2, 1, true});
  view.tensors = {tensor};
  release_rows(view, 0, 1, 2);
  CHECK(reader->released == std::map<std::size_t, Range>{{0, {0, 16}}});
}

// 1.3 million rows of 20,000 parts: one step per row and part would take minutes.
TEST_CASE("release rows: many experts take no more time than their rows", "[model]") {
  const auto reader = std::make_shared<Recorder>();
  reader->add({20'000, 64, 8});
  ModelView view;
  view.reader = reader;
  ViewTensor tensor;
  tensor.shape = {20'000, 64, 8};
  for (std::int64_t expert = 0; expert < 20'000; ++expert) tensor.map.parts.push_back({0, 64 * expert, 64});
  view.tensors = {tensor};
  release_rows(view, 0, 0, 20'000 * 64);
  CHECK(reader->released == std::map<std::size_t, Range>{{0, {0, 20'000 * 64}}});
}
