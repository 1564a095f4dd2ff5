#include "gptq/config.hpp"

#include "common/packed_plan.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/version.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace pq::hf {
namespace {

using Json = nlohmann::ordered_json;

// The settings that `dynamic` can give to single modules.
struct Setting {
  int bits = 0;
  std::int64_t group = 0;
  bool symmetric = false;
  bool act_order = false;
  auto key() const { return std::tie(bits, group, symmetric, act_order); }
  bool operator==(const Setting& other) const { return key() == other.key(); }
};

Setting setting_of(const LayerPlan& layer) {
  return {layer.options.bits, layer.options.group, layer.options.symmetric, layer.options.act_order};
}

// That of most layers; of equally frequent ones the first.
Setting usual_setting(const std::vector<LayerPlan>& layers) {
  Setting best;
  std::ptrdiff_t most = 0;
  for (const LayerPlan& layer : layers) {
    const Setting setting = setting_of(layer);
    if (setting == best && most > 0) continue;
    const auto count = std::count_if(layers.begin(), layers.end(),
                                     [&](const LayerPlan& other) { return setting_of(other) == setting; });
    if (count > most) std::tie(best, most) = std::pair(setting, count);
  }
  return best;
}

// The module as a regular expression; `any_number`: numbers between dots stand for all of them.
std::string expression(const std::string& module, bool any_number) {
  std::string result;
  for (std::size_t begin = 0; begin <= module.size();) {
    const std::size_t end = std::min(module.find('.', begin), module.size());
    const std::string part = module.substr(begin, end - begin);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    result += begin == 0 ? "" : "\\.";
    for (const char c : number&& any_number ? "\\d+" : part)
      if (c != '\0')
        result += (number && any_number) || std::isalnum(static_cast<unsigned char>(c)) || c == '_'
                      ? std::string(1, c)
                      : std::string("\\") + c;
    begin = end + 1;
  }
  return result + "$";
}

// Rules for modules that differ from the usual setting: one for all that differ only by numbers in their names, if they agree.
Json dynamic_rules(const std::vector<LayerPlan>& layers, const std::vector<std::string>& unpacked,
                   const Setting& usual) {
  const Setting none;
  std::vector<std::pair<std::string, Setting>> modules;
  for (const LayerPlan& layer : layers) modules.emplace_back(layer.module, setting_of(layer));
  for (const std::string& module : unpacked) modules.emplace_back(module, none);
  std::map<std::string, std::pair<Setting, bool>> by_expression;  // and whether all agree
  for (const auto& [module, setting] : modules) {
    const auto [at, is_new] = by_expression.try_emplace(expression(module, true), setting, true);
    if (!is_new && !(at->second.first == setting)) at->second.second = false;
  }
  Json rules = Json::object();
  for (const auto& [module, setting] : modules) {
    if (setting == usual) continue;
    const std::string rule = expression(module, by_expression.at(expression(module, true)).second);
    if (setting == none)
      rules["-:" + rule] = Json::object();
    else
      rules["+:" + rule] = {{"bits", setting.bits},
                            {"group_size", setting.group},
                            {"sym", setting.symmetric},
                            {"desc_act", setting.act_order}};
  }
  return rules;
}

GptqVersion parse_version(const StorageConfig& config) {
  const std::string name = config.text({"checkpoint_format", "format", "version"}).value_or("gptq");
  if (const auto version = gptq_version(name)) return *version;
  throw FormatError(fmt::format(
      "{}: checkpoint_format {} is not read; only gptq, gptq_v2 and gptq_p are, to which GPTQModel converts",
      config.place(), shown(name)));
}

}  // namespace

GptqConfig parse_gptq_config(const StorageConfig& config) {
  GptqConfig result;
  const std::string method = config.text({"quant_method", "method"}).value_or("gptq");
  if (method != "gptq")
    throw FormatError(fmt::format("{}: quant_method is {}, not gptq", config.place(), shown(method)));
  const std::string word = config.text({"pack_dtype"}).value_or("int32");
  if (word != "int32")
    throw FormatError(
        fmt::format("{}: pack_dtype {} is not read; only int32 is", config.place(), shown(word)));
  result.version = parse_version(config);
  result.bits = config.integer({"bits", "w_bit", "wbits"});
  result.group = config.integer({"group_size", "q_group_size", "groupsize"});
  if (result.bits && (*result.bits < 2 || *result.bits > 8))
    throw FormatError(fmt::format("{}: bits must be 2 to 8, they are {}", config.place(), *result.bits));
  if (result.group && *result.group == 0)
    throw FormatError(config.place() + ": group_size must be -1 or at least 1, it is 0");
  result.symmetric = config.boolean({"sym"}).value_or(!config.boolean({"zero_point"}).value_or(false));
  result.has_overrides = config.has("dynamic") || config.has("extra_config");
  return result;
}

nlohmann::ordered_json gptq_description(const std::vector<LayerPlan>& layers,
                                        const std::vector<std::string>& unpacked, GptqVersion version) {
  const Setting usual = usual_setting(layers);
  const bool head =
      std::any_of(layers.begin(), layers.end(), [](const LayerPlan& layer) { return is_head(layer.module); });
  Json json = {{"bits", usual.bits},
               {"group_size", usual.group},
               {"desc_act", usual.act_order},
               {"sym", usual.symmetric},
               {"lm_head", head},
               {"quant_method", "gptq"},
               {"checkpoint_format", name_of(version)},
               {"pack_dtype", "int32"}};
  if (Json rules = dynamic_rules(layers, unpacked, usual); !rules.empty()) json["dynamic"] = std::move(rules);
  json["meta"] = {{"quantizer", Json::array({std::string("polyquant:") + PQ_VERSION_STRING})}};
  return json;
}

}  // namespace pq::hf
