// Any bytes as a pipeline file and as a recipe: parsed, or refused with an error of ours. A recipe that parses chooses for a small model.
#include "allocation/recipe.hpp"
#include "config/pipeline.hpp"
#include "config/yaml.hpp"

#include <polyquant/base/error.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

template <class Action>
void expect_own_errors(Action&& action) {
  try {
    action();
  } catch (const pq::Error& error) {
    if (error.exit_code() == 1) throw;  // an internal error is a defect
  }
}

pq::ModelView small_model() {
  pq::ModelView view;
  view.dialect = pq::Dialect::gguf;
  view.metadata.set("general.architecture", std::string("llama"));
  view.metadata.set("llama.block_count", std::uint32_t{9});
  for (const char* name : {"token_embd.weight", "blk.0.attn_v.weight", "blk.8.ffn_down_exps.weight", "x"}) {
    pq::ViewTensor tensor;
    tensor.name = name;
    tensor.shape = {3, 4, 32};
    view.tensors.push_back(std::move(tensor));
  }
  return view;
}

void choose(const pq::Recipe& recipe) {
  static const pq::ModelView model = small_model();
  const pq::RecipeFacts facts = pq::recipe_facts(model, true);
  for (std::size_t i = 0; i < model.tensors.size(); ++i)
    if (encodings_for(recipe, facts, model, i).empty()) throw std::logic_error("a recipe chose nothing");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pq::Node root;
  expect_own_errors([&] {
    root = pq::parse_yaml({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
    pq::apply_override(root, "outputs.0.to=x");
  });
  expect_own_errors([&] { pq::parse_pipeline(root, "/base"); });
  expect_own_errors([&] { choose(pq::parse_recipe(root, "fuzz")); });
  return 0;
}
