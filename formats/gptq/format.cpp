#include "gptq/format.hpp"

#include "common/packed_format.hpp"
#include "common/packed_warnings.hpp"
#include "common/printable.hpp"
#include "common/shard_size.hpp"
#include "gptq/config.hpp"
#include "gptq/layer.hpp"
#include "gptq/storage.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace pq::hf {
namespace {

constexpr const char* kConfigFile = "quantize_config.json";
constexpr const char* kOldConfigFile = "quant_config.json";

struct Options {
  std::string max_shard_size = kUsualShardSize;
  std::string checkpoint_format = "auto";
};

const Schema<Options>& schema() {
  static const auto result = with_shard_size<Options>().field(
      "checkpoint_format", &Options::checkpoint_format,
      "How zero points are stored: minus one (gptq, which every loader reads), as they are "
      "(gptq_v2), or with codes in bit planes (gptq_p, only GPTQModel); auto is gptq if all "
      "layers are symmetric, else gptq_v2.",
      one_of({"auto", "gptq", "gptq_v2", "gptq_p"}));
  return result;
}

Options parse_options(const Node& node) { return parse_sized(schema(), node, "gptq"); }

class GptqFormat final : public PackedFormat {
 public:
  explicit GptqFormat(const Node& options)
      : PackedFormat("gptq", "Hugging Face folder with GPTQ layers (GPTQModel, transformers, vLLM)",
                     {"embedding", "position_embedding"}),
        defaults_(parse_options(options)),
        default_storage_(gptq_version(defaults_.checkpoint_format).value_or(GptqVersion::v2)) {}

 private:
  std::initializer_list<const char*> own_files() const override {
    static constexpr std::initializer_list<const char*> kFiles = {kConfigFile, kOldConfigFile};
    return kFiles;
  }
  // AutoGPTQ wrote nothing into config.json.
  int certainty_of(std::string_view file) const override { return file == kConfigFile ? 85 : 0; }
  std::unique_ptr<LayerOpener> opener(const StorageConfig& config) const override {
    return std::make_unique<GptqOpener>(parse_gptq_config(config));
  }
  const LayerStorage& default_storage() const override { return default_storage_; }

  PackedOutput output(const OutputModel& model) const override {
    const Options options = model.options.is_null() ? defaults_ : parse_options(model.options);
    const GptqVersion version = version_of(options, model);
    PackedOutput output;
    output.storage = std::make_shared<GptqStorage>(version);
    output.plan = plan_packed(model, *output.storage, "gptq");
    check_places(output.plan.layers());
    output.max_shard_bytes = shard_bytes(options.max_shard_size);
    output.side_files = model.side_files;
    const std::vector<std::string> unpacked = unpacked_modules(model, true);
    const auto description = gptq_description(output.plan.layers(), unpacked, version);
    put_storage_config(output.side_files, description);
    std::erase_if(output.side_files, [](const SideFile& file) { return file.name == kConfigFile; });
    output.side_files.push_back({kConfigFile, {}, description.dump(2) + "\n"});
    output.warnings = packed_warnings(output.plan.layers(), model.side_files);
    for (std::string& warning : gptq_warnings(output.plan.layers(), unpacked))
      output.warnings.push_back(std::move(warning));
    if (version == GptqVersion::v1 && !all_are_symmetric(model))
      output.warnings.emplace_back(
          "checkpoint_format 'gptq' stores zero points minus one: GPTQModel refuses such folders of other "
          "programs unless they are symmetric, and where a zero point is 0 other loaders read a wrong one; "
          "gptq_v2 has no such case");
    return output;
  }

  // Loaders look for packed layers in the numbered blocks, and for the head. Layers that are no model's (of tests, say) have no blocks at all.
  static void check_places(const std::vector<LayerPlan>& layers) {
    if (std::none_of(layers.begin(), layers.end(), [](const LayerPlan& l) { return is_in_block(l.module); }))
      return;
    for (const LayerPlan& layer : layers)
      if (!is_in_block(layer.module) && !is_head(layer.module))
        throw ConfigError(
            fmt::format("tensor {}: loaders of 'gptq' look for packed layers in numbered blocks only; give "
                        "the output 'rules: [{{match: \"{}\", encoding: f16}}]'",
                        shown(layer.module + std::string(kWeightEnd)), layer.module));
  }

  static bool all_are_symmetric(const OutputModel& model) {
    return std::all_of(model.tensors.begin(), model.tensors.end(), [](const OutputTensor& tensor) {
      return !is_affine_spec(tensor.encoding) || parse_affine_spec(tensor.encoding).symmetric;
    });
  }

  static GptqVersion version_of(const Options& options, const OutputModel& model) {
    if (const auto version = gptq_version(options.checkpoint_format)) return *version;
    return all_are_symmetric(model) ? GptqVersion::v1 : GptqVersion::v2;
  }

  Options defaults_;
  GptqStorage default_storage_;
};

}  // namespace

const OptionTable& gptq_options() { return schema().table(); }

std::unique_ptr<Format> make_gptq_format(const Node& options) {
  return std::make_unique<GptqFormat>(options);
}

}  // namespace pq::hf
