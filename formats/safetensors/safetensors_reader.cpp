#include "safetensors/safetensors_reader.hpp"

#include "common/printable.hpp"
#include "common/side_files.hpp"
#include "common/strict_json.hpp"
#include "safetensors/packed.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace pq::hf {
namespace {

namespace fs = std::filesystem;

// Rows must be whole bytes to be moved: true for all types but F4 and F6 with odd row lengths.
std::uint64_t row_bytes(const StoredTensor& tensor, const std::string& place) {
  const auto bytes = stored_bytes(*tensor.dtype, {cols(tensor.shape)});
  if (!bytes)
    throw FormatError(fmt::format(
        "{}: tensor {}: rows of {} elements of {} are not whole bytes; polyquant cannot carry them", place,
        shown(tensor.name), cols(tensor.shape), tensor.dtype->name));
  return *bytes;
}

// Codes mean nothing without the tensors beside them.
void refuse_codes(const TensorStore& store) {
  struct Part {
    std::string_view end, codes_end;
  };
  constexpr std::array<Part, 3> kParts{{{".absmax", ""}, {".quant_map", ""}, {".SCB", ".weight"}}};
  for (const StoredTensor& tensor : store.tensors())
    for (const Part& part : kParts) {
      if (!tensor.name.ends_with(part.end)) continue;
      const std::string codes =
          tensor.name.substr(0, tensor.name.size() - part.end.size()) + std::string(part.codes_end);
      if (store.find(codes))
        throw FormatError(fmt::format(
            "{}: tensor {} holds codes of bitsandbytes, as {} beside it shows; its format reads them{}",
            store.path().string(), shown(codes), shown(tensor.name),
            store.is_folder() ? " where the quantization_config of config.json has \"quant_method\": "
                                "\"bitsandbytes\""
                              : ""));
    }
}

class SafetensorsReader final : public ModelReader {
 public:
  explicit SafetensorsReader(TensorStore store) : store_(std::move(store)) {
    header_.dialect = Dialect::huggingface;
    refuse_codes(store_);
    for (const StoredTensor& tensor : store_.tensors())
      header_.tensors.push_back({tensor.name, tensor.shape, std::string(tensor.dtype->encoding),
                                 row_bytes(tensor, store_.shards()[tensor.shard]->path().string()),
                                 store_.shard_name(tensor.shard), tensor.offset});
    for (const auto& [key, value] : store_.metadata()) header_.metadata.append(key, value);
    unpack_header(header_, store_);
    for (const TensorInfo& tensor : header_.tensors) stored_.push_back(*store_.find(tensor.name));
    if (store_.is_folder()) header_.side_files = find_side_files(store_.path());
  }

  const ModelHeader& header() const override { return header_; }

  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>&) const override {
    const std::uint64_t size = header_.tensors.at(tensor).row_bytes;
    return store_.bytes(stored_[tensor], static_cast<std::uint64_t>(first) * size,
                        static_cast<std::uint64_t>(count) * size);
  }
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    const std::uint64_t size = header_.tensors.at(tensor).row_bytes;
    store_.release(stored_[tensor], static_cast<std::uint64_t>(first) * size,
                   static_cast<std::uint64_t>(count) * size);
  }
  std::vector<std::string> check() const override;

 private:
  void check_config(std::vector<std::string>& found) const;

  TensorStore store_;
  ModelHeader header_;
  std::vector<std::size_t> stored_;  // of each tensor of the header its number in the store
};

std::vector<std::string> SafetensorsReader::check() const {
  std::vector<std::string> found;
  const std::string format = header_.metadata.string("format", "");
  // transformers, modeling_utils.load_state_dict: other values raise, older versions also raise when it is missing.
  if (format != "pt" && format != "tf" && format != "flax" && format != "mlx")
    found.push_back(
        fmt::format("{}: __metadata__ should have \"format\": \"pt\", it has {}; some versions of "
                    "transformers refuse the file",
                    store_.path().string(), format.empty() ? "none" : shown(format)));
  for (std::size_t i = 0; i < store_.tensors().size(); ++i) {
    const StoredTensor& tensor = store_.tensors()[i];
    if (tensor.bytes == 0) found.push_back(fmt::format("tensor {}: has no elements", shown(tensor.name)));
    const auto alignment = static_cast<std::uint64_t>(std::max(tensor.dtype->bits / 8, 1));
    if (tensor.offset % alignment != 0)
      found.push_back(fmt::format(
          "{}: tensor {}: offset {} is not a multiple of {}; readers that map the file need a copy",
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
      found.push_back(
          file.string() +
          ": has neither architectures nor model_type; transformers cannot tell what the model is");
  } catch (const FormatError& error) {
    found.push_back(error.what());
  }
}

}  // namespace

std::unique_ptr<ModelReader> make_safetensors_reader(TensorStore store) {
  return std::make_unique<SafetensorsReader>(std::move(store));
}

}  // namespace pq::hf
