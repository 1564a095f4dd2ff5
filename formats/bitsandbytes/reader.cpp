#include "bitsandbytes/reader.hpp"

#include "bitsandbytes/config.hpp"
#include "bitsandbytes/tensors.hpp"
#include "common/folder_reader.hpp"
#include "common/storage_config.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace pq::bnb {
namespace {

// Parts of a weight, which mean nothing alone.
constexpr std::array<std::string_view, 5> kPartEnds{".absmax", ".quant_map", ".nested_absmax",
                                                    ".nested_quant_map", ".SCB"};

class Reader final : public hf::FolderReader {
 public:
  Reader(std::unique_ptr<const hf::TensorStore> from, ModelHeader header, bool is_announced)
      : FolderReader(std::move(from), std::move(header)), is_announced_(is_announced) {
    open_weights();
    for (std::size_t i = 0; i < owner_.size(); ++i) add(i);
  }

  std::vector<std::string> check() const override {
    if (!has_weights_ || is_announced_ || !store().is_folder()) return {};
    return {fmt::format(
        "{}: has no quantization_config with quant_method bitsandbytes; transformers would take the "
        "codes for weights",
        (store().path() / "config.json").string())};
  }

 private:
  void open_weights() {
    owner_.resize(store().tensors().size());
    weights_.resize(owner_.size());
    for (std::size_t i = 0; i < store().tensors().size(); ++i) {
      const hf::StoredTensor& tensor = store().tensors()[i];
      if (tensor.name.find(kStateEnd) != std::string::npos)
        own(open_four_bit(store(), i));
      else if (tensor.dtype->name == "I8" && tensor.name.ends_with(".weight"))
        own(open_int8(store(), i));
    }
  }

  void own(std::unique_ptr<Weight> weight) {
    has_weights_ = true;
    const std::size_t codes = weight->parts().front();
    for (const std::size_t part : weight->parts()) {
      if (owner_[part]) throw FormatError(fmt::format("{}: belongs to two weights", place_of(store(), part)));
      owner_[part] = codes;
    }
    weights_[codes] = std::move(weight);
  }

  void add(std::size_t index) {
    if (weights_[index] != nullptr) return add_joined(std::move(weights_[index]));
    if (owner_[index]) return;
    const std::string& name = store().tensors()[index].name;
    for (const std::string_view end : kPartEnds)
      if (name.ends_with(end))
        throw FormatError(
            fmt::format("{}: is a part of a weight that is not there; the download is incomplete, or "
                        "the file was made by another program",
                        place_of(store(), index)));
    add_plain(index);
  }

  std::vector<std::unique_ptr<Weight>> weights_;   // of each stored tensor with codes, until it is added
  std::vector<std::optional<std::size_t>> owner_;  // the codes that each stored tensor belongs to
  bool has_weights_ = false, is_announced_ = false;
};

}  // namespace

std::unique_ptr<ModelReader> make_reader(hf::TensorStore store) {
  auto from = std::make_unique<const hf::TensorStore>(std::move(store));
  ModelHeader header = hf::header_of(*from);
  const bool is_announced = describes_bitsandbytes(hf::take_storage_config(header, {}));
  return std::make_unique<Reader>(std::move(from), std::move(header), is_announced);
}

}  // namespace pq::bnb
