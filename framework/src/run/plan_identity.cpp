#include "run/plan_identity.hpp"

#include "plan/source_files.hpp"

#include <polyquant/base/file.hpp>
#include <polyquant/version.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <variant>

namespace pq {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

/// Hash of values one after the other; each text and list begins with its length, so that no two sequences look the same.
class Hasher {
 public:
  Hasher() { XXH3_64bits_reset(&state_); }

  void bytes(const void* data, std::size_t size) { XXH3_64bits_update(&state_, data, size); }
  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void add(T value) { bytes(&value, sizeof(value)); }
  void add(const std::string& text) {
    add(text.size());
    bytes(text.data(), text.size());
  }
  template <class T>
  void add(const std::vector<T>& values) {
    add(values.size());
    if constexpr (std::is_arithmetic_v<T>)
      bytes(values.data(), values.size() * sizeof(T));
    else
      for (const T& value : values) add(value);
  }
  void add(const BoolArray& array) { add(array.values); }

  std::string text() const { return fmt::format("{:016x}", XXH3_64bits_digest(&state_)); }

 private:
  XXH3_state_t state_;
};

void add_file(Hasher& hasher, const fs::path& path) {
  std::error_code ignored;
  hasher.add(fs::absolute(path, ignored).string());
  hasher.add(fs::file_size(path, ignored));
  hasher.add(fs::last_write_time(path, ignored).time_since_epoch().count());
}

/// The content: these files are read whole anyway, and a copy of the model elsewhere has other times.
void add_content(Hasher& hasher, const SideFile& file) {
  hasher.add(file.name);
  if (file.path.empty()) return hasher.add(file.content);
  const MappedFile mapped(file.path);
  hasher.add(mapped.size());
  hasher.bytes(mapped.bytes().data(), mapped.bytes().size());
}

/// Tensors with their places, and size and time of the files: another model, or a changed one, is another plan.
std::string source_identity(const Plan& plan) {
  Hasher hasher;
  for (const TensorInfo& tensor : plan.reader->header().tensors) {
    hasher.add(tensor.name);
    hasher.add(tensor.encoding);
    hasher.add(tensor.file);
    hasher.add(tensor.offset);
    hasher.add(tensor.bytes());
  }
  for (const fs::path& file : tensor_files(plan)) add_file(hasher, file);
  return hasher.text();
}

void add_map(Hasher& hasher, const RowMap& map) {
  hasher.add(map.parts.size());
  for (const RowMap::Part& part : map.parts) {
    hasher.add(part.stored);
    hasher.add(part.first_row);
    hasher.add(part.rows);
    hasher.add(part.step);
    hasher.add(part.lanes);
    hasher.add(part.transposed);
  }
  hasher.add(map.order);
  hasher.add(map.head_rows);
}

/// Everything that decides the rows of the tensors and where they go.
std::string tensors_identity(const PlannedOutput& output) {
  Hasher hasher;
  for (std::size_t i = 0; i < output.tensors.size(); ++i) {
    const PlannedTensor& planned = output.tensors[i];
    const ViewTensor& view = output.view->tensors[planned.view_index];
    const OutputTensor& out = output.model.tensors[i];
    hasher.add(out.name);
    hasher.add(out.shape);
    hasher.add(out.encoding);
    hasher.add(out.row_bytes);
    hasher.add(output.layout.tensors[i].file);
    hasher.add(output.layout.tensors[i].offset);
    hasher.add(planned.route);
    hasher.add(view.encoding_name());
    hasher.add(planned.importance != nullptr);
    hasher.add(!planned.sites.empty());
    hasher.add(planned.is_followed);
    add_map(hasher, view.map);
    hasher.add(view.elements);
    hasher.add(view.transpose);
    hasher.add(view.add);
    hasher.add(view.generated);
  }
  return hasher.text();
}

std::string metadata_identity(const PlannedOutput& output) {
  Hasher hasher;
  for (const auto& [key, value] : output.model.metadata.entries()) {
    hasher.add(key);
    hasher.add(value.index());
    std::visit([&](const auto& v) { hasher.add(v); }, value);
  }
  return hasher.text();
}

std::string files_identity(const PlannedOutput& output) {
  Hasher hasher;
  for (const SideFile& file : output.model.side_files) add_content(hasher, file);
  for (const OutputLayout::File& file : output.layout.files) {
    hasher.add(file.name);
    hasher.add(file.bytes);
  }
  return hasher.text();
}

std::string imatrix_identity(const Plan& plan) {
  Hasher hasher;
  add_file(hasher, plan.imatrix->path());
  return hasher.text();
}

}  // namespace

Json plan_identity(const Plan& plan) {
  std::error_code ignored;
  Json json = {{"polyquant", PQ_VERSION_STRING},
               {"model", fs::absolute(plan.model, ignored).string()},
               {"model files", source_identity(plan)},
               {"effort", static_cast<int>(plan.effort)},
               {"backend", plan.backend_spec.empty() ? plan.backend->info().id : plan.backend_spec},
               {"plugins", plan.plugins},
               {"rows at a time", plan.chunk_weights}};
  if (plan.imatrix != nullptr) json["imatrix"] = imatrix_identity(plan);
  if (!plan.calibration_hash.empty()) json["calibration"] = plan.calibration_hash;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const PlannedOutput& output = plan.outputs[i];
    const auto key = [&](const char* name) { return output_key(i, name); };
    json[key("to")] = fs::absolute(output.to, ignored).string();
    for (const auto& [name, text] : output.asked) json[key(name.c_str())] = text;
    json[key("format")] = output.format_spec.empty() ? output.format->info().id : output.format_spec;
    json[key("quantizer")] =
        output.quantizer_spec.empty() ? output.quantizer->info().id : output.quantizer_spec;
    json[key("lossless")] = static_cast<int>(output.lossless);
    json[key("tensors")] = tensors_identity(output);
    json[key("metadata")] = metadata_identity(output);
    json[key("files")] = files_identity(output);
  }
  return json;
}

std::string output_key(std::size_t index, const char* fact) {
  return fmt::format("outputs[{}] {}", index, fact);
}

std::string differing_keys(const Json& a, const Json& b) {
  std::vector<std::string> differ;
  for (const auto& [key, value] : a.items())
    if (!b.contains(key) || b[key] != value) differ.push_back(key);
  for (const auto& [key, value] : b.items())
    if (!a.contains(key)) differ.push_back(key);
  // What the user changed, rather than what follows from it.
  constexpr std::array<std::string_view, 4> kAsked = {"] recipe", "] encoding", "] rules", "] fallback"};
  constexpr std::array<std::string_view, 4> kFollows = {"plugins", "] tensors", "] metadata", "] files"};
  const auto ends_as = [](const std::string& key, const auto& words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return key.ends_with(word); });
  };
  const bool is_explained =
      std::any_of(differ.begin(), differ.end(), [&](const auto& key) { return ends_as(key, kAsked); });
  std::string keys;
  for (const std::string& key : differ)
    if (!is_explained || !ends_as(key, kFollows)) keys += (keys.empty() ? "" : ", ") + key;
  return keys;
}

}  // namespace pq
