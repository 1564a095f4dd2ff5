// A run with an importance matrix, from files to files.
#include "base/interrupt.hpp"
#include "base/thread_pool.hpp"
#include "calibration/support.hpp"
#include "config/pipeline.hpp"
#include "config/yaml.hpp"
#include "model/open_model.hpp"
#include "run/memory_model.hpp"
#include "run/run.hpp"

#include <catch2/catch.hpp>

namespace pq {
namespace {

constexpr std::int64_t kExperts = 3, kRows = 24, kCols = 64;

void write_model(const std::filesystem::path& path) {
  OutputModel model;
  model.metadata.set("general.architecture", std::string("testmoe"));
  model.metadata.set("testmoe.block_count", std::uint32_t{1});
  model.tensors.push_back({"blk.0.ffn_up_exps.weight", {kExperts, kRows, kCols}, "bf16", kCols * 2});
  model.tensors.push_back({"blk.0.attn_q.weight", {kRows, kCols}, "bf16", kCols * 2});
  const auto writer = test::registry().format(Node::scalar("gguf"))->create(path, model, false);
  writer->write_rows(0, 0, test::random_bf16(kExperts * kRows * kCols, 7));
  writer->write_rows(1, 0, test::random_bf16(kRows * kCols, 8));
  writer->seal();
}

std::vector<float> spread(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::lognormal_distribution<float> lognormal(0.0f, 1.5f);
  std::vector<float> values(count);
  for (float& value : values) value = lognormal(random);
  return values;
}

std::vector<std::byte> rows_of(const ModelReader& reader, std::size_t tensor) {
  std::vector<std::byte> scratch;
  const Bytes bytes = reader.rows(tensor, 0, rows(reader.header().tensors[tensor].shape), scratch);
  return {bytes.begin(), bytes.end()};
}

/// The bytes of `count` rows encoded by themselves.
std::vector<std::byte> encoded(const ModelReader& source, std::size_t tensor, std::int64_t first,
                               std::span<const float> importance) {
  const auto bf16 = test::registry().encoding(Node::scalar("bf16"));
  const auto q4 = test::registry().encoding(Node::scalar("q4_0"));
  std::vector<float> weights(kRows * kCols);
  std::vector<std::byte> scratch;
  bf16->decode(source.rows(tensor, first, kRows, scratch), {weights.data(), kRows, kCols, kCols});
  std::vector<std::byte> out(q4->row_bytes(kCols) * kRows);
  q4->encoder({kCols, importance, Effort::normal})->encode({weights.data(), kRows, kCols, kCols}, out);
  return out;
}

Plan plan_of(const test::TemporaryFolder& folder, const std::string& name) {
  const Node root = parse_yaml(
      "{version: 1, model: model.gguf, imatrix: m.gguf, outputs: [{format: gguf, encoding: q4_0, "
      "to: " +
          name + "}]}",
      "p.yaml");
  return make_plan(parse_pipeline(root, folder / ""), test::registry(), 1);
}

}  // namespace

TEST_CASE("run: every expert is encoded with the importance of its own columns, for any number of threads",
          "[run][importance]") {
  const test::TemporaryFolder folder;
  write_model(folder / "model.gguf");
  ImatrixData data;
  data.entries.push_back({"blk.0.ffn_up_exps.weight", spread(kExperts * kCols, 1), {1, 0, 1}});
  data.entries.push_back({"blk.0.attn_q.weight", spread(kCols, 2), {1}});
  data.chunk_count = 9;
  test::write_gguf_imatrix(folder / "m.gguf", data);

  const auto source = open_model(folder / "model.gguf", test::registry()).reader;
  for (const int threads : {1, 3}) {
    const std::string name = "out" + std::to_string(threads) + ".gguf";
    Plan plan = plan_of(folder, name);
    plan.chunk_weights = 5 * kCols;  // chunks that do not divide the experts' rows
    execute(plan, *make_thread_pool(threads), {}, {});
    const auto written = open_model(folder / name, test::registry()).reader;
    CHECK(written->header().metadata.integer("quantize.imatrix.chunks_count", 0) == 9);
    std::vector<std::byte> wanted;
    for (std::int64_t e = 0; e < kExperts; ++e) {
      const auto importance =
          std::span(data.entries[0].sums).subspan(static_cast<std::size_t>(e * kCols), kCols);
      // The second expert was never measured: all its columns count equally.
      const auto expert = encoded(*source, 0, e * kRows, e == 1 ? std::span<const float>() : importance);
      wanted.insert(wanted.end(), expert.begin(), expert.end());
    }
    CHECK((rows_of(*written, 0) == wanted));
    CHECK((rows_of(*written, 1) == encoded(*source, 1, 0, data.entries[1].sums)));
    CHECK_FALSE((encoded(*source, 1, 0, data.entries[1].sums) == encoded(*source, 1, 0, {})));
  }
}

TEST_CASE("run: tensors that the importance matrix lacks are named before the run", "[run][importance]") {
  const test::TemporaryFolder folder;
  write_model(folder / "model.gguf");
  ImatrixData data;
  data.entries.push_back({"blk.0.attn_q.weight", spread(kCols, 2), {1}});
  test::write_gguf_imatrix(folder / "m.gguf", data);
  const Plan plan = plan_of(folder, "out.gguf");
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings[0], Catch::Contains("1 tensor has no importance in m.gguf"));
}

TEST_CASE("run: an interrupted run does not continue with another importance matrix", "[run][importance]") {
  const test::TemporaryFolder folder;
  write_model(folder / "model.gguf");
  ImatrixData data;
  data.entries.push_back({"blk.0.attn_q.weight", spread(kCols, 2), {1}});
  test::write_gguf_imatrix(folder / "m.gguf", data);
  CHECK_THROWS(execute(plan_of(folder, "out.gguf"), *make_thread_pool(1), {},
                       [](std::int64_t, std::int64_t) { request_interrupt(); }));
  clear_interrupt();
  data.entries.push_back({"blk.0.ffn_up_exps.weight", spread(kExperts * kCols, 1), {1, 1, 1}});
  test::write_gguf_imatrix(folder / "m.gguf", data);
  CHECK_THROWS_WITH(execute(plan_of(folder, "out.gguf"), *make_thread_pool(1), {}, {}),
                    Catch::Contains("different: imatrix") && Catch::Contains("--force"));
}

}  // namespace pq
