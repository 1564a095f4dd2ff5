#include "allocation/recipe_models.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace pq::test {
namespace {

using nlohmann::json;

void add_tensor(RecipeModel& model, const std::string& name, const std::string& stem, const Shape& shape) {
  ViewTensor tensor;
  tensor.name = name;
  tensor.shape = shape;
  // As convert_hf_to_gguf.py stores them, and the headers that llama.cpp was given.
  tensor.keep_f32 = shape.size() == 1 || stem == "ffn_gate_inp.weight";
  tensor.stored_encoding = tensor.keep_f32 ? "f32" : "bf16";
  const auto found = std::find(model.stems.begin(), model.stems.end(), stem);
  const auto index = static_cast<std::size_t>(found - model.stems.begin());
  if (found == model.stems.end()) {
    model.stems.push_back(stem);
    model.layers.emplace_back();
  }
  model.layers[index].push_back(model.view.tensors.size());
  model.view.tensors.push_back(std::move(tensor));
}

void add_metadata(Metadata& metadata, const json& model) {
  const std::string architecture = model["architecture"];
  metadata.set("general.architecture", architecture);
  for (const auto& [key, value] : model["metadata"].items())
    if (value.is_number_integer()) metadata.set(architecture + "." + key, value.get<std::uint32_t>());
}

RecipeModel model_of(const json& description) {
  RecipeModel model;
  model.name = description["name"];
  model.types = description["types"];
  model.view.dialect = Dialect::gguf;
  add_metadata(model.view.metadata, description);
  for (const json& tensor : description["frame"])
    add_tensor(model, tensor[0], tensor[0], tensor[1].get<Shape>());
  for (const json& block : description["blocks"])
    for (int layer = block[0]; layer <= block[1].get<int>(); ++layer)
      for (const json& tensor : block[2])
        add_tensor(model, "blk." + std::to_string(layer) + "." + tensor[0].get<std::string>(), tensor[0],
                   tensor[1].get<Shape>());
  return model;
}

}  // namespace

std::vector<RecipeModel> recipe_models() {
  const json golden = json::parse(std::ifstream(PQ_GOLDEN_DIR "/recipes.json"));
  std::vector<RecipeModel> models;
  for (const json& model : golden["models"]) models.push_back(model_of(model));
  return models;
}

std::vector<std::string> written_out(const std::string& runs) {
  std::vector<std::string> words;
  std::istringstream stream(runs);
  for (std::string run; stream >> run;) {
    const std::size_t star = run.find('*');
    const std::size_t count = star == std::string::npos ? 1 : std::stoul(run.substr(star + 1));
    words.insert(words.end(), count, run.substr(0, star));
  }
  return words;
}

std::int64_t block_cols(const std::string& encoding) {
  for (const char* plain : {"f32", "f16", "bf16"})
    if (encoding == plain) return 1;
  for (const char* small : {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "mxfp4"})
    if (encoding == small) return 32;
  return 256;
}

}  // namespace pq::test
