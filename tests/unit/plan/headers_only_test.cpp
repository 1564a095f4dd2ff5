// Planning reads headers only: models of any size are planned from a file whose weights are a hole.
#include "allocation/recipe_models.hpp"
#include "calibration/support.hpp"
#include "config/pipeline.hpp"
#include "config/yaml.hpp"
#include "plan/plan.hpp"

#include <polyquant/base/half.hpp>

#include <catch2/catch.hpp>

namespace pq {
namespace {

/// The GGUF file of a model of tests/golden/recipes.json, without a byte of weights on the disk.
void write_hole(const std::filesystem::path& path, const test::RecipeModel& model) {
  std::string head, infos;
  const auto number = [](std::string& to, auto value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const auto text = [&](std::string& to, const std::string& value) {
    number(to, std::uint64_t{value.size()});
    to += value;
  };
  std::uint64_t offset = 0;
  for (const ViewTensor& tensor : model.view.tensors) {
    text(infos, tensor.name);
    number(infos, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto n = tensor.shape.rbegin(); n != tensor.shape.rend(); ++n)
      number(infos, static_cast<std::uint64_t>(*n));
    number(infos, tensor.stored_encoding == "f32" ? std::uint32_t{0} : std::uint32_t{30});  // ggml: f32, bf16
    number(infos, offset);
    const auto bytes =
        static_cast<std::uint64_t>(elements(tensor.shape)) * (tensor.stored_encoding == "f32" ? 4 : 2);
    offset += (bytes + 31) / 32 * 32;
  }
  head = "GGUF";
  number(head, std::uint32_t{3});
  number(head, std::uint64_t{model.view.tensors.size()});
  number(head, std::uint64_t{model.view.metadata.entries().size()});
  for (const auto& [key, value] : model.view.metadata.entries()) {
    text(head, key);
    if (const auto* word = std::get_if<std::string>(&value)) {
      number(head, std::uint32_t{8});
      text(head, *word);
    } else {
      number(head, std::uint32_t{4});
      number(head, std::get<std::uint32_t>(value));
    }
  }
  head += infos;
  head.resize((head.size() + 31) / 32 * 32);
  std::ofstream(path, std::ios::binary) << head;
  std::filesystem::resize_file(path, head.size() + offset);
}

Plan plan_of(const test::TemporaryFolder& folder, const std::string& recipe) {
  const std::string yaml =
      "{version: 1, model: model.gguf, outputs: [{format: gguf, recipe: " + recipe + ", to: out.gguf}]}";
  return make_plan(parse_pipeline(parse_yaml(yaml, "p.yaml"), folder / ""), test::registry(), 2);
}

}  // namespace

TEST_CASE("plan: models of 8 and 47 billion weights are planned from their headers", "[plan]") {
  for (const test::RecipeModel& model : test::recipe_models()) {
    if (model.name != "Llama-3-8B" && model.name != "Mixtral-8x7B") continue;
    INFO(model.name);
    const test::TemporaryFolder folder;
    write_hole(folder / "model.gguf", model);
    const Plan plan = plan_of(folder, "q8_0");
    const auto& tensors = plan.outputs[0].model.tensors;
    REQUIRE(tensors.size() == model.view.tensors.size());
    std::uint64_t bytes = 0;
    for (const ViewTensor& tensor : model.view.tensors) {
      const auto count = static_cast<std::uint64_t>(elements(tensor.shape));
      bytes += tensor.keep_f32 ? count * 4 : count / 32 * 34;  // as many bytes as ggml's Q8_0 takes
    }
    const double weights = static_cast<double>(plan.outputs[0].weights());
    CHECK(plan.outputs[0].bits_per_weight() == Approx(8.0 * static_cast<double>(bytes) / weights));
    CHECK(plan.peak_memory_bytes < (std::uint64_t{1} << 30));
  }
}

}  // namespace pq
