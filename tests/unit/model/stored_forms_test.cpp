// Checkpoints that store the same model in another form: other names, tensors that are no weights, forms that cannot be read.
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

// A checkpoint in memory that can be changed.
tiny::MemoryModel memory_of(const std::string& name) {
  const auto reader = tiny::open_folder(tiny::folder(name));
  tiny::MemoryModel model;
  model.header = reader->header();
  std::vector<std::byte> scratch;
  for (std::size_t i = 0; i < model.header.tensors.size(); ++i) {
    const Bytes bytes = reader->rows(i, 0, rows(model.header.tensors[i].shape), scratch);
    model.data.emplace_back(bytes.begin(), bytes.end());
  }
  return model;
}

void add(tiny::MemoryModel& model, const std::string& name, const Shape& shape, std::byte fill) {
  TensorInfo info;
  info.name = name;
  info.shape = shape;
  info.encoding = "bf16";
  info.row_bytes = static_cast<std::uint64_t>(cols(shape)) * 2;
  info.file = "model.safetensors";
  model.data.emplace_back(info.bytes(), fill);
  model.header.tensors.push_back(std::move(info));
}

std::shared_ptr<const ModelView> convert(tiny::MemoryModel model, const std::string& name) {
  return make_view(tiny::open_memory(std::move(model)), tiny::folder(name), Dialect::gguf,
                   tiny::options(name));
}

void expect_same(const ModelView& a, const ModelView& b) {
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    CHECK(a.tensors[i].name == b.tensors[i].name);
    const std::string encoding = a.tensors[i].keep_f32 ? "f32" : "bf16";
    CHECK(tiny::encoded(a, i, encoding) == tiny::encoded(b, i, encoding));
  }
}

}  // namespace

TEST_CASE("stored forms: GPT-2 without the prefix of its class and with its masks", "[model]") {
  tiny::MemoryModel model = memory_of("gpt2");
  for (TensorInfo& info : model.header.tensors)
    info.name = info.name.substr(std::string("transformer.").size());
  add(model, "h.0.attn.bias", {1, 1, 64, 64}, std::byte{1});
  add(model, "h.1.attn.masked_bias", {1}, std::byte{1});
  expect_same(*convert(std::move(model), "gpt2"), *tiny::gguf_view_of("gpt2"));
}

TEST_CASE("stored forms: one tensor under both of its names is refused", "[model]") {
  tiny::MemoryModel model = memory_of("gpt2");
  add(model, "wte.weight", {280, 64}, std::byte{0});
  CHECK_THROWS_WITH(convert(std::move(model), "gpt2"), Contains("'transformer.wte.weight'") &&
                                                           Contains("'wte.weight'") &&
                                                           Contains("same meaning"));
}

TEST_CASE("stored forms: biases of nothing but zeros are left out, others are not", "[model]") {
  tiny::MemoryModel zero = memory_of("cohere2"), other = memory_of("cohere2");
  add(zero, "model.layers.0.input_layernorm.bias", {64}, std::byte{0});
  add(other, "model.layers.0.input_layernorm.bias", {64}, std::byte{1});
  expect_same(*convert(std::move(zero), "cohere2"), *tiny::gguf_view_of("cohere2"));
  CHECK_THROWS_WITH(convert(std::move(other), "cohere2"),
                    Contains("input_layernorm.bias") && Contains("would be lost"));
}

TEST_CASE("stored forms: DeepSeek's layer for the prediction of several tokens is left out, and said",
          "[model]") {
  tiny::MemoryModel model = memory_of("deepseek-v3");
  for (const char* name :
       {"eh_proj.weight", "enorm.weight", "self_attn.o_proj.weight", "shared_head.head.weight"})
    add(model, std::string("model.layers.2.") + name, {64, 64}, std::byte{1});
  const auto view = convert(std::move(model), "deepseek-v3");
  expect_same(*view, *tiny::gguf_view_of("deepseek-v3"));
  REQUIRE(view->warnings.size() == 1);
  CHECK_THAT(view->warnings[0], Contains("model.layers.2"));
}

TEST_CASE("stored forms: a layer above the number of layers is no such layer", "[model]") {
  tiny::MemoryModel model = memory_of("deepseek-v3");
  add(model, "model.layers.2.self_attn.o_proj.weight", {64, 64}, std::byte{1});
  CHECK_THROWS_WITH(convert(std::move(model), "deepseek-v3"),
                    Contains("model.layers.2.") && Contains("num_hidden_layers 2"));
}

TEST_CASE("stored forms: storage that the format did not understand is refused with the way out", "[model]") {
  const auto [name, tensor, cure] = GENERATE(table<std::string, std::string, std::string>({
      {"gpt-oss", "model.layers.0.mlp.experts.gate_up_proj_scales", "quant_method: mxfp4"},
      {"deepseek-v3", "model.layers.0.self_attn.o_proj.weight_scale_inv", "quant_method: fp8"},
      {"llama", "model.layers.0.self_attn.q_proj.weight_packed", "before its quantization"},
      {"phi3", "model.layers.0.self_attn.qkv_proj.qweight", "GPTQ or AWQ"},
      {"falcon-7b", "transformer.h.0.mlp.dense_h_to_4h.weight.absmax", "bitsandbytes"},
  }));
  tiny::MemoryModel model = memory_of(name);
  add(model, tensor, {4, 4}, std::byte{1});
  CHECK_THROWS_WITH(convert(std::move(model), name),
                    Contains("model.safetensors: tensor '" + tensor + "'") && Contains(cure));
}

TEST_CASE("stored forms: fused experts will come back as single ones, which is said", "[model]") {
  const auto warnings = tiny::gguf_view_of("qwen3moe-fused")->warnings;
  REQUIRE(warnings.size() == tiny::gguf_view_of("qwen3moe")->warnings.size() + 1);
  CHECK(std::any_of(warnings.begin(), warnings.end(), [](const std::string& warning) {
    return warning.find("experts of this folder are fused") != std::string::npos;
  }));
}

TEST_CASE("stored forms: DeepSeek with fused experts, as transformers 5 can save it", "[model]") {
  // The stacked rows of GGUF are those of the fused tensor: gate rows first, then up rows.
  const std::string name = "deepseek-v2";
  const auto expected = tiny::gguf_view_of(name);
  tiny::MemoryModel model = memory_of(name);
  std::vector<std::byte> gate_up, down;
  tiny::MemoryModel fused;
  fused.header = model.header;
  fused.header.tensors.clear();
  const auto bytes_of = [&](const std::string& tensor) -> const std::vector<std::byte>& {
    for (std::size_t i = 0; i < model.header.tensors.size(); ++i)
      if (model.header.tensors[i].name == tensor) return model.data[i];
    FAIL(tensor);
    return model.data[0];
  };
  for (int expert = 0; expert < 6; ++expert) {
    const std::string prefix = "model.layers.1.mlp.experts." + std::to_string(expert) + ".";
    for (const char* part : {"gate_proj.weight", "up_proj.weight"}) {
      const auto& bytes = bytes_of(prefix + part);
      gate_up.insert(gate_up.end(), bytes.begin(), bytes.end());
    }
    const auto& bytes = bytes_of(prefix + "down_proj.weight");
    down.insert(down.end(), bytes.begin(), bytes.end());
  }
  for (std::size_t i = 0; i < model.header.tensors.size(); ++i) {
    if (model.header.tensors[i].name.find(".mlp.experts.") != std::string::npos) continue;
    fused.header.tensors.push_back(model.header.tensors[i]);
    fused.data.push_back(model.data[i]);
  }
  add(fused, "model.layers.1.mlp.experts.gate_up_proj", {6, 64, 64}, std::byte{0});
  fused.data.back() = gate_up;
  add(fused, "model.layers.1.mlp.experts.down_proj", {6, 64, 32}, std::byte{0});
  fused.data.back() = down;
  const auto view = convert(std::move(fused), name);
  REQUIRE(view->tensors.size() == expected->tensors.size());
  for (std::size_t i = 0; i < view->tensors.size(); ++i)
    for (std::size_t k = 0; k < expected->tensors.size(); ++k)
      if (expected->tensors[k].name == view->tensors[i].name) {
        INFO(view->tensors[i].name);
        CHECK(view->tensors[i].shape == expected->tensors[k].shape);
        const std::string encoding = view->tensors[i].keep_f32 ? "f32" : "bf16";
        CHECK(tiny::encoded(*view, i, encoding) == tiny::encoded(*expected, k, encoding));
      }
}
