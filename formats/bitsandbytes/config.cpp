#include "bitsandbytes/config.hpp"

#include "common/strict_json.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <algorithm>

namespace pq::bnb {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kMaxConfigBytes = 64ull << 20;
constexpr const char* kConfig = "config.json";

SideFile* find_config(std::vector<SideFile>& files) {
  const auto found =
      std::find_if(files.begin(), files.end(), [](const SideFile& file) { return file.name == kConfig; });
  return found == files.end() ? nullptr : &*found;
}

ordered_json parse(const SideFile& file) {
  const std::string text = file.path.empty() ? file.content : read_text_file(file.path, kMaxConfigBytes);
  hf::parse_strict_json(text, file.path.empty() ? file.name : file.path.string());
  return ordered_json::parse(text);
}

}  // namespace

bool describes_bitsandbytes(const hf::StorageConfig& config) {
  if (const nlohmann::json* method = config.value("quant_method")) return *method == "bitsandbytes";
  const auto is_on = [&](const char* name) {
    const nlohmann::json* value = config.value(name);
    return value != nullptr && *value == true;
  };
  return is_on("load_in_4bit") || is_on("load_in_8bit");
}

bool names_bitsandbytes(std::string_view config) {
  const auto parsed = nlohmann::json::parse(config, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) return false;
  const auto found = parsed.find("quantization_config");
  return found != parsed.end() && found->is_object() &&
         describes_bitsandbytes(hf::StorageConfig(*found, "config.json"));
}

std::string model_dtype(const std::vector<SideFile>& files) {
  std::vector<SideFile> copy = files;
  const SideFile* file = find_config(copy);
  if (file == nullptr) return "";
  const ordered_json config = parse(*file);
  if (!config.is_object()) return "";
  for (const char* key : {"dtype", "torch_dtype"}) {  // transformers 5 and before
    const auto found = config.find(key);
    if (found == config.end() || !found->is_string()) continue;
    const auto name = found->get<std::string>();
    if (name == "float16" || name == "bfloat16" || name == "float32") return name;
  }
  return "";
}

void put_quantization(std::vector<SideFile>& files, const Quantization& quantization) {
  if (find_config(files) == nullptr)
    throw ConfigError(
        "the model has no config.json, which must say that its weights are bitsandbytes'; the format "
        "'safetensors:packed=true' needs none");
  hf::put_storage_config(files, {{"_load_in_4bit", quantization.four_bit},
                                 {"_load_in_8bit", !quantization.four_bit},
                                 {"bnb_4bit_compute_dtype", quantization.compute_dtype},
                                 {"bnb_4bit_quant_storage", "uint8"},
                                 {"bnb_4bit_quant_type", quantization.type},
                                 {"bnb_4bit_use_double_quant", quantization.nested},
                                 {"llm_int8_enable_fp32_cpu_offload", false},
                                 {"llm_int8_has_fp16_weight", false},
                                 {"llm_int8_skip_modules", quantization.skipped},
                                 {"llm_int8_threshold", 6.0},
                                 {"load_in_4bit", quantization.four_bit},
                                 {"load_in_8bit", !quantization.four_bit},
                                 {"quant_method", "bitsandbytes"}});
}

}  // namespace pq::bnb
