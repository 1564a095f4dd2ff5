#include "layout.hpp"

#include "header_writer.hpp"
#include "limits.hpp"
#include "output_check.hpp"
#include "split.hpp"
#include "types.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace pq::gguf {
namespace {

using Entries = std::vector<const Metadata::Entry*>;

// Keys that describe the file rather than the model: they are made anew for each output. Everything is aligned to the default, as
// tools that copy GGUF files (llama-gguf-split among them) get other alignments wrong.
bool describes_the_file(const std::string& key) {
  return key == kAlignmentKey || key == kSplitNumberKey || key == kSplitCountKey || key == kSplitTensorsKey;
}

// The architecture comes first, as readers that stop early expect it there.
Entries model_keys(const Metadata& metadata) {
  Entries keys;
  for (const Metadata::Entry& entry : metadata.entries())
    if (!describes_the_file(entry.first)) keys.push_back(&entry);
  std::stable_partition(keys.begin(), keys.end(),
                        [](const Metadata::Entry* entry) { return entry->first == kArchitectureKey; });
  return keys;
}

std::vector<std::uint64_t> sizes_of(const OutputModel& model) {
  std::vector<std::uint64_t> sizes;
  std::uint64_t total = 0;
  for (const OutputTensor& tensor : model.tensors) {
    sizes.push_back(tensor.row_bytes * static_cast<std::uint64_t>(rows(tensor.shape)));
    const auto sum = checked_add(total, sizes.back() + kDefaultAlignment);
    if (!sum || *sum > INT64_MAX)
      throw ConfigError("gguf: the tensors together are larger than any file can be");
    total = *sum;
  }
  return sizes;
}

// The first tensor of each file. As llama-gguf-split counts: padded tensors only, no headers; a tensor larger than the limit stands alone.
std::vector<std::size_t> file_starts(const std::vector<std::uint64_t>& sizes, const Options& options) {
  const std::uint64_t max_bytes = max_size(options);
  const auto max_tensors = static_cast<std::uint64_t>(options.split_max_tensors);
  std::vector<std::size_t> starts = {0};
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::uint64_t padded = round_up(sizes[i], kDefaultAlignment);
    const std::size_t tensors = i - starts.back();
    if (tensors > 0 &&
        ((max_bytes > 0 && bytes + padded > max_bytes) || (max_tensors > 0 && tensors >= max_tensors))) {
      starts.push_back(i);
      bytes = 0;
    }
    bytes += padded;
  }
  if (starts.size() > kMaxShards)
    throw ConfigError(
        fmt::format("gguf: the output would be {} files, at most {} are possible; raise the split limits",
                    starts.size(), kMaxShards));
  return starts;
}

// Owner of the keys that are not the model's.
struct AddedKeys {
  std::vector<Metadata::Entry> entries;
  void append_to(Entries& keys) const {
    for (const Metadata::Entry& entry : entries) keys.push_back(&entry);
  }
};

AddedKeys version_key(const OutputModel& model) {
  const bool quantized =
      std::any_of(model.tensors.begin(), model.tensors.end(),
                  [](const OutputTensor& tensor) { return find_type(tensor.encoding)->quantized(); });
  if (!quantized || model.metadata.find(kQuantizationVersionKey) != nullptr) return {};
  return {{{std::string(kQuantizationVersionKey), kQuantizationVersion}}};
}

// llama.cpp reads exactly these types.
AddedKeys split_key_entries(std::size_t number, std::size_t files, std::size_t tensors) {
  if (tensors > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw ConfigError("gguf: a split model can have at most 2147483647 tensors");
  return {{{std::string(kSplitNumberKey), static_cast<std::uint16_t>(number)},
           {std::string(kSplitCountKey), static_cast<std::uint16_t>(files)},
           {std::string(kSplitTensorsKey), static_cast<std::int32_t>(tensors)}}};
}

// Everything of file `f` that follows from the choice of its tensors.
void lay_out_file(const OutputModel& model, Entries keys, std::size_t f, Plan& plan) {
  FilePlan& file = plan.files[f];
  std::vector<TensorEntry> entries;
  std::uint64_t offset = 0;
  for (std::size_t t = file.first; t < file.last; ++t) {
    const OutputTensor& tensor = model.tensors[t];
    entries.push_back({&tensor.name, &tensor.shape, find_type(tensor.encoding), offset});
    plan.places[t] = {f, offset};
    offset += round_up(plan.tensor_bytes[t], kDefaultAlignment);
  }
  file.header = make_header(keys, entries);
  for (std::size_t t = file.first; t < file.last; ++t) plan.places[t].offset += file.header.size();
  file.bytes = file.header.size() + offset;
}

}  // namespace

Plan make_plan(const std::filesystem::path& path, const OutputModel& model, const Options& options) {
  check_output(model);
  Plan plan;
  plan.tensor_bytes = sizes_of(model);
  plan.places.resize(model.tensors.size());
  const std::vector<std::size_t> starts = file_starts(plan.tensor_bytes, options);
  const std::string file_name = path.filename().string();
  const AddedKeys version = version_key(model);
  for (std::size_t f = 0; f < starts.size(); ++f) {
    const bool split = starts.size() > 1;
    FilePlan file;
    file.name = split ? shard_name(output_prefix(file_name), f, starts.size()) : file_name;
    file.first = starts[f];
    file.last = f + 1 < starts.size() ? starts[f + 1] : model.tensors.size();
    plan.files.push_back(std::move(file));

    Entries keys = f == 0 ? model_keys(model.metadata) : Entries();
    if (f == 0) version.append_to(keys);
    const AddedKeys split_keys =
        split ? split_key_entries(f, starts.size(), model.tensors.size()) : AddedKeys{};
    split_keys.append_to(keys);
    lay_out_file(model, std::move(keys), f, plan);
  }
  return plan;
}

OutputLayout Plan::layout() const {
  OutputLayout layout;
  for (const FilePlan& file : files) layout.files.push_back({file.name, file.bytes});
  layout.tensors = places;
  return layout;
}

}  // namespace pq::gguf
