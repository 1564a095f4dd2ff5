#include "common/packed_format.hpp"

#include "common/storage_config.hpp"

#include "common/packed_writer.hpp"
#include "common/printable.hpp"
#include "common/weight_names.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>
#include <polyquant/encoding.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <system_error>

namespace pq::hf {
namespace {

namespace fs = std::filesystem;

constexpr int kNamed = 90;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  return names;
}

/// Throws FormatError where loaders would take different files.
std::string base_in(const fs::path& folder) {
  const std::vector<std::string> names = names_in(folder);
  const std::set<std::string> bases = weight_bases(names);
  if (bases.size() < 2) return bases.empty() ? "model" : *bases.begin();
  std::vector<std::string> files;
  for (const std::string& base : bases) {
    const bool is_one_file = std::ranges::find(names, base + std::string(kFileEnd)) != names.end();
    files.push_back(base + std::string(is_one_file ? kFileEnd : kIndexEnd));
  }
  throw FormatError(fmt::format(
      "{}: the weights may be {}, and loaders differ in which they take; leave one of them in the folder",
      folder.string(), fmt::join(files, " or ")));
}

FolderPlan files_of(const PackedOutput& output) {
  return plan_shards(output.plan.stored, output.plan.metadata, output.max_shard_bytes);
}

}  // namespace

int PackedFormat::probe(const Probe& probe) const {
  if (!probe.is_folder || weight_bases(probe.names).empty()) return 0;
  const std::string_view config(reinterpret_cast<const char*>(probe.head.data()), probe.head.size());
  if (names_method(config, info_.id)) return kNamed;
  if (config.find("\"quantization_config\"") != std::string_view::npos) return 0;
  int certainty = 0;
  for (const std::string& name : probe.names) certainty = std::max(certainty, certainty_of(name));
  return certainty;
}

std::unique_ptr<ModelReader> PackedFormat::open(const fs::path& path) const {
  return open(std::make_unique<TensorStore>(path, base_in(path)), {});
}

std::unique_ptr<ModelReader> PackedFormat::open(std::unique_ptr<const TensorStore> store,
                                                const KnownLayers& known) const {
  ModelHeader header = header_of(*store);
  const StorageConfig config = take_storage_config(header, own_files());
  return make_packed_reader(std::move(store), std::move(header), *opener(config), known);
}

std::optional<std::string> PackedFormat::rejects(const Encoding& encoding, const Shape& shape) const {
  return packed_obstacle(encoding.info().spec, shape, default_storage(), info_.id);
}

std::uint64_t PackedFormat::gathered_bytes(const OutputTensor& tensor) const {
  return is_affine_spec(tensor.encoding)
             ? tensor.row_bytes * static_cast<std::uint64_t>(pq::rows(tensor.shape))
             : 0;
}

PackedOutput PackedFormat::checked_output(const fs::path& path, const OutputModel& model) const {
  refuse_turned_matrices(model.side_files, info_.id);
  if (path.extension() == ".safetensors")
    throw ConfigError(fmt::format("{}: an output of '{}' is a folder; give it a name without .safetensors",
                                  path.string(), info_.id));
  return output(model);
}

OutputLayout PackedFormat::layout(const fs::path& path, const OutputModel& model) const {
  const PackedOutput output = checked_output(path, model);
  const FolderPlan files = files_of(output);
  for (const std::string& warning : output.warnings) log::warning(warning);
  OutputLayout layout;
  layout.files = planned_files(files, output.side_files, false);
  for (const PackedTensorPlan& tensor : output.plan.tensors) {
    const TensorPlace& place = files.places[tensor.first];
    layout.tensors.push_back({place.shard, place.offset, bytes_of(files, tensor.first, tensor.count)});
  }
  return layout;
}

std::unique_ptr<ModelWriter> PackedFormat::create(const fs::path& path, const OutputModel& model,
                                                  bool resume) const {
  PackedOutput output = checked_output(path, model);
  FolderPlan files = files_of(output);
  planned_files(files, output.side_files, false);  // its checks, before the disk is touched
  KnownLayers known;
  for (const LayerPlan& layer : output.plan.layers())
    known.emplace(layer.module + std::string(kWeightEnd), layer.options);
  return std::make_unique<PackedWriter>(
      path, model, std::move(output.plan), std::move(files), output.side_files, output.storage,
      [this, known](TensorStore store) {
        return open(std::make_unique<TensorStore>(std::move(store)), known);
      },
      resume);
}

}  // namespace pq::hf
