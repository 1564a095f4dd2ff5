#include "base/interrupt.hpp"
#include "run/bench.hpp"
#include "run/journal.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

namespace pq {
namespace {

using test::Bench;
using test::kCols;
using test::kRows;
using test::MemoryDisk;
using test::run;

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
  std::string said;
  log::set_sink([&](log::Level, std::string_view message) { said += message; });
  CHECK(*parts[0].released_rows == 0);
  run(b.plan, 1);
  log::set_sink(nullptr);
  CHECK_THAT(said, Catch::StartsWith("continuing: ") &&
                       Catch::EndsWith("% of " + b.plan.outputs[0].to.string() + " was kept"));
  const std::int64_t kept_rows = 2 * kRows - 4 * (b.reader->reads - before);
  CHECK(kept_rows > 0);
  // After comparing what was kept, and after verifying.
  CHECK(*parts[0].released_rows == kept_rows + 2 * kRows);
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
  CHECK_NOTHROW(check_journal(bench.plan));
  bench.plan.effort = Effort::best;
  CHECK_THROWS_WITH(check_journal(bench.plan), Catch::Contains("effort") && Catch::Contains("--force"));
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
  SECTION("recipe: what follows from it is not listed") {
    output.asked["recipe"] = "q8_0";
    output.model.metadata.set("general.name", std::string("other"));
    bench.plan.plugins.push_back("rtn 2.0");
    CHECK_THROWS_WITH(run(bench.plan, 1), Catch::Contains("(different: outputs[0] recipe)"));
  }
  SECTION("plugins") {
    bench.plan.plugins.push_back("rtn 2.0");
    CHECK_THROWS_WITH(run(bench.plan, 1), Catch::Contains("plugins"));
  }
  CHECK(disks[0].kept);
}

TEST_CASE("execute: weights beyond the range of an encoding are refused with tensor and row", "[run]") {
  const std::string spec = GENERATE("f16", "q4_0", "q8_0");
  std::vector<MemoryDisk> disks(1);
  Bench bench(disks, {spec});
  store(bench.reader->data(1).data() + 2 * (17 * kCols + 3), bf16_from(8.5e37f));
  CHECK_THROWS_WITH(run(bench.plan, 2),
                    Catch::Contains("'b'") && Catch::Contains("row 17") && Catch::Contains(spec));
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
