#include "awq/format.hpp"

#include "awq/layer.hpp"
#include "awq/storage.hpp"
#include "common/packed_format.hpp"
#include "common/packed_warnings.hpp"
#include "common/printable.hpp"
#include "common/shard_size.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/version.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace pq::hf {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kOldConfigFile = "quant_config.json";

struct Options {
  std::string max_shard_size = kUsualShardSize;
};

const Schema<Options>& schema() {
  static const auto result = with_shard_size<Options>();
  return result;
}

Options parse_options(const Node& node) { return parse_sized(schema(), node, "awq"); }

// One group size for the whole model; loaders cannot be told anything else.
void check_alike(const std::vector<LayerPlan>& layers) {
  const LayerPlan& first = layers.front();
  for (const LayerPlan& layer : layers) {
    if (is_head(layer.module))
      throw ConfigError(
          fmt::format("tensor {}: loaders of 'awq' read the head only as plain numbers; give the output "
                      "'rules: [{{match: output, encoding: f16}}]'",
                      shown(layer.module + std::string(kWeightEnd))));
    if (layer.options.group != first.options.group || layer.options.symmetric != first.options.symmetric)
      throw ConfigError(fmt::format(
          "tensor {} is {}, but {} is {}; all layers of an AWQ folder have the same group and symmetry",
          shown(layer.module + std::string(kWeightEnd)), affine_spec(layer.options),
          shown(first.module + std::string(kWeightEnd)), affine_spec(first.options)));
  }
}

// Loaders compare parts of names: a module that stays as it is must not be part of the name of one that is packed.
void check_names(const std::vector<LayerPlan>& layers, const std::vector<std::string>& unpacked) {
  for (const std::string& module : unpacked)
    for (const LayerPlan& layer : layers)
      if (layer.module.find(module) != std::string::npos)
        throw ConfigError(fmt::format(
            "{} stays as it is, but {} is packed, and the names in modules_to_not_convert hold for all that "
            "contain them; choose affine for both, or for none",
            shown(module), shown(layer.module)));
}

Json description(const std::vector<LayerPlan>& layers, const std::vector<std::string>& unpacked) {
  Json json = {{"bits", 4},
               {"group_size", layers.front().options.group},
               {"zero_point", true},  // qzeros are there in any case
               {"version", "gemm"},
               {"quant_method", "awq"},
               {"modules_to_not_convert", nullptr}};
  if (layers.front().options.symmetric) json["sym"] = true;
  if (!unpacked.empty()) json["modules_to_not_convert"] = unpacked;
  json["meta"] = {{"quantizer", Json::array({std::string("polyquant:") + PQ_VERSION_STRING})}};
  return json;
}

class AwqFormat final : public PackedFormat {
 public:
  explicit AwqFormat(const Node& options)
      : PackedFormat("awq", "Hugging Face folder with AWQ layers (AutoAWQ, transformers, vLLM)",
                     {"embedding", "position_embedding", "output"}),
        defaults_(parse_options(options)) {}

 private:
  std::initializer_list<const char*> own_files() const override {
    static constexpr std::initializer_list<const char*> kFiles = {kOldConfigFile};
    return kFiles;
  }
  int certainty_of(std::string_view file) const override { return file == kOldConfigFile ? 60 : 0; }
  std::unique_ptr<LayerOpener> opener(const StorageConfig& config) const override {
    return std::make_unique<AwqOpener>(parse_awq_config(config));
  }
  const LayerStorage& default_storage() const override { return storage_; }

  PackedOutput output(const OutputModel& model) const override {
    const Options options = model.options.is_null() ? defaults_ : parse_options(model.options);
    PackedOutput output;
    output.storage = std::make_shared<AwqStorage>();
    output.plan = plan_packed(model, *output.storage, "awq");
    output.max_shard_bytes = shard_bytes(options.max_shard_size);
    output.side_files = model.side_files;
    const auto layers = output.plan.layers();
    const auto unpacked = unpacked_modules(model, false);
    check_alike(layers);
    check_names(layers, unpacked);
    output.warnings = packed_warnings(layers, model.side_files);
    put_storage_config(output.side_files, description(layers, unpacked));
    return output;
  }

  Options defaults_;
  AwqStorage storage_;
};

}  // namespace

const OptionTable& awq_options() { return schema().table(); }

std::unique_ptr<Format> make_awq_format(const Node& options) { return std::make_unique<AwqFormat>(options); }

}  // namespace pq::hf
