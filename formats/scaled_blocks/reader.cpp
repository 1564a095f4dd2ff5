#include "scaled_blocks/reader.hpp"

#include "common/folder_reader.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace pq::hf {
namespace {

class JoinedReader final : public FolderReader {
 public:
  JoinedReader(std::unique_ptr<const TensorStore> from, ModelHeader header, const StorageConfig& config,
               const JoinRule& rule)
      : FolderReader(std::move(from), std::move(header)), rule_(rule) {
    for (std::size_t i = 0; i < store().tensors().size(); ++i) add(i, config);
  }

 private:
  void add(std::size_t index, const StorageConfig& config) {
    const StoredTensor& tensor = store().tensors()[index];
    if (tensor.name.ends_with(rule_.scales_end) && partner(tensor.name, rule_.scales_end, rule_.numbers_end))
      return;
    const auto scales = partner(tensor.name, rule_.numbers_end, rule_.scales_end);
    if (tensor.name.ends_with(rule_.numbers_end) && scales)
      return add_joined(rule_.join(store(), index, *scales, config, store().path().string()));
    if (tensor.name.ends_with(rule_.scales_end) || tensor.dtype->name == rule_.dtype)
      throw FormatError(alone(tensor));
    add_plain(index);
  }

  std::string alone(const StoredTensor& tensor) const {
    return fmt::format(
        "{}: tensor {} {} {} stands alone; the method '{}' stores numbers {} as *{} and their scales as *{}, "
        "and "
        "neither means anything without the other",
        store().path().string(), shown(tensor.name), tensor.dtype->name, to_string(tensor.shape),
        rule_.method, rule_.dtype, rule_.numbers_end, rule_.scales_end);
  }

  // The tensor of the same name with another end.
  std::optional<std::size_t> partner(const std::string& name, const std::string& end,
                                     const std::string& other) const {
    if (!name.ends_with(end)) return std::nullopt;
    return store().find(name.substr(0, name.size() - end.size()) + other);
  }

  const JoinRule& rule_;
};

}  // namespace

std::string misfit(const std::string& place, const StoredTensor& numbers, const StoredTensor& scales,
                   const std::string& wanted) {
  return fmt::format("{}: tensors {} {} {} and {} {} {} do not belong together; wanted: {}", place,
                     shown(numbers.name), numbers.dtype->name, to_string(numbers.shape), shown(scales.name),
                     scales.dtype->name, to_string(scales.shape), wanted);
}

std::unique_ptr<ModelReader> make_joined_reader(TensorStore store, const JoinRule& rule) {
  auto from = std::make_unique<const TensorStore>(std::move(store));
  ModelHeader header = header_of(*from);
  const StorageConfig config = take_storage_config(header, {});
  return std::make_unique<JoinedReader>(std::move(from), std::move(header), config, rule);
}

}  // namespace pq::hf
