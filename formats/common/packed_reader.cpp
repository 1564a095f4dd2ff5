#include "common/packed_reader.hpp"

#include "common/printable.hpp"
#include "common/side_files.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace pq::hf {
namespace {

// What may stand beside codes. `.scales` alone may be something else: AWQ's scaled activations are called so.
constexpr std::array<std::string_view, 3> kNeverAlone = {".qzeros", ".g_idx", ".scaled_zeros"};

std::string module_of(std::string_view name, std::string_view end) {
  return std::string(name.substr(0, name.size() - end.size()));
}

class PackedReader final : public ModelReader {
 public:
  PackedReader(std::unique_ptr<const TensorStore> store, ModelHeader header, const LayerOpener& opener,
               const KnownLayers& known)
      : store_(std::move(store)), header_(std::move(header)) {
    std::vector<std::unique_ptr<PackedLayer>> layers(store_->tensors().size());
    std::set<std::size_t> parts;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string& name = store_->tensors()[i].name;
      if (!name.ends_with(kCodesEnd)) continue;
      const auto found = known.find(module_of(name, kCodesEnd) + std::string(kWeightEnd));
      layers[i] = opener.open(*store_, i, found == known.end() ? nullptr : &found->second);
      parts.insert(layers[i]->parts().begin(), layers[i]->parts().end());
    }
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (layers[i] != nullptr)
        add_layer(i, std::move(layers[i]));
      else if (!parts.contains(i))
        add_plain(i);
  }

  const ModelHeader& header() const override { return header_; }

  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>& scratch) const override {
    const Place& place = places_.at(tensor);
    const std::uint64_t size = header_.tensors[tensor].row_bytes;
    const auto at = static_cast<std::uint64_t>(first) * size,
               bytes = static_cast<std::uint64_t>(count) * size;
    if (place.layer == nullptr) return store_->bytes(place.stored, at, bytes);
    scratch.resize(bytes);
    place.layer->read(static_cast<std::size_t>(first), static_cast<std::size_t>(count), scratch.data());
    return scratch;
  }

  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    const Place& place = places_[tensor];
    if (place.layer == nullptr) {
      const std::uint64_t size = header_.tensors[tensor].row_bytes;
      store_->release(place.stored, static_cast<std::uint64_t>(first) * size,
                      static_cast<std::uint64_t>(count) * size);
    } else if (first + count == pq::rows(header_.tensors[tensor].shape)) {
      // Every row lies in every page: they can go only with the last.
      for (const std::size_t part : place.layer->parts())
        store_->release(part, 0, store_->tensors()[part].bytes);
    }
  }

 private:
  struct Place {
    std::size_t stored = 0;
    std::unique_ptr<PackedLayer> layer;  // nullptr: stored as it is
  };

  void add_layer(std::size_t index, std::unique_ptr<PackedLayer> layer) {
    if (store_->find(layer->info().name))
      throw FormatError(fmt::format("{}: has both {} and {}; one of them must go", store_->path().string(),
                                    shown(store_->tensors()[index].name), shown(layer->info().name)));
    header_.tensors.push_back(layer->info());
    places_.push_back({index, std::move(layer)});
  }

  void add_plain(std::size_t index) {
    const StoredTensor& tensor = store_->tensors()[index];
    for (const std::string_view end : kNeverAlone)
      if (tensor.name.ends_with(end))
        throw FormatError(fmt::format("{}: tensor {} stands alone, {} is missing; fetch the files again",
                                      store_->path().string(), shown(tensor.name),
                                      shown(module_of(tensor.name, end) + std::string(kCodesEnd))));
    const auto bytes = stored_bytes(*tensor.dtype, {cols(tensor.shape)});
    if (!bytes)
      throw FormatError(fmt::format("{}: tensor {}: rows are not whole bytes", store_->path().string(),
                                    shown(tensor.name)));
    header_.tensors.push_back({tensor.name, tensor.shape, std::string(tensor.dtype->encoding), *bytes,
                               store_->shard_name(tensor.shard), tensor.offset});
    places_.push_back({index, nullptr});
  }

  std::unique_ptr<const TensorStore> store_;
  ModelHeader header_;
  std::vector<Place> places_;  // parallel to header_.tensors
};

}  // namespace

std::unique_ptr<ModelReader> make_packed_reader(std::unique_ptr<const TensorStore> store, ModelHeader header,
                                                const LayerOpener& opener, const KnownLayers& known) {
  return std::make_unique<PackedReader>(std::move(store), std::move(header), opener, known);
}

ModelHeader header_of(const TensorStore& store) {
  ModelHeader header;
  header.dialect = Dialect::huggingface;
  for (const auto& [key, value] : store.metadata()) header.metadata.append(key, value);
  if (store.is_folder()) header.side_files = find_side_files(store.path());
  return header;
}

std::size_t part_of_layer(const TensorStore& store, const StoredTensor& codes, std::string_view end) {
  const std::string name = module_of(codes.name, kCodesEnd) + std::string(end);
  if (const auto found = store.find(name)) return *found;
  throw FormatError(fmt::format("{}: tensor {} stands alone, {} is missing; fetch the files again",
                                store.path().string(), shown(codes.name), shown(name)));
}

std::string layer_misfit(const TensorStore& store, const std::vector<std::size_t>& parts,
                         const std::string& wanted) {
  std::string all;
  for (const std::size_t part : parts) {
    const StoredTensor& tensor = store.tensors()[part];
    all += fmt::format("{}{} {} {}", all.empty() ? "" : ", ", shown(tensor.name), tensor.dtype->name,
                       to_string(tensor.shape));
  }
  return fmt::format("{}: tensors {} do not belong together; wanted: {}", store.path().string(), all, wanted);
}

}  // namespace pq::hf
