#include "common/packed_warnings.hpp"

#include "common/packed_plan.hpp"
#include "common/printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace pq::hf {
namespace {

constexpr std::int64_t kSmallestGroup = 16;

std::string counted(std::ptrdiff_t count, const LayerPlan& example) {
  return count == 1 ? "the layer " + shown(example.module)
                    : fmt::format("{} layers ({} and so on)", count, shown(example.module));
}

// The largest group up to the chosen one that divides the columns of all matrices; 0 if there is none.
std::int64_t dividing_group(const std::vector<LayerPlan>& layers, std::int64_t chosen) {
  std::int64_t common = 0;
  for (const LayerPlan& layer : layers) common = std::gcd(common, cols(layer.shape));
  for (std::int64_t group = chosen; group >= kSmallestGroup; group /= 2)
    if (common % group == 0) return group;
  return 0;
}

}  // namespace

std::vector<std::string> packed_warnings(const std::vector<LayerPlan>& layers,
                                         const std::vector<SideFile>& side_files) {
  std::vector<std::string> warnings;
  const auto is_expert = [](const LayerPlan& l) { return l.module.find(".experts.") != std::string::npos; };
  if (std::any_of(layers.begin(), layers.end(), is_expert))
    warnings.emplace_back(
        "the experts are packed one by one: transformers 5 holds those of a layer in one tensor and does not "
        "load them; use GPTQModel or vLLM, which know such folders, or give the output "
        "'rules: [{match: experts, encoding: bf16}]'");
  const auto head = [](const LayerPlan& layer) { return is_head(layer.module); };
  if (std::any_of(layers.begin(), layers.end(), head) && ties_head(side_files))
    warnings.push_back(tied_head_warning());
  return warnings;
}

std::vector<std::string> gptq_warnings(const std::vector<LayerPlan>& layers,
                                       const std::vector<std::string>& unpacked) {
  std::vector<std::string> warnings;
  const auto is_short = [](const LayerPlan& layer) {
    return layer.options.group > 0 && cols(layer.shape) % layer.options.group != 0;
  };
  if (const auto first = std::find_if(layers.begin(), layers.end(), is_short); first != layers.end()) {
    const std::int64_t group = dividing_group(layers, first->options.group);
    warnings.push_back(fmt::format(
        "{}: the last group of a row has fewer than {} columns, which GPTQModel reads and vLLM refuses; {}",
        counted(std::count_if(layers.begin(), layers.end(), is_short), *first), first->options.group,
        group == 0 ? "no group fits all of the model" : fmt::format("group={} divides all of them", group)));
  }
  const LayerPlan& one = layers.front();
  const auto differs = [&](const LayerPlan& l) {
    return l.options.bits != one.options.bits || l.options.group != one.options.group ||
           l.options.symmetric != one.options.symmetric || l.options.act_order != one.options.act_order;
  };
  if (const auto first = std::find_if(layers.begin(), layers.end(), differs); first != layers.end())
    warnings.push_back(fmt::format(
        "not all layers are alike ({} is {}, {} is {}): GPTQModel and vLLM read the rules (`dynamic`) for "
        "that, AutoGPTQ and exllama do not, and vLLM wants q, k and v alike, and gate and up",
        shown(one.module), affine_spec(one.options), shown(first->module), affine_spec(first->options)));
  // Routers are no layers to these loaders.
  std::vector<std::string> left = unpacked;
  std::erase_if(left, [](const std::string& module) {
    return module.ends_with(".gate") || module.ends_with(".router") || module.ends_with("_gate");
  });
  if (!left.empty())
    warnings.push_back(fmt::format(
        "{} {} in 16 or 32 bits: GPTQModel and vLLM read the rules (`dynamic`) for that, transformers does "
        "not and refuses the folder",
        left.size() == 1 ? "the layer " + shown(left.front())
                         : fmt::format("{} layers ({} and so on)", left.size(), shown(left.front())),
        left.size() == 1 ? "stays" : "stay"));
  return warnings;
}

}  // namespace pq::hf
