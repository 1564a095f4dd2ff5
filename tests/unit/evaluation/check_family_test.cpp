// Whether a model has the tensors of its family.
#include "evaluation/check_model.hpp"
#include "model/tiny_model.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;
using Catch::Contains;

namespace {

ModelCheck check_of(tiny::MemoryModel model, const std::filesystem::path& path = "tiny.gguf") {
  ModelCheck check;
  check_family({nullptr, tiny::open_memory(std::move(model))}, path, check);
  return check;
}

tiny::MemoryModel gguf_of(const std::string& name) {
  return tiny::written(*tiny::gguf_view_of(name), "bf16");
}

tiny::MemoryModel folder_of(const std::string& name) {
  const auto reader = tiny::open_folder(tiny::folder(name));
  return tiny::written(*make_view(reader, tiny::folder(name), Dialect::huggingface, {}), "bf16");
}

TensorInfo& tensor(tiny::MemoryModel& model, const std::string& name) {
  const auto found = std::find_if(model.header.tensors.begin(), model.header.tensors.end(),
                                  [&](const TensorInfo& info) { return info.name == name; });
  REQUIRE(found != model.header.tensors.end());
  return *found;
}

}  // namespace

TEST_CASE("check: every checkpoint and its GGUF file have the tensors of their family",
          "[evaluation][model]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  CHECK(check_of(gguf_of(name)).problems.empty());
  ModelCheck folder;
  check_family({nullptr, tiny::open_folder(tiny::folder(name))}, tiny::folder(name), folder);
  CHECK(folder.problems.empty());
  CHECK(folder.unchecked.empty());
}

TEST_CASE("check: a tensor that is missing from a GGUF file is a problem", "[evaluation][model]") {
  const auto [name, tensor_name] =
      GENERATE(table<std::string, std::string>({{"llama", "blk.1.ffn_gate.weight"},
                                                {"mixtral-8", "output_norm.weight"},
                                                {"gpt2", "blk.0.attn_qkv.bias"}}));
  INFO(name);
  auto model = gguf_of(name);
  tensor(model, tensor_name).name = "blk.0.unheard_of.weight";
  const ModelCheck check = check_of(std::move(model));
  REQUIRE(check.problems.size() == 1);
  CHECK_THAT(check.problems[0], Contains("tiny.gguf: tensor '" + tensor_name + "' is missing"));
}

TEST_CASE("check: a tensor too many is a problem", "[evaluation][model]") {
  auto model = gguf_of("llama");
  model.header.tensors.push_back(tensor(model, "output_norm.weight"));
  model.header.tensors.back().name = "blk.2.attn_norm.weight";
  model.data.push_back(model.data.back());
  CHECK_THAT(check_of(std::move(model)).problems.at(0), Contains("'blk.2.attn_norm.weight' is not known"));
}

TEST_CASE("check: a folder without one of its tensors is a problem", "[evaluation][model]") {
  auto model = folder_of("llama");
  model.header.side_files = tiny::open_folder(tiny::folder("llama"))->header().side_files;
  tensor(model, "model.layers.1.mlp.up_proj.weight").name = "model.layers.1.mlp.up.weight";
  const ModelCheck check = check_of(std::move(model), tiny::folder("llama"));
  REQUIRE(check.problems.size() == 1);
  CHECK_THAT(check.problems[0], Contains("'model.layers.1.mlp.up_proj.weight' is missing"));
}

TEST_CASE("check: an unknown architecture cannot be judged, and an adapter is no model",
          "[evaluation][model]") {
  auto unknown = gguf_of("llama"), adapter = gguf_of("llama");
  unknown.header.metadata.set("general.architecture", std::string("unheard-of"));
  adapter.header.metadata.set("general.type", std::string("adapter"));
  adapter.header.tensors.pop_back();
  adapter.data.pop_back();
  const ModelCheck check = check_of(std::move(unknown));
  CHECK(check.problems.empty());
  REQUIRE(check.unchecked.size() == 1);
  CHECK_THAT(check.unchecked[0], Contains("no family file describes the architecture"));
  CHECK(check_of(std::move(adapter)).problems.empty());
}
