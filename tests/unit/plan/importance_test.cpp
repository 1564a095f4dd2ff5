#include "plan/importance.hpp"

#include "calibration/support.hpp"
#include "plan/plan.hpp"
#include "run/memory_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

namespace pq {
namespace {

using Catch::Contains;
using Floats = std::vector<float>;

/// An output in memory whose tensors are all to become q4_0, in GGUF names unless said otherwise.
struct Fixture {
  test::TemporaryFolder folder;
  test::MemoryDisk disk;
  std::shared_ptr<ModelView> view = std::make_shared<ModelView>();
  PlannedOutput output;
  std::vector<std::string> warnings;

  Fixture() {
    view->dialect = Dialect::gguf;
    output.to = "out.gguf";
    output.view = view;
    output.quantizer = test::registry().quantizer(Node::scalar("rtn"));
  }
  ViewTensor& add(const std::string& name, Shape shape, const std::string& encoding = "q4_0") {
    ViewTensor tensor;
    tensor.name = tensor.gguf_name = name;
    tensor.shape = std::move(shape);
    output.tensors.push_back({view->tensors.size(),
                              test::registry().encoding(Node::scalar(encoding)),
                              nullptr,
                              Route::quantize,
                              {}});
    view->tensors.push_back(std::move(tensor));
    return view->tensors.back();
  }
  void use(const std::vector<ImatrixData::Entry>& entries) {
    ImatrixData data;
    data.entries = entries;
    data.datasets = {"text.txt"};
    test::write_gguf_imatrix(folder / "m.gguf", data);
    add_importance(output, test::open_imatrix(folder / "m.gguf"), warnings);
  }
  std::string all_warnings() const {
    std::string text;
    for (const std::string& warning : warnings) text += warning + "\n";
    return text;
  }
};

/// An encoding of which only the description matters.
class Described final : public Encoding {
 public:
  Described(std::string id, GridFamily family, double bits) {
    info_.id = info_.spec = std::move(id);
    info_.grid.family = family;
    info_.bits_per_weight = bits;
    info_.uses_importance = true;
  }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t) const override { return 1; }
  std::unique_ptr<RowEncoder> encoder(const EncodeRequest&) const override { return nullptr; }
  void decode(Bytes, Matrix) const override {}

 private:
  EncodingInfo info_;
};

Floats ones(std::size_t n) { return Floats(n, 1.0f); }

}  // namespace

TEST_CASE("importance: tensors get the means of the entry with their name", "[plan][importance]") {
  Fixture f;
  f.add("blk.0.attn_q.weight", {4, 32});
  Floats sums(32, 2.0f);
  sums[5] = 8;
  f.use({{"blk.0.attn_q.weight", sums, {2}}});
  REQUIRE(f.output.tensors[0].importance != nullptr);
  const Floats columns = f.output.tensors[0].importance->columns(0);
  CHECK(columns[0] == 1);
  CHECK(columns[5] == 4);
  CHECK(f.all_warnings() == "");
}

TEST_CASE("importance: encodings that make no use of it get none, without a word", "[plan][importance]") {
  Fixture f;
  f.add("blk.0.attn_q.weight", {4, 32});
  f.add("blk.0.attn_k.weight", {4, 32}, "f16");
  f.use({{"blk.0.attn_q.weight", ones(32), {1}}, {"blk.0.attn_k.weight", ones(32), {1}}});
  CHECK(f.output.tensors[1].importance == nullptr);
  CHECK(f.all_warnings() == "");
}

TEST_CASE("importance: a matrix that nothing uses is named", "[plan][importance]") {
  Fixture f;
  f.add("blk.0.attn_q.weight", {4, 32}, "f16");
  f.use({{"blk.0.attn_q.weight", ones(32), {1}}});
  CHECK(f.all_warnings() == "m.gguf is not used: no tensor has an encoding that uses importance\n");
}

TEST_CASE("importance: tensors without an entry and entries without a tensor are one line each",
          "[plan][importance]") {
  Fixture f;
  for (const char* name : {"token_embd.weight", "blk.0.attn_q.weight", "blk.0.attn_k.weight",
                           "blk.0.attn_v.weight", "blk.1.attn_q.weight"})
    f.add(name, {4, 32});
  f.use({{"blk.0.attn_q.weight", ones(32), {1}}, {"blk.7.attn_q.weight", ones(32), {1}}});
  CHECK(f.all_warnings() ==
        "4 tensors have no importance in m.gguf, so all columns count equally: "
        "token_embd.weight, "
        "blk.0.attn_k.weight, blk.0.attn_v.weight and 1 more\n"
        "1 entry of m.gguf names no tensor of the model: blk.7.attn_q.weight\n");
}

TEST_CASE("importance: an entry of another size is refused, but left out for embeddings",
          "[plan][importance]") {
  Fixture f;
  f.add("token_embd.weight", {4, 32}).role = "embedding";
  f.add("blk.0.attn_q.weight", {4, 32});
  CHECK_THROWS_WITH(f.use({{"blk.0.attn_q.weight", ones(64), {1}}}),
                    Contains("m.gguf: the entry 'blk.0.attn_q.weight' has 64 values, but the tensor "
                             "'blk.0.attn_q.weight' needs 32 (1 of 32 columns)"));
  f.warnings.clear();
  f.use({{"blk.0.attn_q.weight", ones(32), {1}}, {"token_embd.weight", ones(64), {1}}});
  CHECK(f.all_warnings() ==
        "m.gguf has importance of another size for token_embd.weight, which is not used\n");
}

TEST_CASE("importance: tensors without weights need none", "[plan][importance]") {
  Fixture f;
  f.add("blk.0.attn_q.weight", {4, 0});
  f.add("blk.0.ffn_up_exps.weight", {0, 4, 32});
  f.add("blk.0.attn_k.weight", {4, 32});
  f.use({{"blk.0.attn_q.weight", ones(32), {1}},
         {"blk.0.ffn_up_exps.weight", ones(32), {1}},
         {"blk.0.attn_k.weight", ones(32), {1}}});
  CHECK(f.output.tensors[0].importance == nullptr);
  CHECK(f.output.tensors[1].importance == nullptr);
  CHECK(f.output.tensors[2].importance != nullptr);
  CHECK(f.all_warnings() == "");
}

TEST_CASE("importance: a matrix of another model is refused", "[plan][importance]") {
  Fixture f;
  f.add("blk.0.attn_q.weight", {4, 32});
  CHECK_THROWS_WITH(f.use({{"blk.0.attn_qkv.weight", ones(32), {1}}}),
                    Contains("none of its 1 entries names a tensor of this model (the first is "
                             "'blk.0.attn_qkv.weight')"));
}

TEST_CASE("importance: stacked experts have their own columns, and those never measured are counted",
          "[plan][importance]") {
  Fixture f;
  f.add("blk.0.ffn_up_exps.weight", {3, 4, 32});
  Floats sums = ones(96);
  std::fill(sums.begin() + 64, sums.end(), 6.0f);
  f.use({{"blk.0.ffn_up_exps.weight", sums, {1, 0, 2}}});
  const TensorImportance& importance = *f.output.tensors[0].importance;
  CHECK(importance.columns(0) == ones(32));
  CHECK(importance.columns(1).empty());
  CHECK(importance.columns(2) == Floats(32, 3.0f));
  CHECK(importance.rows_per_matrix == 4);
  CHECK(f.all_warnings() ==
        "1 of 3 matrices had no activations when m.gguf was measured, so all their columns count "
        "equally "
        "(blk.0.ffn_up_exps.weight)\n");
}

TEST_CASE("importance: experts that are tensors of their own use their part of the stack",
          "[plan][importance]") {
  Fixture f;
  f.view->dialect = Dialect::huggingface;
  for (const int expert : {0, 1}) {
    ViewTensor& tensor = f.add("experts." + std::to_string(expert) + ".up.weight", {4, 32});
    tensor.gguf_name = "blk.0.ffn_up_exps.weight";
    tensor.gguf_matrix = expert;
    tensor.is_expert = true;
  }
  Floats sums = ones(64);
  std::fill(sums.begin() + 32, sums.end(), 6.0f);
  f.use({{"blk.0.ffn_up_exps.weight", sums, {1, 2}}});
  CHECK(f.output.tensors[0].importance->columns(0) == ones(32));
  CHECK(f.output.tensors[1].importance->columns(0) == Floats(32, 3.0f));
}

TEST_CASE("importance: what llama-quantize records about the matrix is recorded", "[plan][importance]") {
  const auto imatrix = test::open_imatrix(PQ_GOLDEN_DIR "/imatrix/SmolLM2-135M-wide.imatrix.gguf");
  Metadata metadata;
  record_importance(metadata, *imatrix);
  // As in tests/golden/llama_quantize.json.
  REQUIRE(metadata.entries().size() == 4);
  CHECK(metadata.string("quantize.imatrix.file", "") == "SmolLM2-135M-wide.imatrix.gguf");
  CHECK(metadata.string("quantize.imatrix.dataset", "") == "calibration.txt");
  CHECK((*metadata.find("quantize.imatrix.entries_count") == MetaValue(std::uint32_t{210})));
  CHECK((*metadata.find("quantize.imatrix.chunks_count") == MetaValue(std::uint32_t{64})));
}

TEST_CASE("importance: encodings of few bits without it are counted in one line", "[plan][importance]") {
  Fixture f;
  for (const char* name :
       {"token_embd.weight", "blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"})
    f.add(name, {4, 32});
  f.view->tensors[0].role = "embedding";  // llama-quantize does without it there
  const auto few = std::make_shared<const Described>("iq2_xs", GridFamily::lattice, 2.3125);
  for (const std::size_t i : {0u, 1u, 2u}) f.output.tensors[i].encoding = few;
  f.output.tensors[3].encoding = std::make_shared<const Described>("iq3_s", GridFamily::lattice, 3.4375);
  warn_of_missing_importance(f.output, false, f.warnings);
  CHECK(f.all_warnings() ==
        "tensors in so few bits need the importance of columns, and these have none: 2 as iq2_xs; "
        "give "
        "`imatrix: FILE` (--imatrix) or `calibration: {data: TEXTS}` (--calibration)\n");
  f.warnings.clear();
  f.output.tensors[1].importance = f.output.tensors[2].importance =
      std::make_shared<const TensorImportance>();
  warn_of_missing_importance(f.output, false, f.warnings);
  CHECK(f.warnings.empty());
}

TEST_CASE("importance: a recipe can ask for it where encodings alone do not", "[plan][importance]") {
  Fixture f;
  f.add("blk.0.attn_q.weight", {4, 32});
  f.output.tensors[0].encoding = std::make_shared<const Described>("q2_k", GridFamily::affine, 2.625);
  warn_of_missing_importance(f.output, false, f.warnings);
  CHECK(f.warnings.empty());
  warn_of_missing_importance(f.output, true, f.warnings);
  REQUIRE(f.warnings.size() == 1);
  CHECK_THAT(f.warnings[0], Contains("1 as q2_k"));
}

}  // namespace pq
