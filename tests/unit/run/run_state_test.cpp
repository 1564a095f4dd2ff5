#include "run/run_state.hpp"
#include "base/interrupt.hpp"
#include "config/place.hpp"
#include "plan/output_names.hpp"
#include "run/bench.hpp"
#include "run/state_file.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <fstream>

namespace pq {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using test::Bench;
using test::MemoryDisk;
using test::run;

void write(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
std::string read(const fs::path& path) { return read_text_file(path, 1 << 20); }

const std::string kOtherJournal = R"({"polyquant":"0.0","outputs[0] to":"/nowhere/x.gguf"})"
                                  "\n";

/// A run that stops when half of it, or all but the verification, is done.
void interrupt(const Plan& plan, std::int64_t parts = 2) {
  CHECK_THROWS_AS(run(plan, 1,
                      [&](std::int64_t done, std::int64_t total) {
                        if (parts * done >= total) request_interrupt();
                      }),
                  Interrupted);
  clear_interrupt();
}

struct One {
  std::vector<MemoryDisk> disks = std::vector<MemoryDisk>(1);
  Bench bench{disks, {"q4_0"}};
  MemoryDisk& disk = disks[0];
  Plan& plan = bench.plan;
  fs::path journal = bench.folder / "out0.partial.journal", claim = bench.folder / "out0.partial.claim";
  fs::path final = bench.folder / "memory";  // as MemoryFormat calls its file
};

}  // namespace

TEST_CASE("state file: belongs to one writer, and keeps its lines only if it is told to", "[run][state]") {
  const One one;
  const fs::path path = one.bench.folder / "state";
  {
    StateFile file(path, "x");
    CHECK_FALSE(file.existed());
    CHECK_THROWS_WITH(StateFile(path, "x"), Contains("another process"));
    file.append("first");
    file.append("second");
    file.restart("3");
    CHECK(read(path) == "3\n");
    file.append("4");
    CHECK(read(path) == "3\n4\n");
  }
  CHECK_FALSE(fs::exists(path));
  write(path, "kept\ncut");
  {
    StateFile file(path, "x");
    CHECK(file.existed());
    CHECK(file.text() == "kept\ncut");
    file.keep_bytes(5);
    file.append("more");
  }
  CHECK(read(path) == "kept\nmore\n");
  fs::create_directory(one.bench.folder / "folder");
  CHECK_THROWS_AS(StateFile(one.bench.folder / "folder", "x"), ConfigError);
}

TEST_CASE("run state: a file in place of the journal that is none of ours stays, with --force, too",
          "[run][state]") {
  One one;
  const auto text = GENERATE(as<std::string>(), "my notes\n", "my notes", "{\"time\": 1}\n", "[]\n", "\n");
  const auto force = GENERATE(false, true);
  write(one.journal, text);
  CHECK_THROWS_WITH(run(one.plan, 1, {}, force), Contains("no journal of polyquant"));
  CHECK(read(one.journal) == text);
  CHECK_FALSE(fs::exists(one.claim));
}

TEST_CASE("run state: an empty journal and one whose first line was cut off begin anew", "[run][state]") {
  One one;
  write(one.journal, GENERATE(as<std::string>(), "", "{\"poly", "{\"polyquant\":\"0.1\",\"mo"));
  run(one.plan, 1);
  CHECK(one.disk.sealed);
  CHECK(fs::is_empty(one.bench.folder));
}

TEST_CASE("run state: a claim that is none of ours stays", "[run][state]") {
  One one;
  const auto text = GENERATE(as<std::string>(), "mine\n", "{\"other\":1}\n", "x");
  write(one.claim, text);
  CHECK_THROWS_WITH(run(one.plan, 1, {}, true), Contains("no claim of polyquant"));
  CHECK_THROWS_AS(read_claim(one.claim), ConfigError);
  CHECK(read(one.claim) == text);
}

TEST_CASE("run state: an empty claim and one that was cut off are ours", "[run][state]") {
  const One one;
  CHECK_FALSE(read_claim(one.claim).exists);
  write(one.claim, GENERATE(as<std::string>(), "", "{\"jour", "{\"journal\":\"/a"));
  CHECK(read_claim(one.claim).exists);
  CHECK(read_claim(one.claim).journal.empty());
}

TEST_CASE("run state: an output is sealed if the claim names this very file", "[run][state]") {
  const One one;
  write(one.final, "done");
  const auto id = file_id(one.final);
  REQUIRE(id);
  const auto entry = [&](std::uint64_t inode) {
    return "{\"journal\":\"/a\"}\n{\"sealing\":[[\"memory\"," + std::to_string(id->first) + "," +
           std::to_string(inode) + "]]}\n";
  };
  write(one.claim, entry(id->second));
  CHECK(is_sealed(read_claim(one.claim), one.final));
  write(one.claim, entry(id->second + 1));
  CHECK_FALSE(is_sealed(read_claim(one.claim), one.final));
}

TEST_CASE("run state: a journal that no claim names any more is no obstacle", "[run][state]") {
  One one;
  write(one.journal, kOtherJournal);
  SECTION("no claim") {
    run(one.plan, 1);
    CHECK(one.disk.sealed);
    CHECK(fs::is_empty(one.bench.folder));
  }
  SECTION("a claim") {
    write(one.claim, "{\"journal\":\"" + one.journal.string() + "\"}\n");
    CHECK_THROWS_WITH(run(one.plan, 1), Contains("other settings"));
    CHECK(read(one.journal) == kOtherJournal);
  }
}

TEST_CASE("run state: a resumed run removes the folder of --work only if it was made for the run",
          "[run][state]") {
  One one;
  const bool was_there = GENERATE(false, true);
  one.plan.work = one.bench.folder / "above" / "work";
  if (was_there) fs::create_directories(one.plan.work);
  interrupt(one.plan);
  run(one.plan, 1);
  CHECK(one.disk.sealed);
  CHECK(fs::exists(one.plan.work) == was_there);
  CHECK(fs::exists(one.bench.folder / "above") == was_there);
}

TEST_CASE("run state: prepare() tells a fresh output from one that can be continued", "[run][state]") {
  One one;
  {
    RunState state(one.plan, false);
    CHECK(state.prepare(0) == Start::anew);
    CHECK(read_claim(one.claim).journal == one.journal);
    CHECK_THROWS_WITH(RunState(one.plan, false), Contains("another process"));
    state.remove();
  }
  interrupt(one.plan);
  RunState state(one.plan, false);
  CHECK(state.journal().resumes());
  CHECK(state.prepare(0) == Start::resume);
  state.keep();
}

TEST_CASE("run state: what got an output's name after the plan was checked stays", "[run][state]") {
  One one;
  write(one.final, "mine");
  CHECK_THROWS_WITH(run(one.plan, 1), Contains("exists") && Contains("--force"));
  CHECK_FALSE(one.disk.exists);
  CHECK(read(one.final) == "mine");
  run(one.plan, 1, {}, true);
  CHECK(one.disk.sealed);
}

TEST_CASE("run state: what got an output's name during the run stays, and so does what is done",
          "[run][state]") {
  One one;
  CHECK_THROWS_WITH(run(one.plan, 1, [&](std::int64_t, std::int64_t) { write(one.final, "mine"); }),
                    Contains("exists") && Contains("again"));
  CHECK(one.disk.kept);
  CHECK_FALSE(one.disk.sealed);
  CHECK(read(one.final) == "mine");
  fs::remove(one.final);
  const int before = one.bench.reader->reads;
  run(one.plan, 1);
  CHECK(one.bench.reader->reads == before);
  CHECK(one.disk.sealed);
}

TEST_CASE("run state: verification can be interrupted", "[run][state]") {
  One one;
  interrupt(one.plan, 1);
  CHECK_FALSE(one.disk.sealed);
  CHECK(one.disk.kept);
}

TEST_CASE("run state: a disk that is full when an output is started costs nothing of what is done",
          "[run][state]") {
  One one;
  one.plan.outputs[0].to_mark = Mark{std::make_shared<const std::string>("p.yaml"), 3, 4};
  interrupt(one.plan);
  one.disk.cannot_start = true;
  CHECK_THROWS_WITH(run(one.plan, 1),
                    Contains("p.yaml") && Contains("the disk is full") && Contains("again"));
  one.disk.cannot_start = false;
  CHECK(fs::exists(one.journal));
  const int before = one.bench.reader->reads;
  run(one.plan, 1);
  CHECK(one.bench.reader->reads - before < 2 * test::kRows / 4);
}

TEST_CASE("run state: after a failed verification the same command does over what differs", "[run][state]") {
  One one;
  one.disk.flips_a_byte = true;
  CHECK_THROWS_WITH(run(one.plan, 1), Contains("does not read back") && Contains("again"));
  CHECK(one.disk.kept);
  one.disk.flips_a_byte = false;
  run(one.plan, 1);
  CHECK(one.disk.sealed);
}

TEST_CASE("run state: damaged weights end a run for good", "[run][state]") {
  One one;
  interrupt(one.plan);
  store(one.bench.reader->data(1).data() + 2 * (39 * test::kCols), std::uint16_t{0x7FC0});
  CHECK_THROWS_WITH(run(one.plan, 1), Contains("NaN"));
  CHECK(fs::is_empty(one.bench.folder));
}

}  // namespace pq
