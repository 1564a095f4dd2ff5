#include "common/packed_reader.hpp"

#include "common/printable.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

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

class PackedReader final : public FolderReader {
 public:
  PackedReader(std::unique_ptr<const TensorStore> from, ModelHeader header, const LayerOpener& opener,
               const KnownLayers& known)
      : FolderReader(std::move(from), std::move(header)) {
    std::vector<std::unique_ptr<PackedLayer>> layers(store().tensors().size());
    std::set<std::size_t> parts;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string& name = store().tensors()[i].name;
      if (!name.ends_with(kCodesEnd)) continue;
      const auto found = known.find(module_of(name, kCodesEnd) + std::string(kWeightEnd));
      layers[i] = opener.open(store(), i, found == known.end() ? nullptr : &found->second);
      parts.insert(layers[i]->parts().begin(), layers[i]->parts().end());
    }
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (layers[i] != nullptr)
        add_layer(i, std::move(layers[i]));
      else if (!parts.contains(i))
        add_rest(i);
  }

 private:
  void add_layer(std::size_t index, std::unique_ptr<PackedLayer> layer) {
    if (store().find(layer->info().name))
      throw FormatError(fmt::format("{}: has both {} and {}; one of them must go", store().path().string(),
                                    shown(store().tensors()[index].name), shown(layer->info().name)));
    add_joined(std::move(layer));
  }

  void add_rest(std::size_t index) {
    const std::string& name = store().tensors()[index].name;
    for (const std::string_view end : kNeverAlone)
      if (name.ends_with(end))
        throw FormatError(fmt::format("{}: tensor {} stands alone, {} is missing; fetch the files again",
                                      store().path().string(), shown(name),
                                      shown(module_of(name, end) + std::string(kCodesEnd))));
    add_plain(index);
  }
};

}  // namespace

std::unique_ptr<ModelReader> make_packed_reader(std::unique_ptr<const TensorStore> store, ModelHeader header,
                                                const LayerOpener& opener, const KnownLayers& known) {
  return std::make_unique<PackedReader>(std::move(store), std::move(header), opener, known);
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
