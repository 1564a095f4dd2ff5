#include "safetensors/safetensors_format.hpp"

#include "common/folder_writer.hpp"
#include "common/printable.hpp"
#include "common/size.hpp"
#include "safetensors/safetensors_reader.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/encoding.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pq::hf {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string max_shard_size = "5GB";
};
const Schema<Options>& schema() {
  static const auto result = Schema<Options>().field("max_shard_size", &Options::max_shard_size,
                                                     "Largest size of the tensors in one file of a folder, "
                                                     "such as 500MB or 2GiB; more go into several files.");
  return result;
}
Options parse_options(const Node& node) {
  Options options = schema().parse(node, "safetensors");
  parse_size(options.max_shard_size, "max_shard_size");
  return options;
}

<<<<<<< HEAD
// Rows must be whole bytes to be moved: true for all types but F4 and F6 with odd row lengths.
std::uint64_t row_bytes(const StoredTensor& tensor, const std::string& place) {
  const auto bytes = stored_bytes(*tensor.dtype, {cols(tensor.shape)});
  if (!bytes)
    throw FormatError(fmt::format("{}: tensor {}: rows of {} elements of {} are not whole bytes; polyquant cannot carry them", place,
                                  shown(tensor.name), cols(tensor.shape), tensor.dtype->name));
  return *bytes;
}

class SafetensorsReader final : public ModelReader {
 public:
  explicit SafetensorsReader(const fs::path& path) : SafetensorsReader(TensorStore(path)) {}
  explicit SafetensorsReader(TensorStore store) : store_(std::move(store)) {
    const fs::path& path = store_.path();
    header_.dialect = Dialect::huggingface;
    for (const StoredTensor& tensor : store_.tensors()) {
      const std::string file = store_.shard_name(tensor.shard);
      header_.tensors.push_back({tensor.name, tensor.shape, std::string(tensor.dtype->encoding),
                                 row_bytes(tensor, (store_.is_folder() ? path / file : path).string()), file, tensor.offset});
    }
    for (const auto& [key, value] : store_.metadata()) header_.metadata.set(key, value);
    if (store_.is_folder()) header_.side_files = find_side_files(path);
  }

  const ModelHeader& header() const override { return header_; }

  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count, std::vector<std::byte>&) const override {
    const std::uint64_t size = header_.tensors.at(tensor).row_bytes;
    return store_.bytes(tensor, static_cast<std::uint64_t>(first) * size, static_cast<std::uint64_t>(count) * size);
  }
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    const std::uint64_t size = header_.tensors.at(tensor).row_bytes;
    store_.release(tensor, static_cast<std::uint64_t>(first) * size, static_cast<std::uint64_t>(count) * size);
  }
  std::vector<std::string> check() const override;

 private:
  void check_config(std::vector<std::string>& found) const;

  TensorStore store_;
  ModelHeader header_;
};

std::vector<std::string> SafetensorsReader::check() const {
  std::vector<std::string> found;
  const std::string format = header_.metadata.string("format", "");
  // transformers, modeling_utils.load_state_dict: other values raise, older versions also raise when it is missing.
  if (format != "pt" && format != "tf" && format != "flax" && format != "mlx")
    found.push_back(fmt::format("{}: __metadata__ should have \"format\": \"pt\", it has {}; some versions of transformers refuse the file",
                                store_.path().string(), format.empty() ? "none" : shown(format)));
  for (std::size_t i = 0; i < store_.tensors().size(); ++i) {
    const StoredTensor& tensor = store_.tensors()[i];
    if (tensor.bytes == 0) found.push_back(fmt::format("tensor {}: has no elements", shown(tensor.name)));
    const auto alignment = static_cast<std::uint64_t>(std::max(tensor.dtype->bits / 8, 1));
    if (tensor.offset % alignment != 0)
      found.push_back(fmt::format("{}: tensor {}: offset {} is not a multiple of {}; readers that map the file need a copy",
                                  store_.shard_name(tensor.shard), shown(tensor.name), tensor.offset, alignment));
  }
  if (store_.is_folder()) check_config(found);
  return found;
}

void SafetensorsReader::check_config(std::vector<std::string>& found) const {
  constexpr std::uint64_t kMaxConfigBytes = 64ull << 20;
  const fs::path file = store_.path() / "config.json";
  try {
    const nlohmann::json config = parse_strict_json(read_text_file(file, kMaxConfigBytes), file.string());
    if (!config.is_object() || (!config.contains("architectures") && !config.contains("model_type")))
      found.push_back(file.string() + ": has neither architectures nor model_type; transformers cannot tell what the model is");
  } catch (const FormatError& error) {
    found.push_back(error.what());
  }
}

=======
>>>>>>> 1de0f5d (wip)
class SafetensorsWriter final : public ModelWriter {
 public:
  SafetensorsWriter(const fs::path& path, const OutputModel& model, FolderPlan plan, bool single_file,
                    bool resume)
      : writer_(path, std::move(plan), model.side_files, single_file, resume) {
    for (const OutputTensor& tensor : model.tensors) row_bytes_.push_back(tensor.row_bytes);
  }
  void write_rows(std::size_t tensor, std::int64_t first_row, Bytes rows) override {
    writer_.write(tensor, static_cast<std::uint64_t>(first_row) * row_bytes_.at(tensor), rows);
  }
  std::unique_ptr<ModelReader> reopen() const override {
    return std::make_unique<SafetensorsReader>(TensorStore(writer_.partial_paths()));
  }
  void flush() override { writer_.flush(); }
  void keep() noexcept override { writer_.keep(); }
  std::unique_ptr<ModelReader> reopen() const override { return make_safetensors_reader(writer_.reopen()); }
  void seal() override { writer_.seal(); }

 private:
  FolderWriter writer_;
  std::vector<std::uint64_t> row_bytes_;
};

std::string no_dtype(std::string_view encoding) {
  return fmt::format("safetensors has no dtype for {}; it stores f32, f16, bf16 and other plain numbers",
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

  std::optional<std::string> rejects(const Encoding& encoding, const Shape&) const override {
    if (dtype_of_encoding(encoding.info().spec) != nullptr) return std::nullopt;
    return no_dtype(encoding.info().spec);
  }

  OutputLayout layout(const fs::path& path, const OutputModel& model) const override {
    const FolderPlan planned = plan(path, model);
    OutputLayout layout;
    layout.files = planned_files(planned, model.side_files, is_single_file(path));
    for (const TensorPlace& place : planned.places) layout.tensors.push_back({place.shard, place.offset});
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
    for (const OutputTensor& tensor : model.tensors) tensors.push_back(planned(tensor));
    StringPairs metadata;
    for (const auto& [key, value] : model.metadata.entries()) {
      const auto* text = std::get_if<std::string>(&value);
      if (text == nullptr)
        throw ConfigError(fmt::format("metadata {} is of type {}; safetensors files hold strings only",
                                      shown(key), type_name(value)));
      metadata.emplace_back(key, *text);
    }
    const bool own_options = !model.options.is_null();
    const Options options = own_options ? parse_options(model.options) : defaults_;
    if (!is_single_file(path))
      return plan_shards(tensors, metadata, parse_size(options.max_shard_size, "max_shard_size"));
    if (own_options && model.options.find("max_shard_size") != nullptr)
      throw ConfigError(
          fmt::format("max_shard_size cannot be used with the single file {}; give a folder as the output",
                      path.string()));
    return plan_single(tensors, metadata, path.filename().string());
  }

  static PlannedTensor planned(const OutputTensor& tensor) {
    const Dtype* dtype = dtype_of_encoding(tensor.encoding);
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
