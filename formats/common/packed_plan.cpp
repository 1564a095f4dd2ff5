#include "common/packed_plan.hpp"

#include "common/printable.hpp"
#include "common/string_metadata.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace pq::hf {
namespace {

std::string_view last_part(std::string_view module) {
  const std::size_t dot = module.rfind('.');
  return dot == std::string_view::npos ? module : module.substr(dot + 1);
}

// Loaders look embeddings up row by row and know them only as plain numbers.
bool is_embedding(std::string_view module) {
  const std::string_view part = last_part(module);
  return part.find("embed") != std::string_view::npos || part == "wte" || part == "wpe";
}

bool is_float(std::string_view spec) { return spec == "f32" || spec == "f16" || spec == "bf16"; }

LayerPlan plan_layer(const OutputTensor& tensor, const LayerStorage& storage, const std::string& format) {
  const std::string_view name = tensor.name;
  if (!name.ends_with(kWeightEnd))
    throw ConfigError(
        fmt::format("tensor {}: format '{}' packs weights of layers only, whose names end in {}; choose f16 "
                    "or bf16 for it",
                    shown(name), format, kWeightEnd));
  LayerPlan layer{std::string(name.substr(0, name.size() - kWeightEnd.size())), tensor.shape,
                  parse_affine_spec(tensor.encoding)};
  if (is_embedding(layer.module))
    throw ConfigError(
        fmt::format("tensor {}: loaders of '{}' read embeddings only as plain numbers; give the output "
                    "'rules: [{{match: embedding, encoding: f16}}]'",
                    shown(name), format));
  if (const auto reason = packed_obstacle(tensor.encoding, tensor.shape, storage, format))
    throw ConfigError(fmt::format("tensor {}: {}", shown(name), *reason));
  return layer;
}

}  // namespace

std::vector<LayerPlan> PackedPlan::layers() const {
  std::vector<LayerPlan> result;
  for (const PackedTensorPlan& tensor : tensors)
    if (tensor.layer) result.push_back(*tensor.layer);
  return result;
}

std::optional<std::string> packed_obstacle(const std::string& spec, const Shape& shape,
                                           const LayerStorage& storage, const std::string& format) {
  if (!is_affine_spec(spec)) {
    if (dtype_of_encoding(spec) != nullptr) return std::nullopt;
    return fmt::format("format '{}' stores 'affine' and plain numbers such as f16, not {}", format, spec);
  }
  if (shape.size() != 2)
    return fmt::format("format '{}' packs matrices only, not tensors of shape {}", format, to_string(shape));
  return storage.rejects(parse_affine_spec(spec), shape);
}

PackedPlan plan_packed(const OutputModel& model, const LayerStorage& storage, const std::string& format) {
  PackedPlan plan;
  plan.metadata = string_metadata(model.metadata);
  for (const OutputTensor& tensor : model.tensors) {
    PackedTensorPlan planned{std::nullopt, plan.stored.size(), 1};
    if (is_affine_spec(tensor.encoding)) {
      planned.layer = plan_layer(tensor, storage, format);
      auto parts = storage.tensors(*planned.layer);
      planned.count = parts.size();
      std::move(parts.begin(), parts.end(), std::back_inserter(plan.stored));
    } else {
      if (const auto reason = packed_obstacle(tensor.encoding, tensor.shape, storage, format))
        throw ConfigError(fmt::format("tensor {}: {}", shown(tensor.name), *reason));
      plan.stored.push_back({tensor.name, dtype_of_encoding(tensor.encoding), tensor.shape});
    }
    plan.tensors.push_back(std::move(planned));
  }
  if (plan.layers().empty())
    throw ConfigError(fmt::format(
        "no tensor of the output has the encoding 'affine', so that there is nothing to pack for '{}'; "
        "choose --encoding affine or the format 'safetensors'",
        format));
  return plan;
}

std::vector<std::string> unpacked_modules(const OutputModel& model, bool in_blocks) {
  std::vector<std::string> modules;
  for (const OutputTensor& tensor : model.tensors) {
    const std::string_view name = tensor.name;
    if (tensor.shape.size() != 2 || !is_float(tensor.encoding) || !name.ends_with(kWeightEnd)) continue;
    const std::string_view module = name.substr(0, name.size() - kWeightEnd.size());
    if ((!in_blocks || is_in_block(module)) && !is_embedding(module)) modules.emplace_back(module);
  }
  return modules;
}

bool is_in_block(std::string_view module) {
  bool digits = false;
  for (std::size_t i = 0; i <= module.size(); ++i) {
    if (i == module.size() || module[i] == '.') {
      if (digits) return true;
      digits = i + 1 < module.size() && module[i + 1] >= '0' && module[i + 1] <= '9';
    } else if (module[i] < '0' || module[i] > '9') {
      digits = false;
    }
  }
  return false;
}

bool is_head(std::string_view module) { return last_part(module) == "lm_head"; }

}  // namespace pq::hf
