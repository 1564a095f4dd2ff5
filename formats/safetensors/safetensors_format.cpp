#include "safetensors/safetensors_format.hpp"

#include "common/folder_writer.hpp"
#include "common/printable.hpp"
#include "common/shard_size.hpp"
#include "common/string_metadata.hpp"
#include "safetensors/packed.hpp"
#include "safetensors/safetensors_reader.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/encoding.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace pq::hf {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string max_shard_size = kUsualShardSize;
  bool packed = false;
};
const Schema<Options>& schema() {
  static const auto result = with_shard_size<Options>().field(
      "packed", &Options::packed,
      "Keep encodings that safetensors has no dtype for as bytes, which only polyquant can read.");
  return result;
}
Options parse_options(const Node& node) { return parse_sized(schema(), node, "safetensors"); }

class SafetensorsWriter final : public ModelWriter {
 public:
  SafetensorsWriter(const fs::path& path, const OutputModel& model, FolderPlan plan, bool single_file,
                    bool resume)
      : writer_(path, std::move(plan), model.side_files, single_file, resume) {
    std::size_t planned = 0;
    for (const OutputTensor& tensor : model.tensors) {
      tensors_.push_back({planned, tensor.row_bytes});
      planned += tensor.shared_bytes != 0 ? 2 : 1;
    }
  }
  void write_rows(std::size_t tensor, std::int64_t first_row, Bytes rows) override {
    const Written& to = tensors_.at(tensor);
    writer_.write(to.planned, static_cast<std::uint64_t>(first_row) * to.row_bytes, rows);
  }
  void write_shared(std::size_t tensor, Bytes shared) override {
    writer_.write(tensors_.at(tensor).planned + 1, 0, shared);
  }
  void flush() override { writer_.flush(); }
  void keep() noexcept override { writer_.keep(); }
  std::unique_ptr<ModelReader> reopen() const override { return make_safetensors_reader(writer_.reopen()); }
  void seal() override { writer_.seal(); }

 private:
  struct Written {
    std::size_t planned;  // number of the planned tensor; what its rows share is the next one
    std::uint64_t row_bytes;
  };
  FolderWriter writer_;
  std::vector<Written> tensors_;
};

std::string no_dtype(std::string_view encoding) {
  return fmt::format(
      "safetensors has no dtype for {}; it stores f32, f16, bf16 and other plain numbers, or, as the format "
      "'safetensors:packed=true', bytes that only polyquant reads",
      encoding);
}

// Not "x.safetensors/": that asks for a folder.
bool is_single_file(const fs::path& path) { return path.extension() == ".safetensors"; }

class SafetensorsFormat final : public Format {
 public:
  explicit SafetensorsFormat(const Node& options) : defaults_(parse_options(options)) {}

  const FormatInfo& info() const override { return info_; }
  int probe(const Probe& probe) const override {
    return probe.is_folder ? probe_folder(probe) : probe_file(probe);
  }
  std::unique_ptr<ModelReader> open(const fs::path& path) const override {
    return make_safetensors_reader(TensorStore(path));
  }

  std::optional<std::string> rejects(const Encoding& encoding, const Shape& shape) const override {
    if (dtype_of_encoding(encoding.info().spec) != nullptr) return std::nullopt;
    if (!defaults_.packed) return no_dtype(encoding.info().spec);
    const std::uint64_t shared = encoding.shared_bytes(cols(shape));
    if (shared <= kMaxSharedBytes) return std::nullopt;
    return fmt::format("rows of {} share {} bytes; 'safetensors:packed=true' stores at most {}",
                       encoding.info().spec, shared, kMaxSharedBytes);
  }

  OutputLayout layout(const fs::path& path, const OutputModel& model) const override {
    const FolderPlan planned = plan(path, model);
    OutputLayout layout;
    layout.files = planned_files(planned, model.side_files, is_single_file(path));
    for (std::size_t i = 0, at = 0; i < model.tensors.size(); ++i) {
      const std::size_t count = model.tensors[i].shared_bytes != 0 ? 2 : 1;
      layout.tensors.push_back(
          {planned.places[at].shard, planned.places[at].offset, bytes_of(planned, at, count)});
      at += count;
    }
    return layout;
  }

  std::unique_ptr<ModelWriter> create(const fs::path& path, const OutputModel& model,
                                      bool resume) const override {
    FolderPlan planned = plan(path, model);
    planned_files(planned, model.side_files, is_single_file(path));  // its checks, before the disk is touched
    return std::make_unique<SafetensorsWriter>(path, model, std::move(planned), is_single_file(path), resume);
  }

 private:
  static int probe_folder(const Probe& probe) {
    const auto has = [&](std::string_view name) {
      return std::find(probe.names.begin(), probe.names.end(), name) != probe.names.end();
    };
    // A folder that cannot be opened is still claimed, weakly: open() says best what is missing.
    if (!has(kSingleFile) && !has(kIndexFile)) return has("config.json") || has("pytorch_model.bin") ? 10 : 0;
    const std::string_view config(reinterpret_cast<const char*>(probe.head.data()), probe.head.size());
    // Codes of another format in safetensors files: its own plugin shall win.
    return config.find("\"quantization_config\"") == std::string_view::npos ? 80 : 40;
  }
  static int probe_file(const Probe& probe) {
    const bool named = probe.path.extension() == ".safetensors";
    const bool plausible = probe.head.size() >= 10 &&
                           load<std::uint64_t>(probe.head.data()) <= kMaxHeaderBytes &&
                           probe.head[8] == std::byte{'{'};
    return plausible ? (named ? 95 : 60) : named ? 50 : 0;
  }

  FolderPlan plan(const fs::path& path, const OutputModel& model) const {
    std::vector<PlannedTensor> tensors;
    std::map<std::string, PackedTensor> packed;
    for (const OutputTensor& tensor : model.tensors) {
      tensors.push_back(planned(tensor));
      if (dtype_of_encoding(tensor.encoding) != nullptr) continue;
      PackedTensor& entry = packed[tensor.name] = {tensor.encoding, tensor.shape};
      if (tensor.shared_bytes == 0) continue;
      entry.shared = tensor.name + kSharedEnd;
      tensors.push_back(
          {entry.shared, find_dtype("U8"), {static_cast<std::int64_t>(tensor.shared_bytes)}, true});
    }
    StringPairs metadata;
    if (!packed.empty()) metadata.emplace_back(kPackedKey, packed_metadata(packed));
    for (auto& pair : string_metadata(model.metadata)) metadata.push_back(std::move(pair));
    const bool own_options = !model.options.is_null();
    const Options options = own_options ? parse_options(model.options) : defaults_;
    if (!is_single_file(path)) return plan_shards(tensors, metadata, shard_bytes(options.max_shard_size));
    if (own_options && model.options.find("max_shard_size") != nullptr)
      throw ConfigError(
          fmt::format("max_shard_size cannot be used with the single file {}; give a folder as the output",
                      path.string()));
    return plan_single(tensors, metadata, path.filename().string());
  }

  PlannedTensor planned(const OutputTensor& tensor) const {
    const Dtype* dtype = dtype_of_encoding(tensor.encoding);
    if (dtype == nullptr && defaults_.packed)
      return {tensor.name, find_dtype("U8"), packed_shape(tensor.shape, tensor.row_bytes)};
    if (dtype == nullptr)
      throw ConfigError(fmt::format("tensor {}: {}", shown(tensor.name), no_dtype(tensor.encoding)));
    const auto bytes = stored_bytes(*dtype, {cols(tensor.shape)});
    PQ_ASSERT(bytes && *bytes == tensor.row_bytes, "the encoding's row size is that of the dtype");
    return {tensor.name, dtype, tensor.shape};
  }

  Options defaults_;
  FormatInfo info_{"safetensors", "Hugging Face folder with safetensors files, or one such file",
                   Dialect::huggingface, true, true};
};

}  // namespace

const OptionTable& safetensors_options() { return schema().table(); }

std::unique_ptr<Format> make_safetensors_format(const Node& options) {
  return std::make_unique<SafetensorsFormat>(options);
}

}  // namespace pq::hf
