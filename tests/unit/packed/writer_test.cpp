// Outputs of packed layers: descriptions, resume, refusals.
#include "packed/support.hpp"

#include "common/packed_words.hpp"
#include "gptq/planes.hpp"
#include "gptq/zeros.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace pq;
using namespace pq::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

OutputTensor matrix(const std::string& name, const std::string& spec, Shape shape = {32, 64}) {
  const std::uint64_t bytes = AffineRows(parse_affine_spec(spec), cols(shape)).row_bytes();
  return {name, std::move(shape), spec, bytes};
}
OutputTensor plain(const std::string& name, Shape shape = {32, 64}) {
  const auto bytes = static_cast<std::uint64_t>(cols(shape)) * 2;
  return {name, std::move(shape), "f16", bytes};
}

const std::string k4 = "affine:bits=4,group=32,symmetric=true";
const std::string k8 = "affine:bits=8,group=64";

/// quantization_config of an output, after checking that quantize_config.json is the same (if the format has it).
json description(const std::string& id, const std::vector<OutputTensor>& tensors) {
  OutputModel model;
  model.tensors = tensors;
  model.side_files = {{"config.json", {}, R"({"model_type": "llama", "quantization_config": {"bits": 1}})"}};
  const TempFolder folder;
  packed_format(id)->create(folder / "out", model, false)->seal();
  const json config = json::parse(read_file(folder / "out" / "config.json"));
  CHECK(config.at("model_type") == "llama");
  if (id == "gptq")
    CHECK(json::parse(read_file(folder / "out" / "quantize_config.json")) ==
          config.at("quantization_config"));
  return config.at("quantization_config");
}

std::string refusal(const std::string& id, const std::vector<OutputTensor>& tensors) {
  OutputModel model;
  model.tensors = tensors;
  return message_of<ConfigError>([&] { packed_format(id)->layout("out", model); });
}

std::string a(int layer, const std::string& rest) {
  return "model.layers." + std::to_string(layer) + "." + rest + ".weight";
}

}  // namespace

TEST_CASE("gptq: symmetric outputs are v1, others v2", "[formats][packed]") {
  const json v1 = description("gptq", {matrix(a(0, "mlp.up_proj"), k4), plain("model.norm.weight", {64})});
  CHECK(v1.at("checkpoint_format") == "gptq");
  CHECK(v1.at("quant_method") == "gptq");
  CHECK(v1.at("bits") == 4);
  CHECK(v1.at("group_size") == 32);
  CHECK(v1.at("sym") == true);
  CHECK(v1.at("desc_act") == false);
  CHECK(v1.at("lm_head") == false);
  CHECK_FALSE(v1.contains("dynamic"));
  const json v2 = description("gptq", {matrix(a(0, "mlp.up_proj"), k8), matrix("lm_head.weight", k8)});
  CHECK(v2.at("checkpoint_format") == "gptq_v2");
  CHECK(v2.at("lm_head") == true);
}

TEST_CASE("gptq: layers that differ from most are rules, one where all layer blocks agree",
          "[formats][packed]") {
  std::vector<OutputTensor> tensors;
  for (int i = 0; i < 3; ++i) {
    tensors.push_back(matrix(a(i, "mlp.up_proj"), k4));
    tensors.push_back(matrix(a(i, "mlp.down_proj"), k8));
    tensors.push_back(i == 1 ? plain(a(i, "self_attn.o_proj")) : matrix(a(i, "self_attn.o_proj"), k4));
    tensors.push_back(plain(a(i, "mlp.gate")));
  }
  tensors.push_back(plain("lm_head.weight"));
  tensors.push_back(plain("model.embed_tokens.weight"));
  const json rules = description("gptq", tensors).at("dynamic");
  CHECK(rules.size() == 3);
  CHECK(rules.at(R"(+:model\.layers\.\d+\.mlp\.down_proj$)") ==
        json({{"bits", 8}, {"group_size", 64}, {"sym", false}, {"desc_act", false}}));
  CHECK(rules.contains(R"(-:model\.layers\.\d+\.mlp\.gate$)"));
  CHECK(rules.contains(R"(-:model\.layers\.1\.self_attn\.o_proj$)"));
}

TEST_CASE("awq: the description names what stays as it is", "[formats][packed]") {
  const json found =
      description("awq", {matrix(a(0, "mlp.up_proj"), "affine:bits=4,group=32"), plain(a(0, "mlp.router"))});
  CHECK(found.at("quant_method") == "awq");
  CHECK(found.at("version") == "gemm");
  CHECK(found.at("zero_point") == true);
  CHECK(found.at("group_size") == 32);
  CHECK(found.at("modules_to_not_convert") == json::array({"model.layers.0.mlp.router"}));
}

TEST_CASE("packed outputs: what the format cannot express is refused at plan time", "[formats][packed]") {
  const std::string name = a(0, "mlp.up_proj");
  CHECK_THAT(refusal("gptq", {matrix(name, "affine:bits=6,group=32")}), Contains("not 6"));
  CHECK_THAT(refusal("gptq", {matrix(name, "affine:bits=4,group=48")}), Contains("not 48"));
  CHECK_THAT(refusal("gptq", {matrix(name, k4, {40, 64})}), Contains("multiples of 32"));
  CHECK_THAT(refusal("gptq", {matrix(name, "affine:bits=4,group=32,zero=offset")}), Contains("integers"));
  CHECK_THAT(refusal("gptq", {matrix("model.embed_tokens.weight", k4)}), Contains("embeddings"));
  CHECK_THAT(refusal("gptq", {plain(name)}), Contains("nothing to pack"));
  CHECK_THAT(refusal("awq", {matrix(name, k8)}), Contains("4 bits"));
  CHECK_THAT(refusal("awq", {matrix(name, "affine:bits=4,group=48")}), Contains("divide"));
  CHECK_THAT(refusal("awq", {matrix(name, k4), matrix(a(1, "mlp.up_proj"), "affine:bits=4,group=64")}),
             Contains("same group"));
  CHECK_THAT(refusal("awq", {matrix("lm_head.weight", k4)}), Contains("head"));
  CHECK_THAT(refusal("awq", {matrix(a(0, "mlp.gate_proj"), k4), plain(a(0, "mlp.gate"))}),
             Contains("modules_to_not_convert"));
}

namespace {

std::vector<std::string> warnings(const std::string& id, const std::vector<OutputTensor>& tensors,
                                  bool tied = false) {
  OutputModel model;
  model.tensors = tensors;
  model.side_files = {{"config.json", {}, json({{"tie_word_embeddings", tied}}).dump()}};
  const TempFolder folder;
  return warnings_of([&] { packed_format(id)->layout(folder / "out", model); });
}

}  // namespace

TEST_CASE("packed outputs: what loaders will not take is said in a sentence", "[formats][packed]") {
  const std::string up = a(0, "mlp.up_proj"), expert = a(0, "mlp.experts.3.up_proj");
  CHECK(warnings("gptq", {matrix(up, k4), matrix("lm_head.weight", k4)}).empty());
  for (const char* id : {"gptq", "awq"}) {
    const auto of_experts = warnings(id, {matrix(expert, k4)});
    REQUIRE(of_experts.size() == 1);
    CHECK_THAT(of_experts[0], Contains("transformers 5 holds those of a layer in one tensor"));
  }
  const auto of_head = warnings("gptq", {matrix(up, k4), matrix("lm_head.weight", k4)}, true);
  REQUIRE(of_head.size() == 1);
  CHECK_THAT(of_head[0], Contains("tie_word_embeddings"));
  const auto of_tail = warnings("gptq", {matrix(up, "affine:bits=4,group=64,symmetric=true", {32, 96})});
  REQUIRE(of_tail.size() == 1);
  CHECK_THAT(of_tail[0], Contains("fewer than 64 columns") && Contains("group=32 divides all of them"));
  const auto of_mixture = warnings(
      "gptq", {matrix(up, k4), matrix(a(0, "mlp.down_proj"), "affine:bits=8,group=32,symmetric=true")});
  REQUIRE(of_mixture.size() == 1);
  CHECK_THAT(of_mixture[0], Contains("not all layers are alike") && Contains("dynamic"));
  CHECK(warnings("gptq", {matrix(up, k4), plain(a(0, "mlp.router")), plain(a(0, "mlp.gate"))}).empty());
  const auto of_plain =
      warnings("gptq", {matrix(up, k4), plain(a(0, "mlp.down_proj")), plain(a(0, "mlp.gate"))});
  REQUIRE(of_plain.size() == 1);
  CHECK_THAT(of_plain[0], Contains("mlp.down_proj' stays in 16 or 32 bits") && Contains("transformers"));
}

TEST_CASE("packed outputs: interrupted within a layer, continued, and the same bytes", "[formats][packed]") {
  const json golden = packed_cases()[3];
  const PackedFolder folder(golden);
  const auto format = packed_format("gptq");
  const auto reader = format->open(folder.path());
  const OutputModel model = output_of(*reader);
  const TempFolder target;
  const auto whole = format->create(target / "whole", model, false);
  write_tensor(*whole, *reader, 0, 64);
  whole->seal();
  std::vector<std::byte> scratch;
  {
    const auto writer = format->create(target / "out", model, false);
    if (!reader->header().tensors[0].shared.empty())
      writer->write_shared(0, reader->header().tensors[0].shared);
    writer->write_rows(0, 10, reader->rows(0, 10, 30, scratch));
    writer->keep();
  }
  {
    const auto writer = format->create(target / "out", model, true);
    const auto before = writer->reopen();
    const std::vector<std::byte> wanted = all_rows(*reader, 0, 64);
    const std::size_t row_bytes = reader->header().tensors[0].row_bytes;
    CHECK(std::ranges::equal(before->rows(0, 10, 30, scratch),
                             Bytes(wanted).subspan(10 * row_bytes, 30 * row_bytes)));
    writer->write_rows(0, 0, reader->rows(0, 0, 10, scratch));
    writer->write_rows(0, 40, reader->rows(0, 40, 24, scratch));
    CHECK(all_rows(*writer->reopen(), 0, 64) == all_rows(*reader, 0, 64));
    writer->seal();
  }
  CHECK(read_file(target / "out" / "model.safetensors") == read_file(target / "whole" / "model.safetensors"));
}

TEST_CASE("gptq: layers with rules of their own are continued before they are written", "[formats][packed]") {
  // The usual group is 32. Groups of 64 leave 32 of 160 columns: three that no division and no unwritten g_idx tells.
  OutputModel model;
  for (int i = 0; i < 3; ++i) model.tensors.push_back(matrix(a(i, "mlp.up_proj"), k4));
  const std::string other = "affine:bits=4,group=64,symmetric=true";
  model.tensors.push_back(matrix(a(0, "mlp.down_proj"), other, {32, 160}));
  model.tensors.push_back(matrix(a(1, "mlp.down_proj"), "affine:bits=4,group=256,symmetric=true", {32, 576}));
  model.side_files = {{"config.json", {}, R"({"model_type": "llama"})"}};
  std::vector<std::vector<std::byte>> rows;
  for (const OutputTensor& tensor : model.tensors) {
    rows.emplace_back(tensor.row_bytes * 32);
    for (std::size_t i = 0; i < rows.back().size(); ++i) rows.back()[i] = static_cast<std::byte>(i % 113);
  }
  const TempFolder target;
  const auto format = packed_format("gptq");
  const auto whole = format->create(target / "whole", model, false);
  for (std::size_t t = 0; t < rows.size(); ++t) whole->write_rows(t, 0, rows[t]);
  whole->seal();
  {
    const auto writer = format->create(target / "out", model, false);
    writer->write_rows(0, 0, rows[0]);
    writer->keep();
  }
  const auto writer = format->create(target / "out", model, true);
  const auto before = writer->reopen();
  for (const OutputTensor& tensor : model.tensors)
    CHECK(before->header().tensors.at(index_of(*before, tensor.name)).encoding == tensor.encoding);
  for (std::size_t t = 1; t < rows.size(); ++t) writer->write_rows(t, 0, rows[t]);
  writer->seal();
  CHECK(read_file(target / "out" / "model.safetensors") == read_file(target / "whole" / "model.safetensors"));
  const auto back = format->open(target / "out");
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const std::size_t found = index_of(*back, model.tensors[t].name);
    CHECK(back->header().tensors[found].encoding == model.tensors[t].encoding);
    CHECK(all_rows(*back, found, 32) == rows[t]);
  }
}

TEST_CASE("gptq: zeros of 0 in v1 borrow from their neighbours and come back", "[formats][packed]") {
  const std::array<std::uint8_t, 8> zeros = {0, 8, 8, 8, 8, 8, 8, 8};
  std::array<std::byte, 4> word{};
  hf::write_zeros(zeros, hf::GptqVersion::v1, 4, word);
  CHECK(load<std::uint32_t>(word.data()) == 0x7777776F);  // by GPTQModel's rule
  std::array<std::uint8_t, 8> back{};
  hf::read_zeros(word, hf::GptqVersion::v1, 4, 0, back);
  CHECK(back == zeros);
  word = {};
  hf::write_zeros(zeros, hf::GptqVersion::v2, 4, word);
  CHECK(load<std::uint32_t>(word.data()) == 0x88888880);
}

TEST_CASE("gptq: 0 to 7, four times, in planes are the words of the specification", "[formats][packed]") {
  std::array<std::uint8_t, 32> numbers{}, back{};
  for (std::size_t i = 0; i < 32; ++i) numbers[i] = static_cast<std::uint8_t>(i % 8);
  std::array<std::uint32_t, 3> words{};
  hf::pack_planes(numbers.data(), 3, words.data());
  CHECK(words == std::array<std::uint32_t, 3>{0xE4E4E4E4, 0xE4E4E4E4, 0xF0F0F0F0});
  hf::unpack_planes(words.data(), 3, back.data());
  CHECK(back == numbers);
  std::array<std::byte, 12> stream{};
  for (std::size_t i = 0; i < 32; ++i) hf::put_stream_number(stream.data(), 3, i, numbers[i]);
  CHECK(load<std::uint32_t>(stream.data()) == 0x88FAC688);
  CHECK(load<std::uint32_t>(stream.data() + 4) == 0xC688FAC6);
  CHECK(load<std::uint32_t>(stream.data() + 8) == 0xFAC688FA);
}
