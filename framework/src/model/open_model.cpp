#include "model/open_model.hpp"

#include "base/git_lfs.hpp"
#include "base/json.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <system_error>

namespace pq {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kHeadBytes = 64 << 10;
constexpr std::uint64_t kMaxConfigBytes = 64 << 20;
constexpr std::uint64_t kMostWeightsPerByte =
    64;                                      // no encoding comes near; keeps row_bytes() from overflowing
constexpr std::size_t kMostNames = 100'000;  // of one folder; a model has at most some hundred files

// Nothing of what is no file: a pipe would wait for its writer.
std::vector<std::byte> read_head(const fs::path& file, std::uint64_t limit) {
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) return {};
  const std::uint64_t size = fs::file_size(file, failed);
  std::ifstream stream(file, std::ios::binary);
  std::vector<std::byte> head(failed ? kHeadBytes : std::min(limit, size));
  stream.read(reinterpret_cast<char*>(head.data()), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, stream.gcount())));
  return head;
}

std::vector<std::string> file_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end && names.size() < kMostNames;
       at.increment(failed))
    names.push_back(at->path().filename().string());
  if (failed)
    throw FormatError(fmt::format("{}: the folder cannot be read: {}", folder.string(), failed.message()));
  std::sort(names.begin(), names.end());
  return names;
}

std::string format_ids(const PluginRegistry& registry) {
  std::string ids;
  for (const FormatEntry* entry : registry.formats()) ids += (ids.empty() ? "" : ", ") + entry->id;
  return ids;
}

std::shared_ptr<const Format> recognise(const Probe& probe, const PluginRegistry& registry) {
  std::shared_ptr<const Format> best;
  std::string rival;
  int certainty = 0;
  for (const FormatEntry* entry : registry.formats()) {
    std::shared_ptr<const Format> format = entry->make(Node());
    const int found = format->probe(probe);
    if (found > certainty) {
      best = std::move(format);
      certainty = found;
      rival.clear();
    } else if (found > 0 && found == certainty) {
      rival = entry->id;
    }
  }
  if (best != nullptr && !rival.empty())
    throw ConfigError(
        fmt::format("{} is claimed by the formats '{}' and '{}' alike; remove one of the two plugins",
                    probe.path.string(), best->info().id, rival));
  return best;
}

/// nullptr if no plugin has it. A name from a file that a plugin refuses is a defect of the file.
std::shared_ptr<const Encoding> stored_encoding(const TensorInfo& tensor, const fs::path& path,
                                                const PluginRegistry& registry) {
  try {
    return registry.find_encoding(tensor.encoding);
  } catch (const ConfigError& error) {
    throw FormatError(fmt::format("{}: tensor '{}': its encoding '{}' cannot be understood: {}",
                                  path.string(), tensor.name, tensor.encoding, error.what()));
  }
}

bool fits(const TensorInfo& tensor, const Encoding& encoding) {
  const std::int64_t width = cols(tensor.shape);
  return static_cast<std::uint64_t>(width) <= kMostWeightsPerByte * tensor.row_bytes &&
         width % encoding.info().block_cols == 0 && encoding.row_bytes(width) == tensor.row_bytes;
}

/// What the rows share must be what the encoding needs, and valid.
void check_shared(const TensorInfo& tensor, const Encoding& encoding, const fs::path& path) {
  const std::size_t wanted = encoding.shared_bytes(cols(tensor.shape));
  if (tensor.shared.size() != wanted)
    throw FormatError(
        fmt::format("{}: tensor '{}' ({}) comes with {} bytes for all of its rows instead of {}",
                    path.string(), tensor.name, tensor.encoding, tensor.shared.size(), wanted));
  if (wanted == 0) return;
  try {
    encoding.bind(tensor.shared, cols(tensor.shape));
  } catch (const FormatError& error) {
    throw FormatError(fmt::format("{}: tensor '{}': {}", path.string(), tensor.name, error.what()));
  }
}

/// Formats carry encodings that they know by name only. Rows must be as long as the encoding needs, or decoding would read past them.
void check_row_lengths(const ModelReader& reader, const fs::path& path, const PluginRegistry& registry) {
  std::map<std::string_view, std::shared_ptr<const Encoding>> known;
  for (const TensorInfo& tensor : reader.header().tensors) {
    const auto [at, is_new] = known.try_emplace(tensor.encoding);
    if (is_new) at->second = stored_encoding(tensor, path, registry);
    if (at->second == nullptr) continue;
    check_shared(tensor, *at->second, path);
    if (!fits(tensor, *at->second))
      throw FormatError(
          fmt::format("{}: tensor '{}' is stored in rows of {} bytes, which are no rows of {} weights of {}; "
                      "the file is damaged",
                      path.string(), tensor.name, tensor.row_bytes, cols(tensor.shape), tensor.encoding));
  }
}

struct Looked {
  Probe probe;
  std::vector<std::byte> head;  // what the probe looks at
};

Looked look_at(const fs::path& path) {
  Looked looked;
  looked.probe.path = path;
  std::error_code failed;
  looked.probe.is_folder = fs::is_directory(path, failed);
  if (looked.probe.is_folder) looked.probe.names = file_names(path);
  // All of a config.json: what it says of the weights may stand at its end.
  looked.head =
      looked.probe.is_folder ? read_head(path / "config.json", kMaxConfigBytes) : read_head(path, kHeadBytes);
  looked.probe.head = looked.head;
  return looked;
}

std::string why_unknown(const Probe& probe) {
  if (probe.is_folder) return fmt::format("; the folder holds {} files", probe.names.size());
  const fs::path extension = probe.path.extension();
  if (extension == ".yaml" || extension == ".yml") return "; a pipeline is executed by `polyquant run`";
  return "";
}

/// What config.json calls the method, if a format has left it there: those that know a method take its description away.
std::string method_left(const ModelReader& reader) {
  for (const SideFile& file : reader.header().side_files) {
    if (file.name != "config.json") continue;
    const std::string text = file.path.empty() ? file.content : read_text_file(file.path, kMaxConfigBytes);
    if (text.find("quantization_config") == std::string::npos &&
        text.find("compression_config") == std::string::npos)
      return "";
    const Json config = parse_json(text, file.path.empty() ? file.name : file.path.string());
    for (const char* key : {"quantization_config", "text_config.quantization_config", "compression_config"}) {
      const Json* found = config.find_path(key);
      if (found == nullptr || found->is_null()) continue;
      const Json* method = found->find("quant_method");
      return method != nullptr && method->is_string() ? method->string() : "without a name";
    }
  }
  return "";
}

/// What may have been meant by a path at which there is nothing.
std::string cure_of_missing(const fs::path& path) {
  if (path.empty()) return "give the path of the model";
  if (path.begin()->string() == "~") return "~ is expanded by the shell only, and not inside quotation marks";
  // The name that was asked for, when the output became a split model.
  std::error_code failed;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(path.stem().string() + "-00001-of-") && at->path().extension() == path.extension())
      return "it was split, open its first part: " + (path.parent_path() / name).string();
  }
  return "check the path of the model";
}

}  // namespace

void refuse_importance_matrix(const ModelReader& reader, const fs::path& path) {
  if (reader.header().metadata.string("general.type", "") == "imatrix")
    throw FormatError(
        path.string() +
        ": is an importance matrix, not a model; give the model in its place, and the matrix to "
        "`polyquant quantize` with --imatrix, or to a pipeline with `imatrix:`");
}

void throw_unknown_codes(const fs::path& path, const std::string& method) {
  throw FormatError(fmt::format(
      "{}: its weights are quantized by the method '{}' (quantization_config in config.json), which no "
      "plugin can read; take the model from before its quantization",
      path.string(), method));
}

std::string recognised_format(const fs::path& path, const PluginRegistry& registry) {
  const Looked looked = look_at(path);
  const auto format = recognise(looked.probe, registry);
  return format == nullptr ? "" : format->info().id;
}

OpenedModel open_model(const fs::path& path, const PluginRegistry& registry, UnknownCodes codes) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (!fs::exists(status))
    throw FormatError(
        fmt::format("{} does not exist; {}", path.empty() ? "''" : path.string(), cure_of_missing(path)));
  if (!fs::is_regular_file(status) && !fs::is_directory(status))
    throw FormatError(fmt::format("{} is neither a file nor a folder", path.string()));
  const Looked looked = look_at(path);
  refuse_lfs_pointer(looked.probe.is_folder ? path / "config.json" : path, looked.head);
  const auto format = recognise(looked.probe, registry);
  if (format == nullptr && registry.formats().empty())
    throw PluginError(fmt::format(
        "{} cannot be opened: no plugin with a format is loaded; see `polyquant plugins`", path.string()));
  if (format == nullptr)
    throw FormatError(fmt::format("{} is no model of a known format ({}){}", path.string(),
                                  format_ids(registry), why_unknown(looked.probe)));
  OpenedModel model{format, format->open(path)};
  model.unknown_method = method_left(*model.reader);
  if (!model.unknown_method.empty() && codes == UnknownCodes::refuse)
    throw_unknown_codes(path, model.unknown_method);
  check_row_lengths(*model.reader, path, registry);
  return model;
}

}  // namespace pq
