// The rule by which a plan counts the memory of a pass: what each thread holds, and windows of mapped files.
#include "plan/pass_memory.hpp"

#include "plan/estimate.hpp"
#include "run/bench.hpp"

#include <catch2/catch.hpp>

namespace pq {
namespace {

constexpr std::uint64_t kMiB = 1 << 20, kOwn = kMiB / 2, kWindow = 8 * kMiB;

/// A model of one matrix without its weights.
class HeaderOnly final : public ModelReader {
 public:
  explicit HeaderOnly(const Shape& shape) {
    TensorInfo info{"a", shape, "bf16", 0, "memory", 0};
    info.row_bytes = static_cast<std::uint64_t>(cols(shape)) * 2;
    header_.tensors.push_back(std::move(info));
  }
  const ModelHeader& header() const override { return header_; }
  Bytes rows(std::size_t, std::int64_t, std::int64_t, std::vector<std::byte>&) const override { return {}; }

 private:
  ModelHeader header_;
};

struct Fixture {
  std::vector<test::MemoryDisk> disks{1};
  test::Bench bench;
  std::shared_ptr<ModelView> view;
  Fixture(const std::string& encoding, const Shape& shape) : bench(disks, {encoding}) {
    const auto reader = std::make_shared<HeaderOnly>(shape);
    view = std::make_shared<ModelView>(*make_view(reader, "memory", Dialect::huggingface, {}));
    PlannedOutput& output = bench.plan.outputs[0];
    output.view = view;
    output.tensors.resize(1);
    output.layout.tensors.resize(1);
    output.model.tensors.resize(1);
    output.model.tensors[0].shape = shape;
    output.model.tensors[0].row_bytes = output.tensors[0].encoding->row_bytes(cols(shape));
    bench.plan.reader = reader;
    estimate(bench.plan, 1);
  }
  PassMemory memory(int threads) const { return pass_memory(bench.plan, threads); }
};

}  // namespace

TEST_CASE("pass memory: each thread holds a chunk as it is stored, decoded and encoded", "[plan]") {
  const Fixture q8("q8_0", {1 << 16, 4096});  // chunks of 64 rows are 2^18 weights
  const std::uint64_t chunk = kMiB / 4;       // weights
  const std::uint64_t one = chunk * 2 + chunk * 4 + chunk * 34 / 32 + kOwn;
  CHECK(q8.memory(1).threads == one);
  CHECK(q8.memory(32).threads == 32 * one);
  const Fixture copied("bf16", {1 << 16, 4096});
  CHECK(copied.memory(4).threads == 4 * (chunk * 2 + chunk * 4 + kOwn));
}

TEST_CASE("pass memory: windows of mapped files do not grow with the threads, which work side by side",
          "[plan]") {
  const Fixture q8("q8_0", {1 << 16, 4096});
  const std::uint64_t stored = kMiB / 2;  // of a chunk
  CHECK(q8.memory(1).mapped == 2 * kWindow + stored);
  CHECK(q8.memory(2).mapped == 3 * kWindow + 2 * stored);
  CHECK(q8.memory(32).mapped == 3 * kWindow + 32 * stored);
  const Fixture small("q8_0", {256, 4096});
  CHECK(small.memory(32).mapped == 2 * kMiB);  // all of the file
}

TEST_CASE("pass memory: columns that are stored as rows need all of their matrix", "[plan]") {
  Fixture turned("q8_0", {4, 4096, 4096});
  CHECK(turned.memory(1).mapped == 2 * kWindow + kMiB / 2);
  turned.view->tensors[0].transpose = true;
  CHECK(turned.memory(1).mapped == 2 * kWindow + 4096 * 4096 * 2);
}

}  // namespace pq
