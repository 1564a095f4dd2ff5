#include "base/interrupt.hpp"
#include "base/thread_pool.hpp"
#include "plugin/registry.hpp"
#include "run/memory_model.hpp"
#include "run/run.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

namespace pq {
namespace {

using test::MemoryDisk;
using test::MemoryFormat;
using test::MemoryReader;

constexpr std::int64_t kRows = 40, kCols = 64;

const PluginRegistry& registry() {
  static PluginRegistry instance;
  static const bool loaded = (instance.load_folders(plugin_search_path({})), true);
  static_cast<void>(loaded);
  return instance;
}

/// A model of two matrices and one output per disk, cut into chunks of four rows.
struct Bench {
  std::shared_ptr<MemoryReader> reader = std::make_shared<MemoryReader>();
  std::filesystem::path folder;
  Plan plan;

  explicit Bench(std::vector<MemoryDisk>& disks, const std::vector<std::string>& encodings) {
    folder =
        std::filesystem::temp_directory_path() / ("polyquant-run-" + std::to_string(std::random_device{}()));
    std::filesystem::create_directories(folder);
    reader->add("a", {kRows, kCols}, "bf16", test::random_bf16(kRows * kCols, 1));
    reader->add("b", {kRows, kCols}, "bf16", test::random_bf16(kRows * kCols, 2));
    const auto view = make_view(reader, "memory", Dialect::huggingface, {});
    plan.reader = reader;
    plan.model = folder / "model";
    plan.backend = registry().backend(Node::scalar("cpu"));
    plan.chunk_weights = 4 * kCols;
    for (std::size_t i = 0; i < disks.size(); ++i)
      plan.outputs.push_back(output(disks[i], view, encodings[i], i));
  }
  ~Bench() { std::filesystem::remove_all(folder); }

  /// One more tensor, which no writer has to write.
  void add_empty(std::int64_t rows) {
    PlannedOutput& output = plan.outputs.front();
    auto view = std::make_shared<ModelView>(*output.view);
    view->tensors.push_back(view->tensors.back());
    view->tensors.back().name = "c";
    view->tensors.back().shape = {rows, 0};
    output.view = view;
    output.model.tensors.push_back({"c", {rows, 0}, "bf16", 0});
    output.tensors.push_back(output.tensors.back());
    output.tensors.back().view_index = 2;
    output.layout = output.format->layout(output.to, output.model);
  }

  PlannedOutput output(MemoryDisk& disk, const std::shared_ptr<const ModelView>& view,
                       const std::string& spec, std::size_t index) {
    PlannedOutput result;
    result.to = folder / ("out" + std::to_string(index));
    result.format = std::make_shared<MemoryFormat>(disk);
    result.view = view;
    result.quantizer = registry().quantizer(Node::scalar("rtn"));
    const auto encoding = registry().encoding(Node::scalar(spec));
    for (std::size_t i = 0; i < view->tensors.size(); ++i) {
      const ViewTensor& tensor = view->tensors[i];
      result.model.tensors.push_back(
          {tensor.name, tensor.shape, spec, encoding->row_bytes(cols(tensor.shape))});
      result.tensors.push_back({i,
                                encoding,
                                registry().find_encoding("bf16"),
                                spec == "bf16" ? Route::copy : Route::quantize,
                                {}});
    }
    result.layout = result.format->layout(result.to, result.model);
    return result;
  }
};

RunResult run(const Plan& plan, int threads, const Progress& progress = {}) {
  const auto pool = make_thread_pool(threads);
  return execute(plan, *pool, {}, progress);
}

}  // namespace

TEST_CASE("execute: one pass writes several outputs and reads each row once", "[run]") {
  std::vector<MemoryDisk> disks(2);
  Bench bench(disks, {"q8_0", "q4_0"});
  const RunResult result = run(bench.plan, 1);
  CHECK(disks[0].sealed);
  CHECK(disks[1].sealed);
  CHECK(bench.reader->reads == 2 * kRows / 4);
  CHECK(result.outputs[0].relative_error() > 0);
  CHECK(result.outputs[0].relative_error() < 1e-4);
  CHECK(result.outputs[1].relative_error() > result.outputs[0].relative_error());
}

TEST_CASE("execute: bytes and figures do not depend on the number of threads", "[run]") {
  std::vector<MemoryDisk> one(1), three(1);
  Bench a(one, {"q4_0"}), b(three, {"q4_0"});
  const double first = run(a.plan, 1).outputs[0].relative_error();
  const double second = run(b.plan, 3).outputs[0].relative_error();
  CHECK(first == second);
  CHECK(one[0].content->data(0) == three[0].content->data(0));
  CHECK(one[0].content->data(1) == three[0].content->data(1));
}

TEST_CASE("execute: a copied tensor keeps its bytes and has no error", "[run]") {
  std::vector<MemoryDisk> disks(1);
  Bench bench(disks, {"bf16"});
  const RunResult result = run(bench.plan, 2);
  CHECK(disks[0].content->data(1) == bench.reader->data(1));
  CHECK(result.outputs[0].relative_error() == 0);
  CHECK(result.outputs[0].tensors[1].exact_rows == kRows);
}

TEST_CASE("execute: a NaN weight is refused with tensor and row, and nothing is left", "[run]") {
  std::vector<MemoryDisk> disks(1);
  Bench bench(disks, {"q4_0"});
  store(bench.reader->data(1).data() + 2 * (17 * kCols + 3), std::uint16_t{0x7FC0});
  CHECK_THROWS_WITH(run(bench.plan, 2), Catch::Contains("'b'") && Catch::Contains("row 17"));
  CHECK_FALSE(disks[0].sealed);
  CHECK_FALSE(disks[0].exists);
  CHECK(std::filesystem::is_empty(bench.folder));
}

TEST_CASE("execute: a disk that changes a byte is found by verification", "[run]") {
  std::vector<MemoryDisk> disks(1);
  disks[0].flips_a_byte = true;
  Bench bench(disks, {"q8_0"});
  CHECK_THROWS_AS(run(bench.plan, 1), VerifyError);
  CHECK_FALSE(disks[0].sealed);
}

TEST_CASE("execute: an interrupted run continues where it stopped and gives the same bytes", "[run]") {
  std::vector<MemoryDisk> whole(1), parts(1);
  Bench a(whole, {"q4_0"}), b(parts, {"q4_0"});
  run(a.plan, 1);
  CHECK_THROWS_AS(run(b.plan, 1,
                      [](std::int64_t done, std::int64_t total) {
                        if (2 * done > total) request_interrupt();
                      }),
                  Interrupted);
  clear_interrupt();
  CHECK_FALSE(parts[0].sealed);
  CHECK(parts[0].kept);
  const int before = b.reader->reads;
  run(b.plan, 1);
  CHECK(b.reader->reads - before < 2 * kRows / 4);
  CHECK(parts[0].sealed);
  CHECK(parts[0].content->data(0) == whole[0].content->data(0));
  CHECK(parts[0].content->data(1) == whole[0].content->data(1));
}

TEST_CASE("execute: a partial file that changed since is not trusted", "[run]") {
  std::vector<MemoryDisk> whole(1), parts(1);
  Bench a(whole, {"q4_0"}), b(parts, {"q4_0"});
  run(a.plan, 1);
  CHECK_THROWS_AS(run(b.plan, 1,
                      [](std::int64_t done, std::int64_t total) {
                        if (2 * done > total) request_interrupt();
                      }),
                  Interrupted);
  clear_interrupt();
  parts[0].content->data(0)[5] ^= std::byte{0x10};
  run(b.plan, 1);
  CHECK(parts[0].content->data(0) == whole[0].content->data(0));
}

TEST_CASE("execute: the folder of --work is removed with the journal, unless it was there before", "[run]") {
  std::vector<MemoryDisk> disks(1);
  Bench bench(disks, {"q4_0"});
  bench.plan.work = bench.folder / "state" / "run";
  run(bench.plan, 1);
  CHECK_FALSE(std::filesystem::exists(bench.folder / "state"));
  std::filesystem::create_directories(bench.plan.work);
  run(bench.plan, 1);
  CHECK(std::filesystem::exists(bench.plan.work));
}

TEST_CASE("execute: the journal of other settings is refused with what differs", "[run]") {
  std::vector<MemoryDisk> disks(1);
  Bench bench(disks, {"q4_0"});
  CHECK_THROWS_AS(run(bench.plan, 1, [](std::int64_t, std::int64_t) { request_interrupt(); }), Interrupted);
  clear_interrupt();
  bench.plan.effort = Effort::best;
  CHECK_THROWS_WITH(run(bench.plan, 1), Catch::Contains("effort") && Catch::Contains("--force"));
}

TEST_CASE("execute: rows in another order, other metadata or another plugin are another run", "[run]") {
  std::vector<MemoryDisk> disks(1);
  Bench bench(disks, {"q4_0"});
  CHECK_THROWS_AS(run(bench.plan, 1, [](std::int64_t, std::int64_t) { request_interrupt(); }), Interrupted);
  clear_interrupt();
  PlannedOutput& output = bench.plan.outputs[0];
  SECTION("rows") {
    auto view = std::make_shared<ModelView>(*output.view);
    view->tensors[1].map.order = RowMap::Order::rotary_to_pairs;
    view->tensors[1].map.head_rows = 8;
    output.view = view;
    CHECK_THROWS_WITH(run(bench.plan, 1), Catch::Contains("outputs[0] tensors"));
  }
  SECTION("metadata") {
    output.model.metadata.set("general.name", std::string("other"));
    CHECK_THROWS_WITH(run(bench.plan, 1), Catch::Contains("outputs[0] metadata"));
  }
  SECTION("side files") {
    output.model.side_files.push_back({"config.json", {}, "{}"});
    CHECK_THROWS_WITH(run(bench.plan, 1), Catch::Contains("outputs[0] files"));
  }
  SECTION("plugins") {
    bench.plan.plugins.push_back("rtn 2.0");
    CHECK_THROWS_WITH(run(bench.plan, 1), Catch::Contains("plugins"));
  }
  CHECK(disks[0].kept);
}

TEST_CASE("execute: weights beyond the range of an encoding are refused with tensor and row", "[run]") {
  std::vector<MemoryDisk> disks(1);
  Bench bench(disks, {"f16"});
  store(bench.reader->data(1).data() + 2 * (17 * kCols + 3), bf16_from(1e6f));
  CHECK_THROWS_WITH(run(bench.plan, 2),
                    Catch::Contains("'b'") && Catch::Contains("row 17") && Catch::Contains("f16"));
  CHECK_FALSE(disks[0].exists);
  CHECK(std::filesystem::is_empty(bench.folder));
}

TEST_CASE("execute: a disk that is full at the end keeps what is done", "[run]") {
  std::vector<MemoryDisk> disks(1);
  disks[0].is_full = true;
  Bench bench(disks, {"q4_0"});
  CHECK_THROWS_WITH(run(bench.plan, 1), Catch::Contains("full") && Catch::Contains("again"));
  CHECK(disks[0].kept);
  disks[0].is_full = false;
  const int before = bench.reader->reads;
  run(bench.plan, 1);
  CHECK(bench.reader->reads == before);
  CHECK(disks[0].sealed);
  CHECK(std::filesystem::is_empty(bench.folder));
}

TEST_CASE("execute: a tensor of many rows without weights has no chunks", "[run]") {
  std::vector<MemoryDisk> disks(1);
  Bench bench(disks, {"bf16"});
  bench.add_empty(std::int64_t{1} << 33);
  CHECK(run(bench.plan, 1).outputs[0].tensors[2].exact_rows == 0);
}

}  // namespace pq
