#include "plan/dialect_metadata.hpp"

#include "allocation/recipe.hpp"

#include <polyquant/base/file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <string>

namespace pq {
namespace {

constexpr std::uint32_t kQuantizationVersion = 2;  // GGML_QNT_VERSION, required once a tensor is quantized

/// The encoding that most weights have.
std::string main_encoding(const PlannedOutput& output) {
  std::map<std::string, std::int64_t> weights;
  for (const OutputTensor& tensor : output.model.tensors) weights[tensor.encoding] += elements(tensor.shape);
  const auto most =
      std::max_element(weights.begin(), weights.end(), [](auto& a, auto& b) { return a.second < b.second; });
  return most == weights.end() ? "" : most->first;
}

/// The file type that llama.cpp takes for a file of mostly this encoding (llama-model-loader.cpp); -1 = none.
int file_type_of(const std::string& encoding) {
  const std::vector<std::string> known = known_recipes();
  for (const char* ending : {"", "_m", "_moe"})
    if (const std::string id = encoding + ending; std::find(known.begin(), known.end(), id) != known.end())
      return load_recipe(id, {}).file_type;
  return -1;
}

/// A copy keeps what the source says of itself: a mixture is not told by its most frequent encoding.
bool is_copy(const PlannedOutput& output) {
  return output.view->reader->header().dialect == Dialect::gguf &&
         std::all_of(output.tensors.begin(), output.tensors.end(),
                     [](const PlannedTensor& tensor) { return tensor.route == Route::copy; });
}

bool is_plain(const std::string& encoding) {
  return encoding == "f32" || encoding == "f16" || encoding == "bf16";
}

// convert_hf_to_gguf.py gives some architectures no file type; llama-quantize gives every file one.
void finish_gguf(PlannedOutput& output, int file_type) {
  if (file_type < 0 && is_copy(output)) return;
  const std::string encoding = main_encoding(output);
  if (file_type < 0) file_type = file_type_of(encoding);
  Metadata& metadata = output.model.metadata;
  const bool has_place = metadata.find("general.file_type") != nullptr || !is_plain(encoding);
  if (file_type >= 0 && has_place)
    metadata.set("general.file_type", static_cast<std::uint32_t>(file_type));
  else
    metadata.erase("general.file_type");
  metadata.set("general.quantization_version", kQuantizationVersion);
}

/// config.json names the dtype of the weights; transformers 5 calls the key `dtype`, older versions `torch_dtype`.
void finish_config(PlannedOutput& output) {
  static const std::map<std::string, std::string> names = {
      {"f32", "float32"}, {"f16", "float16"}, {"bf16", "bfloat16"}};
  const auto dtype = names.find(main_encoding(output));
  if (dtype == names.end()) return;
  for (SideFile& file : output.model.side_files) {
    if (file.name != "config.json") continue;
    const std::string text = file.path.empty() ? file.content : read_text_file(file.path, 16u << 20);
    auto config = nlohmann::ordered_json::parse(text, nullptr, false);
    if (!config.is_object()) return;  // opened and judged by the view
    const char* key = config.contains("dtype") ? "dtype" : "torch_dtype";
    if (config.contains(key) && config[key] == dtype->second) return;
    config[key] = dtype->second;
    file.content = config.dump(2) + "\n";
    file.path.clear();
  }
}

}  // namespace

void finish_metadata(PlannedOutput& output, int file_type, const Imatrix* imatrix, const SampleSet* samples) {
  output.model.metadata = output.view->metadata;
  output.model.side_files = output.view->side_files;
  if (output.view->dialect == Dialect::huggingface) {
    finish_config(output);
    return;
  }
  finish_gguf(output, file_type);
  if (imatrix != nullptr)
    record_importance(output.model.metadata, *imatrix);
  else if (samples != nullptr)
    record_calibration(output, *samples);
}

}  // namespace pq
