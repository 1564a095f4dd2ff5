#include "calibration/imatrix.hpp"

#include "calibration/support.hpp"
#include "model/open_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <limits>
#include <numeric>

using namespace pq::test;
using Catch::Contains;
using Floats = std::vector<float>;
using Names = std::vector<std::string>;

namespace {

const std::filesystem::path kGolden = PQ_GOLDEN_DIR "/imatrix/SmolLM2-135M-wide.imatrix.gguf";

pq::ImatrixData two_experts() {
  pq::ImatrixData data;
  data.entries.push_back({"blk.0.ffn_up_exps.weight", {2, 4, 6, 0, 0, 0}, {2, 0}});
  data.entries.push_back({"blk.0.attn_q.weight", {1, 2, 3}, {4}});
  data.datasets = {"text.txt"};
  data.chunk_count = 1;
  data.chunk_size = 512;
  return data;
}

}  // namespace

TEST_CASE("imatrix: a file of llama-imatrix has the means that the gguf package computes from it",
          "[calibration][imatrix][golden]") {
  const auto imatrix = open_imatrix(kGolden);
  CHECK(imatrix->entries().size() == 210);
  CHECK(imatrix->datasets() == Names{"calibration.txt"});
  CHECK(imatrix->chunk_count() == 64);
  CHECK(imatrix->chunk_size() == 512);
  CHECK(imatrix->warnings().empty());
  const Floats q = imatrix->mean_squares(*imatrix->find("blk.0.attn_q.weight"), 0, 1);
  REQUIRE(q.size() == 768);
  CHECK(q[0] == 0.0011743995128199458f);
  CHECK(q[1] == 6.687374843750149e-05f);
  const Floats down = imatrix->mean_squares(*imatrix->find("blk.29.ffn_down.weight"), 0, 1);
  REQUIRE(down.size() == 1536);
  constexpr double kSumOfDoubles = 1e-12;  // 1536 additions of doubles in another order
  CHECK(std::accumulate(down.begin(), down.end(), 0.0) == Approx(17953.12541810423).epsilon(kSumOfDoubles));
  CHECK(imatrix->find("output.weight") == nullptr);
}

TEST_CASE("imatrix: what we write of llama-imatrix's numbers is its file, byte for byte",
          "[calibration][imatrix][golden]") {
  const auto reader = pq::open_model(kGolden, registry()).reader;
  const auto& tensors = reader->header().tensors;
  pq::ImatrixData data;
  for (std::size_t i = 0; i < tensors.size(); i += 2) {
    std::vector<std::byte> scratch;
    const auto floats = [&](std::size_t tensor) {
      const pq::Bytes bytes = reader->rows(tensor, 0, 1, scratch);
      Floats values(bytes.size() / sizeof(float));
      std::memcpy(values.data(), bytes.data(), bytes.size());
      return values;
    };
    const std::string name = tensors[i].name.substr(0, tensors[i].name.rfind('.'));
    data.entries.push_back({name, floats(i), {static_cast<std::int64_t>(floats(i + 1)[0])}});
  }
  std::reverse(data.entries.begin(), data.entries.end());  // written by name, whatever the order
  data.datasets = {"calibration.txt"};
  data.chunk_count = 64;
  data.chunk_size = 512;
  const TemporaryFolder folder;
  write_gguf_imatrix(folder / "ours.gguf", data);
  CHECK((file_text(folder / "ours.gguf") == file_text(kGolden)));
}

TEST_CASE("imatrix: experts have their own counts, and one without activations has no importance",
          "[calibration][imatrix]") {
  const TemporaryFolder folder;
  write_gguf_imatrix(folder / "moe.gguf", two_experts());
  const auto imatrix = open_imatrix(folder / "moe.gguf");
  REQUIRE(imatrix->entries().size() == 2);
  const pq::ImatrixEntry& experts = *imatrix->find("blk.0.ffn_up_exps.weight");
  CHECK(imatrix->mean_squares(experts, 0, 2) == Floats{1, 2, 3});
  CHECK(imatrix->mean_squares(experts, 1, 2).empty());
  CHECK(imatrix->mean_squares(*imatrix->find("blk.0.attn_q.weight"), 0, 1) == Floats{0.25f, 0.5f, 0.75f});
}

TEST_CASE("imatrix: the older kind is read, with and without chunks and text", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  LegacyBytes bytes;
  bytes.number(2).entry("blk.1.attn_k.weight", 4, {4, 8}).entry("blk.0.attn_k.weight", 0, {3, 5});
  const auto early = open_imatrix(bytes.write(folder / "early.dat"));
  REQUIRE(early->entries().size() == 2);
  CHECK(early->mean_squares(early->entries()[1], 0, 1) == Floats{1, 2});
  CHECK(early->mean_squares(early->entries()[0], 0, 1) == Floats{3, 5});  // no calls: the values are means
  CHECK(early->chunk_count() == 0);
  bytes.number(25).text("wiki.txt");
  const auto late = open_imatrix(bytes.write(folder / "late.dat"));
  CHECK(late->chunk_count() == 25);
  CHECK(late->datasets() == Names{"wiki.txt"});
}

TEST_CASE("imatrix: experts of the older kind share one count", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  const auto imatrix = open_imatrix(
      LegacyBytes().number(1).entry("blk.0.ffn_up_exps.weight", 2, {2, 4, 6, 8}).write(folder / "moe.dat"));
  CHECK(imatrix->mean_squares(imatrix->entries()[0], 0, 2) == Floats{1, 2});
  CHECK(imatrix->mean_squares(imatrix->entries()[0], 1, 2) == Floats{3, 4});
}

TEST_CASE("imatrix: entries of single experts become those of the stack", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  LegacyBytes bytes;
  bytes.number(4)
      .entry("blk.0.ffn_up.2.weight", 1, {5, 6})
      .entry("blk.0.ffn_up.0.weight", 2, {2, 4})
      .entry("blk.0.ffn_up.3.weight", 4, {4, 4})
      .entry("blk.0.attn_q.weight", 1, {1, 1});
  const auto imatrix = open_imatrix(bytes.write(folder / "old.dat"));
  REQUIRE(imatrix->entries().size() == 2);
  const auto* stack = imatrix->find("blk.0.ffn_up_exps.weight");
  REQUIRE(stack != nullptr);
  CHECK(stack->values == 8);
  CHECK(imatrix->mean_squares(*stack, 0, 4) == Floats{1, 2});
  CHECK(imatrix->mean_squares(*stack, 1, 4).empty());  // no token came by
  CHECK(imatrix->mean_squares(*stack, 2, 4) == Floats{5, 6});
  CHECK(imatrix->mean_squares(*stack, 3, 4) == Floats{1, 1});
}

TEST_CASE("imatrix: single experts of other widths are refused", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  LegacyBytes bytes;
  bytes.number(2).entry("blk.0.ffn_up.0.weight", 1, {5, 6}).entry("blk.0.ffn_up.1.weight", 2, {2});
  CHECK_THROWS_WITH(
      open_imatrix(bytes.write(folder / "odd.dat")),
      Catch::Contains("the entry 'blk.0.ffn_up.1.weight' is unlike those of the other experts"));
}

TEST_CASE("imatrix: entries of single experts that leave large gaps are refused", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  const auto open = [&](int expert) {
    const std::string name = "blk.0.ffn_up." + std::to_string(expert) + ".weight";
    return open_imatrix(LegacyBytes().number(1).entry(name, 1, {5, 6}).write(folder / "gap.dat"));
  };
  CHECK(open(128)->entries()[0].counts.size() == 129);
  CHECK_THROWS_WITH(open(129),
                    Contains("the entries of 'blk.0.ffn_up_exps.weight' go up to expert 129, but 129 of "
                             "the experts below it have none"));
}

TEST_CASE("imatrix: damaged files of the older kind are refused with the place", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  const auto refused = [&](const LegacyBytes& bytes) {
    try {
      open_imatrix(bytes.write(folder / "bad.dat"));
    } catch (const pq::FormatError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK_THAT(refused(LegacyBytes()), Contains("ends at byte 0 inside the number of entries"));
  CHECK_THAT(refused(LegacyBytes().number(0)), Contains("this is no importance matrix"));
  CHECK_THAT(refused(LegacyBytes().number(1 << 30)), Contains("1073741824 entries do not fit into 4 bytes"));
  LegacyBytes negative_name, long_values, cut, tail, twice;
  negative_name.number(1).number(-1).values(Floats(9, 1.0f));
  CHECK_THAT(refused(negative_name), Contains("claims -1 characters"));
  long_values.number(1).text("a").number(1).number(1 << 30).number(0).number(0);
  CHECK_THAT(refused(long_values), Contains("claims 1073741824 values, but only 8 bytes follow"));
  cut.number(2).entry("a", 1, Floats(8, 1.0f)).number(3);
  CHECK_THAT(refused(cut), Contains("inside the name of an entry"));
  tail.number(1).entry("a", 1, {1}).number(3).text("b").number(9);
  CHECK_THAT(refused(tail), Contains("4 bytes follow after the end"));
  twice.number(2).entry("a", 1, {1}).entry("a", 1, {1});
  CHECK_THAT(refused(twice), Contains("'a' is there twice"));
}

TEST_CASE("imatrix: values that are no mean squares are refused with their entry", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  const float bad =
      GENERATE(-1.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN());
  const auto path =
      LegacyBytes().number(1).entry("blk.0.attn_q.weight", 1, {1, bad}).write(folder / "bad.dat");
  CHECK_THROWS_WITH(open_imatrix(path), Contains("value 1 of 'blk.0.attn_q.weight'"));
}

TEST_CASE("imatrix: a GGUF file that is none is refused, and so is half a pair", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  const auto format = registry().format(pq::Node::scalar("gguf"));
  const auto write = [&](const std::string& type, const Names& tensors, const std::string& encoding) {
    pq::OutputModel model;
    model.metadata.set("general.type", type);
    for (const std::string& name : tensors)
      model.tensors.push_back({name, {2}, encoding, encoding == "f32" ? 8u : 4u});
    const auto writer = format->create(folder / "x.gguf", model, false);
    for (std::size_t i = 0; i < tensors.size(); ++i)
      writer->write_rows(i, 0, std::vector<std::byte>(model.tensors[i].row_bytes));
    writer->seal();
    return folder / "x.gguf";
  };
  CHECK_THROWS_WITH(open_imatrix(write("model", {"a.in_sum2", "a.counts"}, "f32")),
                    Contains("general.type is not 'imatrix'"));
  CHECK_THROWS_WITH(open_imatrix(write("imatrix", {"a.in_sum2"}, "f32")),
                    Contains("'a' has .in_sum2 but no .counts"));
  CHECK_THROWS_WITH(open_imatrix(write("imatrix", {"a.counts"}, "f32")),
                    Contains("'a' has .counts but no .in_sum2"));
  CHECK_THROWS_WITH(open_imatrix(write("imatrix", {"a.in_sum2", "a.counts"}, "f16")),
                    Contains("must be f32"));
  CHECK_THROWS_WITH(open_imatrix(write("imatrix", {"a.in_sum"}, "f32")), Contains("no entries"));
  // Means of zero activations, and no word of the chunks.
  const auto lacking = open_imatrix(write("imatrix", {"a.in_sum2", "a.counts"}, "f32"));
  CHECK(lacking->warnings().size() == 3);
  CHECK(lacking->mean_squares(lacking->entries()[0], 0, 1).empty());
}

TEST_CASE("imatrix: data that no reader would take are not written", "[calibration][imatrix]") {
  const TemporaryFolder folder;
  const auto refused = [&](pq::ImatrixData::Entry entry) {
    pq::ImatrixData data;
    data.entries.push_back(std::move(entry));
    CHECK_THROWS_AS(write_gguf_imatrix(folder / "x.gguf", data), pq::ConfigError);
  };
  refused({"a", {1, 2, 3}, {1, 1}});
  refused({"a", {1, -2}, {1}});
  refused({"a", {1, 2}, {-1}});
  refused({"", {1, 2}, {1}});
  refused({"a", {}, {1}});
  CHECK_THROWS_AS(write_gguf_imatrix(folder / "x.gguf", {}), pq::ConfigError);
  CHECK_FALSE(std::filesystem::exists(folder / "x.gguf"));
}
