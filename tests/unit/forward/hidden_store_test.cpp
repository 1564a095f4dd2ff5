#include "forward/hidden_store.hpp"

#include "calibration/support.hpp"
#include "forward/tiny_forward.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <numeric>

using namespace pq;
using Catch::Contains;

TEST_CASE("hidden store: memory and file give back what was written, with any stride", "[forward][store]") {
  const bool in_file = GENERATE(false, true);
  const test::TemporaryFolder folder;
  const auto store = in_file ? file_store(10, 3, folder / ".") : memory_store(10, 3);
  std::vector<float> values(40);
  std::iota(values.begin(), values.end(), 1.0f);
  store->write(0, ConstMatrix{values.data(), 10, 3, 4});
  store->write(4, ConstMatrix{values.data(), 2, 3, 3});
  std::vector<float> back(30);
  store->read(0, Matrix{back.data(), 10, 3, 3});
  CHECK(back[2] == 3);
  CHECK(back[3] == 5);
  CHECK(back[12] == 1);
  CHECK(back[15] == 4);
  CHECK(back[29] == 39);
  std::vector<float> wide(8, -1);
  store->read(9, Matrix{wide.data(), 1, 3, 8});
  CHECK(wide[0] == 37);
  CHECK(wide[3] == -1);
}

TEST_CASE("hidden store: nothing is left in the folder of a file", "[forward][store]") {
  const test::TemporaryFolder folder;
  const auto store = file_store(10, 3, folder / ".");
  CHECK(std::filesystem::is_empty(folder / "."));
}

TEST_CASE("hidden store: a folder that is not there is refused, with its name", "[forward][store]") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_AS(file_store(1, 1, folder / "none"), ResourceError);
  CHECK_THROWS_WITH(file_store(1, 1, folder / "none"), Contains("none: cannot make a file for activations"));
  CHECK_THROWS_WITH(file_store(std::int64_t{1} << 40, 1 << 10, folder / "."), Contains("the activations of"));
}

TEST_CASE("hidden store: a model has the same logits from a file", "[forward][store]") {
  const tiny::Expected expected = tiny::expected_logits("llama");
  tiny::Runner runner(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"));
  const test::TemporaryFolder folder;
  ForwardPass pass(runner.model(), runner.weights(), runner.device(), runner.pool());
  const std::vector<std::vector<std::int32_t>> texts = {expected.tokens};
  const std::vector<Batch> batches = make_batches(texts, 4096);
  std::vector<float> logits;
  ForwardPass::Wanted wanted;
  wanted.head_rows = 7;  // as Runner has it
  wanted.logits = [&](std::size_t, std::int64_t, const DeviceMatrix& rows) {
    const std::vector<float> part = tiny::downloaded(runner.device(), rows);
    logits.insert(logits.end(), part.begin(), part.end());
  };
  const auto rows = static_cast<std::int64_t>(expected.tokens.size());
  pass.run(batches, *hidden_store(rows, runner.model().hidden_cols(), 0, folder / "."), wanted);
  CHECK(logits == runner.logits({expected.tokens}));
}
