#include "bitsandbytes/support.hpp"
#include "packed/support.hpp"
#include "safetensors/support.hpp"

#include <polyquant/codec/table_row.hpp>
#include <polyquant/testing/measure.hpp>

#include <catch2/catch.hpp>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;

namespace {

std::unique_ptr<Format> bitsandbytes() { return bnb::make_bitsandbytes(Node()); }

OutputTensor tensor(const std::string& name, const Shape& shape, const std::string& spec) {
  if (spec == "bf16") return {name, shape, spec, static_cast<std::uint64_t>(2 * cols(shape))};
  const auto encoding = bnb_encoding(spec);
  return {name, shape, spec, encoding->row_bytes(cols(shape)), encoding->shared_bytes(cols(shape))};
}

OutputModel model_of(std::vector<OutputTensor> tensors) {
  OutputModel model;
  model.tensors = std::move(tensors);
  model.side_files.push_back(
      {"config.json", {}, R"({"model_type": "llama", "dtype": "bfloat16", "eps": 1e-05})"});
  return model;
}

std::string plan_error(std::vector<OutputTensor> tensors) {
  return message_of<ConfigError>([&] { bitsandbytes()->layout("out", model_of(std::move(tensors))); });
}

std::string rejection(const std::string& spec, const Shape& shape) {
  return bitsandbytes()->rejects(*bnb_encoding(spec), shape).value_or("");
}

const Shape kSquare{128, 128};
constexpr const char* kNested = "nf4:block=64,double_quant=true";

std::vector<std::byte> some_rows(const Encoding& encoding, std::int64_t rows, std::int64_t cols,
                                 std::uint64_t seed) {
  return testing::encode(encoding, testing::gaussian(rows, cols, seed).matrix());
}

}  // namespace

TEST_CASE("bitsandbytes: what it cannot store is refused with a cure", "[bitsandbytes]") {
  CHECK(rejection("nf4:block=64", kSquare).empty());
  CHECK(rejection("int8", {7, 9}).empty());
  CHECK(rejection("nf4:block=64", {128}) ==
        "bitsandbytes quantizes matrices only, and [128] is none; keep it in 16 bits");
  CHECK(rejection("nf4:block=128", {4, 576}) ==
        "blocks of 128 would cross the rows of 576 columns; use block=64");
  CHECK(rejection("fp4:block=64", {4, 100}) ==
        "blocks of 64 would cross the rows of 100 columns; keep this tensor in 16 bits");
  CHECK(rejection("nf4:block=4", {4, 100}) ==
        "bitsandbytes has blocks of 32, 64, 128 and so on up to 4096, not of 4; keep this tensor in 16 bits");
}

TEST_CASE("bitsandbytes: mixtures that transformers cannot load are refused", "[bitsandbytes]") {
  CHECK_THAT(plan_error({tensor("a.weight", kSquare, "nf4:block=64"), tensor("b.weight", kSquare, "int8")}),
             Contains("tensor 'b.weight': int8 and nf4 cannot be in one model"));
  CHECK_THAT(plan_error({tensor("model.embed_tokens.weight", kSquare, "nf4:block=64")}),
             Contains("{match: embedding, encoding: bf16}"));
  CHECK_THAT(plan_error({tensor("experts.gate_up_proj", kSquare, "int8")}), Contains("named *.weight"));
  OutputModel model = model_of({tensor("a.weight", kSquare, "nf4:block=64")});
  model.side_files.clear();
  CHECK_THAT(message_of<ConfigError>([&] { bitsandbytes()->layout("out", model); }),
             Contains("has no config.json"));
  CHECK_NOTHROW(bitsandbytes()->layout("out", model_of({tensor("a.weight", kSquare, "nf4:block=64"),
                                                        tensor("b.weight", kSquare, "fp4:block=64")})));
}

TEST_CASE("bitsandbytes: config.json says what is quantized and what is not", "[bitsandbytes]") {
  const auto planned = bnb::plan_output(
      model_of({tensor("model.embed_tokens.weight", kSquare, "bf16"),
                tensor("model.a.weight", kSquare, kNested), tensor("model.b.weight", kSquare, "bf16"),
                tensor("model.norm.weight", {128}, "bf16")}),
      "auto", 1 << 20);
  const auto config = nlohmann::ordered_json::parse(planned.side_files.at(0).content);
  CHECK(config["eps"] == 1e-05);
  CHECK(config["quantization_config"].dump() ==
        R"({"_load_in_4bit":true,"_load_in_8bit":false,"bnb_4bit_compute_dtype":"bfloat16",)"
        R"("bnb_4bit_quant_storage":"uint8","bnb_4bit_quant_type":"nf4","bnb_4bit_use_double_quant":true,)"
        R"("llm_int8_enable_fp32_cpu_offload":false,"llm_int8_has_fp16_weight":false,)"
        R"("llm_int8_skip_modules":["model.embed_tokens","model.b","lm_head"],"llm_int8_threshold":6.0,)"
        R"("load_in_4bit":true,"load_in_8bit":false,"quant_method":"bitsandbytes"})");
}

TEST_CASE("bitsandbytes: quantization_config is taken away on reading, other methods' stay",
          "[bitsandbytes]") {
  const TempFolder folder;
  OutputModel model = model_of({tensor("a.weight", kSquare, "int8")});
  const auto writer = bitsandbytes()->create(folder / "out", model, false);
  writer->write_rows(0, 0, some_rows(*bnb_encoding("int8"), 128, 128, 1));
  writer->seal();
  const auto reader = bitsandbytes()->open(folder / "out");
  CHECK(reader->check().empty());
  REQUIRE(reader->header().side_files.size() == 1);
  CHECK(reader->header().side_files[0].content.find("quantization_config") == std::string::npos);
  CHECK(reader->header().tensors.at(0).bytes() == 128 * 128 + 128 * 4 + 1);
}

TEST_CASE("bitsandbytes: rows come back in any order, before and after the end", "[bitsandbytes]") {
  const TempFolder folder;
  const Shape shape{24, 1024};  // 384 blocks: two groups of 256 that share rows
  const auto encoding = bnb_encoding(kNested);
  const testing::Sample sample = testing::gaussian(24, 1024, 2);
  const auto shared = encoding->survey(RowsInMemory(rows_of(sample.values, 1024)));
  const auto bytes = testing::encode(*encoding->bind(shared, 1024), sample.matrix());
  const std::size_t size = encoding->row_bytes(1024);
  const OutputModel model = model_of({tensor("a.weight", shape, kNested)});
  const auto writer = bitsandbytes()->create(folder / "out", model, false);
  CHECK(writer->reopen()->header().tensors.at(0).shared.size() == shared.size());  // nothing is there yet
  writer->write_shared(0, shared);
  for (std::int64_t r = 24; r-- > 0;)
    writer->write_rows(0, r, Bytes(bytes).subspan(static_cast<std::size_t>(r) * size, size));
  const auto check = [&](const ModelReader& reader) {
    std::vector<std::byte> scratch;
    const Bytes back = reader.rows(0, 0, 24, scratch);
    CHECK(std::equal(back.begin(), back.end(), bytes.begin(), bytes.end()));
    CHECK(reader.header().tensors[0].shared == shared);
  };
  check(*writer->reopen());
  writer->seal();
  check(*bitsandbytes()->open(folder / "out"));
}

TEST_CASE("bitsandbytes: an interrupted output keeps its nested scales", "[bitsandbytes]") {
  const TempFolder folder;
  const auto encoding = bnb_encoding(kNested);
  const testing::Sample sample = testing::gaussian(128, 128, 2);
  const auto shared = encoding->survey(RowsInMemory(rows_of(sample.values, 128)));
  const auto bytes = testing::encode(*encoding->bind(shared, 128), sample.matrix());
  const OutputModel model = model_of({tensor("a.weight", kSquare, kNested)});
  {
    const auto writer = bitsandbytes()->create(folder / "out", model, false);
    writer->write_shared(0, shared);
    writer->write_rows(0, 0, bytes);
    writer->flush();
    writer->keep();
  }
  bitsandbytes()->create(folder / "out", model, true)->seal();
  CHECK(bitsandbytes()->open(folder / "out")->header().tensors.at(0).shared == shared);
}

TEST_CASE("bitsandbytes: rows that disagree on a common range are refused", "[bitsandbytes]") {
  const TempFolder folder;
  const OutputModel model = model_of({tensor("a.weight", kSquare, kNested)});
  const auto writer = bitsandbytes()->create(folder / "out", model, false);
  // Not bound to the scales of a tensor, each block has a range of its own.
  const auto bytes = some_rows(*bnb_encoding(kNested), 128, 128, 3);
  CHECK_THAT(message_of<FormatError>([&] { writer->write_rows(0, 0, bytes); }),
             Contains("tensor 'a.weight': its rows do not agree on the range of the scales 0 to 255"));
}

TEST_CASE("bitsandbytes: the parts of a weight stay in one file", "[bitsandbytes]") {
  std::vector<OutputTensor> tensors;
  for (const char* name : {"a.weight", "b.weight", "c.weight"})
    tensors.push_back(tensor(name, kSquare, "nf4:block=64"));
  const auto planned =
      bnb::plan_output(model_of(tensors), "auto", 10'000);  // each weight has some 9,400 bytes
  REQUIRE(planned.folder.shards.size() == 3);
  for (const bnb::Pieces& pieces : planned.pieces)
    for (const std::size_t part : {pieces.scales, pieces.map, pieces.state})
      CHECK(planned.folder.places[part].shard == planned.folder.places[pieces.codes].shard);
}

TEST_CASE("bitsandbytes: a folder without codes, and codes that loaders leave unread, are said",
          "[bitsandbytes]") {
  const auto warnings = [](OutputModel model, const char* config) {
    model.side_files = {{"config.json", {}, config}};
    const TempFolder folder;
    return warnings_of([&] { bitsandbytes()->layout(folder / "out", model); });
  };
  const auto plain = warnings(model_of({tensor("a.weight", kSquare, "bf16")}), "{}");
  REQUIRE(plain.size() == 1);
  CHECK_THAT(plain[0], Contains("no tensor of the output is quantized"));
  const OutputModel head = model_of({tensor("lm_head.weight", kSquare, "nf4:block=64")});
  CHECK(warnings(head, "{}").empty());
  const auto tied = warnings(head, R"({"tie_word_embeddings": true})");
  REQUIRE(tied.size() == 1);
  CHECK_THAT(tied[0], Contains("tie_word_embeddings"));
}

TEST_CASE("bitsandbytes: a single file is known by its parts, however long the header is", "[bitsandbytes]") {
  constexpr std::size_t kProbed = 64 * 1024;
  const TempFolder folder;
  const auto certainty = [&](const std::string& last, int pads) {
    std::string header = "{";
    for (int i = 0; i < pads; ++i)
      header += entry("layers." + std::to_string(i) + ".norm.weight", "F32", "[0]", "[0,0]") + ",";
    const std::string file = file_of(header + entry(last, "U8", "[0]", "[0,0]") + "}");
    CHECK((file.size() > kProbed) == (pads > 1));
    write_file(folder / "m.safetensors", file);
    Probe probe;
    probe.path = folder / "m.safetensors";
    probe.head = std::as_bytes(std::span(file)).first(std::min(kProbed, file.size()));
    return bitsandbytes()->probe(probe);
  };
  for (const int pads : {1, 2000}) {
    for (const char* part : {"a.weight.quant_state.bitsandbytes__nf4", "a.SCB", "a.weight.quant_map",
                             "a.weight.absmax", "a.weight.nested_absmax"})
      CHECK(certainty(part, pads) == 97);
    CHECK(certainty("a.weight", pads) == 0);
  }
  Probe gone;
  gone.path = folder / "gone.safetensors";
  const std::string head = length_bytes(1'000'000) + "{\"a\"";
  gone.head = std::as_bytes(std::span(head));
  CHECK(bitsandbytes()->probe(gone) == 0);
}
