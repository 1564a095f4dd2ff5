#include "plan/choose_quantizer.hpp"

#include "config/defaults.hpp"
#include "plan/source_files.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

namespace pq {
namespace {

/// What nobody named is missing because its plugin is, not because of a wrong word.
std::shared_ptr<const Quantizer> default_quantizer(const Node& spec, const PluginRegistry& registry) {
  try {
    return registry.quantizer(spec);
  } catch (const ConfigError& error) {
    throw PluginError(fmt::format("{}; see `polyquant plugins`", error.what()));
  }
}

/// The command line writes a list with a plus, a pipeline in brackets.
void refuse_list_as_name(const Node& spec) {
  if (!spec.is_scalar() ||
      spec.text().substr(0, spec.text().find(':')).find_first_of("+,") == std::string::npos)
    return;
  throw_at(spec.mark(), fmt::format("'{}' is no quantizer; write two of them as {}", spec.text(),
                                    spec.mark().line > 0 ? "[awq, gptq]" : "awq+gptq"));
}

/// [a, b]: a scales channels, b chooses codes.
void choose_of_list(const Node& list, const PluginRegistry& registry, PlannedOutput& output) {
  const std::vector<Node>& items = list.items();
  if (items.empty() || items.size() > 2)
    throw_at(list.mark(),
             fmt::format("'quantizer' has {} items; give one, or one that scales channels and then one that "
                         "chooses codes",
                         items.size()));
  output.quantizer = registry.quantizer(items.back());
  if (items.size() == 1) return;
  output.folder = registry.quantizer(items.front());
  if (!output.folder->folds())
    throw_at(items.front().mark(),
             fmt::format("quantizer '{}' does not scale channels, so it can only be the last of the list",
                         output.folder->info().id));
  if (output.quantizer->folds())
    throw_at(items.back().mark(),
             fmt::format("quantizer '{}' scales channels too; only the first of the list can",
                         output.quantizer->info().id));
}

void reject(const Quantizer& quantizer, const PlannedOutput& output, const PlannedTensor& tensor,
            const Mark& mark) {
  if (const auto reason = quantizer.rejects(*tensor.encoding))
    throw_at(mark, fmt::format("tensor '{}': {}", output.view->tensors[tensor.view_index].name, *reason));
}

}  // namespace

void choose_quantizer(const OutputSpec& spec, const PluginRegistry& registry, PlannedOutput& output) {
  const bool is_default = spec.quantizer.is_null();
  const Node node =
      is_default ? Node::scalar(default_component("quantizer"), false, spec.mark) : spec.quantizer;
  output.quantizer_spec = node_text(node);
  refuse_list_as_name(node);
  if (node.is_sequence())
    choose_of_list(node, registry, output);
  else
    output.quantizer = is_default ? default_quantizer(node, registry) : registry.quantizer(node);
  if (output.quantizer->folds()) output.folder = output.quantizer;
}

void check_quantizer(const PlannedOutput& output, const OutputSpec& spec, bool has_calibration) {
  const Mark& mark = spec.quantizer.mark().source != nullptr ? spec.quantizer.mark() : spec.mark;
  for (const PlannedTensor& tensor : output.tensors) {
    if (tensor.route == Route::copy) continue;
    if (output.folder != nullptr) reject(*output.folder, output, tensor, mark);
    reject(*output.quantizer, output, tensor, mark);
  }
  if (has_calibration) return;
  for (const auto& quantizer : {output.folder, output.quantizer}) {
    if (quantizer == nullptr) continue;
    const QuantizerInfo& info = quantizer->info();
    if (info.needs.mean_absolute || info.needs.gram || quantizer == output.folder)
      throw_at(mark,
               fmt::format("quantizer '{}' needs texts to calibrate with; add `calibration: {{data: TEXTS}}` "
                           "(--calibration TEXTS)",
                           info.id));
  }
}

}  // namespace pq
