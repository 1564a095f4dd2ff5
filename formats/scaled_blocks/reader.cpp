#include "scaled_blocks/reader.hpp"

#include "common/printable.hpp"
#include "common/side_files.hpp"
#include "common/strict_json.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace pq::hf {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 64ull << 20;
constexpr const char* kConfig = "config.json";
constexpr const char* kKey = "quantization_config";

class JoinedReader final : public ModelReader {
 public:
  JoinedReader(TensorStore store, const JoinRule& rule) : store_(std::move(store)), rule_(rule) {
    header_.dialect = Dialect::huggingface;
    for (const auto& [key, value] : store_.metadata()) header_.metadata.append(key, value);
    if (store_.is_folder()) header_.side_files = find_side_files(store_.path());
    const std::string quantization = take_config();
    for (std::size_t i = 0; i < store_.tensors().size(); ++i) add(i, quantization);
  }

  const ModelHeader& header() const override { return header_; }

  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>& scratch) const override {
    const Place& place = places_.at(tensor);
    const std::uint64_t size = header_.tensors[tensor].row_bytes;
    const auto at = static_cast<std::uint64_t>(first) * size,
               bytes = static_cast<std::uint64_t>(count) * size;
    if (place.joined == nullptr) return store_.bytes(place.stored, at, bytes);
    scratch.resize(bytes);
    for (std::int64_t r = 0; r < count; ++r)
      place.joined->write_row(first + r, scratch.data() + static_cast<std::uint64_t>(r) * size);
    return scratch;
  }

  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    const std::size_t stored = places_[tensor].stored;
    const std::int64_t rows = pq::rows(header_.tensors[tensor].shape);
    if (rows == 0) return;
    const std::uint64_t row_bytes = store_.tensors()[stored].bytes / static_cast<std::uint64_t>(rows);
    store_.release(stored, static_cast<std::uint64_t>(first) * row_bytes,
                   static_cast<std::uint64_t>(count) * row_bytes);
  }

 private:
  struct Place {
    std::size_t stored = 0;
    std::unique_ptr<JoinedTensor> joined;  // nullptr: stored as it is
  };

  // Removes the description of the storage from config.json and returns it.
  std::string take_config() {
    for (SideFile& file : header_.side_files) {
      if (file.name != kConfig) continue;
      const std::string text = read_text_file(file.path, kMaxConfigBytes);
      parse_strict_json(text, file.path.string());
      auto config = nlohmann::ordered_json::parse(text);
      const std::string quantization =
          config.is_object() && config.contains(kKey) ? config[kKey].dump() : "{}";
      if (config.is_object()) config.erase(kKey);
      file = {kConfig, {}, config.dump(2) + "\n"};
      return quantization;
    }
    return "{}";
  }

  void add(std::size_t index, const std::string& quantization) {
    const StoredTensor& tensor = store_.tensors()[index];
    if (tensor.name.ends_with(rule_.scales_end) && partner(tensor.name, rule_.scales_end, rule_.numbers_end))
      return;
    const auto scales = partner(tensor.name, rule_.numbers_end, rule_.scales_end);
    if (tensor.name.ends_with(rule_.numbers_end) && scales) {
      auto joined = rule_.join(store_, index, *scales, quantization, store_.path().string());
      header_.tensors.push_back(joined->info());
      places_.push_back({index, std::move(joined)});
      return;
    }
    if (tensor.name.ends_with(rule_.scales_end) || tensor.dtype->name == rule_.dtype)
      throw FormatError(alone(tensor));
    const auto bytes = stored_bytes(*tensor.dtype, {cols(tensor.shape)});
    if (!bytes)
      throw FormatError(
          fmt::format("{}: tensor {}: rows are not whole bytes", store_.path().string(), shown(tensor.name)));
    header_.tensors.push_back({tensor.name, tensor.shape, std::string(tensor.dtype->encoding), *bytes,
                               store_.shard_name(tensor.shard), tensor.offset});
    places_.push_back({index, nullptr});
  }

  std::string alone(const StoredTensor& tensor) const {
    return fmt::format(
        "{}: tensor {} {} {} stands alone; the method '{}' stores numbers {} as *{} and their scales as *{}, "
        "and "
        "neither means anything without the other",
        store_.path().string(), shown(tensor.name), tensor.dtype->name, to_string(tensor.shape), rule_.method,
        rule_.dtype, rule_.numbers_end, rule_.scales_end);
  }

  // The tensor of the same name with another end.
  std::optional<std::size_t> partner(const std::string& name, const std::string& end,
                                     const std::string& other) const {
    if (!name.ends_with(end)) return std::nullopt;
    return store_.find(name.substr(0, name.size() - end.size()) + other);
  }

  TensorStore store_;
  const JoinRule& rule_;
  ModelHeader header_;
  std::vector<Place> places_;  // parallel to header_.tensors
};

}  // namespace

std::string misfit(const std::string& place, const StoredTensor& numbers, const StoredTensor& scales,
                   const std::string& wanted) {
  return fmt::format("{}: tensors {} {} {} and {} {} {} do not belong together; wanted: {}", place,
                     shown(numbers.name), numbers.dtype->name, to_string(numbers.shape), shown(scales.name),
                     scales.dtype->name, to_string(scales.shape), wanted);
}

std::unique_ptr<ModelReader> make_joined_reader(TensorStore store, const JoinRule& rule) {
  return std::make_unique<JoinedReader>(std::move(store), rule);
}

}  // namespace pq::hf
