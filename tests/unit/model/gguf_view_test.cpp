// Hugging Face -> GGUF against what llama.cpp's convert_hf_to_gguf.py wrote (tests/golden/tiny/*/gguf.json).
#include "model/expression.hpp"
#include "model/tiny_model.hpp"
#include "tokenizer/sha256.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string type_text(const MetaValue& value) {
  if (std::holds_alternative<std::uint32_t>(value)) return "UINT32";
  if (std::holds_alternative<std::int32_t>(value)) return "INT32";
  if (std::holds_alternative<float>(value)) return "FLOAT32";
  if (std::holds_alternative<bool>(value)) return "BOOL";
  if (std::holds_alternative<std::string>(value)) return "STRING";
  if (std::holds_alternative<std::vector<std::string>>(value)) return "ARRAY[STRING]";
  if (std::holds_alternative<std::vector<std::int32_t>>(value)) return "ARRAY[INT32]";
  if (std::holds_alternative<std::vector<float>>(value)) return "ARRAY[FLOAT32]";
  if (std::holds_alternative<BoolArray>(value)) return "ARRAY[BOOL]";
  return "another type";
}

// The golden value of a scalar is what Python printed of it: an f32 appears as the double that it is.
bool same_value(const MetaValue& value, const Json& expected) {
  if (const auto* x = std::get_if<float>(&value)) return static_cast<double>(*x) == expected.number();
  if (const auto* x = std::get_if<std::uint32_t>(&value))
    return Json(static_cast<std::int64_t>(*x)) == expected;
  if (const auto* x = std::get_if<std::int32_t>(&value))
    return Json(static_cast<std::int64_t>(*x)) == expected;
  if (const auto* x = std::get_if<bool>(&value)) return Json(*x) == expected;
  if (const auto* x = std::get_if<std::string>(&value)) return Json(*x) == expected;
  return false;
}

}  // namespace

TEST_CASE("gguf view: tensors of the tiny checkpoints are those of the real converter", "[model][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const auto view = tiny::gguf_view_of(name);
  const Json expected = tiny::golden(name);
  const auto& tensors = expected.find("tensors")->array();
  REQUIRE(view->tensors.size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const ViewTensor& tensor = view->tensors[i];
    CHECK(tensor.name == tensors[i].find("name")->string());
    INFO(tensor.name);
    Json::Array dims;
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) dims.emplace_back(*size);
    CHECK(Json(dims) == *tensors[i].find("dims"));
    const std::string type = lower(tensors[i].find("type")->string());
    CHECK(tensor.keep_f32 == (type == "f32"));
    CHECK(sha256_hex(tiny::encoded(*view, i, type)) == tensors[i].find("sha256")->string());
  }
}

TEST_CASE("gguf view: metadata of the tiny checkpoints is that of the real converter, in its order",
          "[model][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const auto view = tiny::gguf_view_of(name);
  const Json expected = tiny::golden(name);
  std::vector<std::string> keys;
  for (const Json& entry : expected.find("metadata")->array()) {
    const std::string key = entry.find("key")->string();
    keys.push_back(key);
    if (key == "general.file_type") continue;  // its place is the family's, its value the plan's
    INFO(key);
    const MetaValue* value = view->metadata.find(key);
    REQUIRE(value != nullptr);
    CHECK(type_text(*value) == entry.find("type")->string());
    if (const Json* hash = entry.find("sha256"))
      CHECK(tiny::array_sha256(*value) == hash->string());
    else
      CHECK((same_value(*value, *entry.find("value")) ? "equal" : display(*value)) == "equal");
  }
  std::vector<std::string> ours;
  for (const auto& entry : view->metadata.entries())
    if (entry.first != "general.source.experts")  // ours, of folders with fused experts
      ours.push_back(entry.first);
  CHECK(ours == keys);
}

TEST_CASE("gguf view: the role of every tensor is known, in both dialects", "[model][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const auto gguf = tiny::gguf_view_of(name);
  for (const ViewTensor& tensor : gguf->tensors) {
    INFO(tensor.name);
    CHECK(!tensor.role.empty());
  }
  const auto folder =
      make_view(tiny::open_folder(tiny::folder(name)), tiny::folder(name), Dialect::huggingface, {});
  CHECK(folder->warnings.empty());
  for (const ViewTensor& tensor : folder->tensors) {
    INFO(tensor.name);
    CHECK(!tensor.role.empty());
  }
}

TEST_CASE("gguf view: Mixtral with fused experts, as transformers 5 can save it, gives the same tensors",
          "[model]") {
  const auto source = tiny::open_folder(tiny::folder("mixtral-4"));
  const auto& stored = source->header().tensors;
  tiny::MemoryModel model;
  model.header.side_files = source->header().side_files;
  std::vector<std::byte> scratch;
  const auto append = [&](const std::string& name, const std::string& from) {
    const auto found =
        std::find_if(stored.begin(), stored.end(), [&](const auto& t) { return t.name == from; });
    REQUIRE(found != stored.end());
    const Bytes bytes =
        source->rows(static_cast<std::size_t>(found - stored.begin()), 0, rows(found->shape), scratch);
    if (model.header.tensors.empty() || model.header.tensors.back().name != name) {
      model.header.tensors.push_back(*found);
      model.header.tensors.back().name = name;
      model.data.emplace_back();
    }
    model.data.back().insert(model.data.back().end(), bytes.begin(), bytes.end());
  };
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    for (const std::string expert : {"0.", "1.", "2.", "3."})
      for (const char* part : {"w1.weight", "w3.weight"})  // gate, then up, of each expert
        append(layer + "mlp.experts.gate_up_proj", layer + "block_sparse_moe.experts." + expert + part);
    model.header.tensors.back().shape = {4, 64, 64};
    for (const std::string expert : {"0.", "1.", "2.", "3."})
      append(layer + "mlp.experts.down_proj", layer + "block_sparse_moe.experts." + expert + "w2.weight");
    model.header.tensors.back().shape = {4, 64, 32};
    append(layer + "mlp.gate.weight", layer + "block_sparse_moe.gate.weight");
  }
  for (const TensorInfo& info : stored)
    if (info.name.find("block_sparse_moe") == std::string::npos) append(info.name, info.name);
  const auto expected = tiny::gguf_view_of("mixtral-4");
  const auto found = make_view(tiny::open_memory(std::move(model)), tiny::folder("mixtral-4"), Dialect::gguf,
                               tiny::options("mixtral-4"));
  REQUIRE(found->tensors.size() == expected->tensors.size());
  for (std::size_t i = 0; i < expected->tensors.size(); ++i) {
    const std::string& name = expected->tensors[i].name;
    INFO(name);
    std::size_t other = 0;
    while (other < found->tensors.size() && found->tensors[other].name != name) ++other;
    REQUIRE(other < found->tensors.size());
    CHECK(tiny::encoded(*found, other, "f32") == tiny::encoded(*expected, i, "f32"));
  }
}

TEST_CASE("gguf view: the splits of DeepSeek's tokenizers are known however they spell a line end",
          "[model]") {
  const std::string name = GENERATE("deepseek-v2", "deepseek-v2-lite", "deepseek-v3");
  INFO(name);
  const auto view = make_view(tiny::open_folder(tiny::folder(name)), tiny::folder(name), Dialect::gguf, {});
  CHECK(view->metadata.string("tokenizer.ggml.pre", "") == tiny::golden(name).find("fixed_pre")->string());
}
