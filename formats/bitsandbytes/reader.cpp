#include "bitsandbytes/reader.hpp"

#include "bitsandbytes/config.hpp"
#include "bitsandbytes/tensors.hpp"
#include "common/printable.hpp"
#include "common/side_files.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace pq::bnb {
namespace {

// Parts of a weight, which mean nothing alone.
constexpr std::array<std::string_view, 5> kPartEnds{".absmax", ".quant_map", ".nested_absmax",
                                                    ".nested_quant_map", ".SCB"};

class Reader final : public ModelReader {
 public:
  explicit Reader(hf::TensorStore store) : store_(std::move(store)) {
    header_.dialect = Dialect::huggingface;
    for (const auto& [key, value] : store_.metadata()) header_.metadata.append(key, value);
    if (store_.is_folder()) {
      header_.side_files = hf::find_side_files(store_.path());
      is_announced_ = take_quantization(header_.side_files);
    }
    open_weights();
    for (std::size_t i = 0; i < store_.tensors().size(); ++i) add(i);
  }

  const ModelHeader& header() const override { return header_; }

  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>& scratch) const override {
    const Place& place = places_.at(tensor);
    const std::uint64_t size = header_.tensors[tensor].row_bytes;
    const auto at = static_cast<std::uint64_t>(first) * size,
               bytes = static_cast<std::uint64_t>(count) * size;
    if (place.weight == nullptr) return store_.bytes(place.stored, at, bytes);
    scratch.resize(bytes);
    for (std::int64_t r = 0; r < count; ++r)
      place.weight->write_row(first + r, scratch.data() + static_cast<std::uint64_t>(r) * size);
    return scratch;
  }

  // Bytes at the ends may belong to other rows too; they are read again then.
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    const std::size_t stored = places_.at(tensor).stored;
    const std::int64_t all = pq::rows(header_.tensors[tensor].shape);
    if (all == 0) return;
    const std::uint64_t row_bytes = store_.tensors()[stored].bytes / static_cast<std::uint64_t>(all);
    store_.release(stored, static_cast<std::uint64_t>(first) * row_bytes,
                   static_cast<std::uint64_t>(count) * row_bytes);
  }

  std::vector<std::string> check() const override {
    if (weights_.empty() || is_announced_ || !store_.is_folder()) return {};
    return {fmt::format(
        "{}: has no quantization_config with quant_method bitsandbytes; transformers would take the "
        "codes for weights",
        (store_.path() / "config.json").string())};
  }

 private:
  struct Place {
    std::size_t stored = 0;
    const Weight* weight = nullptr;  // nullptr: stored as it is
  };

  void open_weights() {
    owner_.resize(store_.tensors().size());
    for (std::size_t i = 0; i < store_.tensors().size(); ++i) {
      const hf::StoredTensor& tensor = store_.tensors()[i];
      if (tensor.name.find(kStateEnd) != std::string::npos)
        own(open_four_bit(store_, i));
      else if (tensor.dtype->name == "I8" && tensor.name.ends_with(".weight"))
        own(open_int8(store_, i));
    }
  }

  void own(std::unique_ptr<Weight> weight) {
    for (const std::size_t part : weight->parts()) {
      if (owner_[part] != nullptr)
        throw FormatError(fmt::format("{}: belongs to two weights", place_of(store_, part)));
      owner_[part] = weight.get();
    }
    weights_.push_back(std::move(weight));
  }

  void add(std::size_t index) {
    const hf::StoredTensor& tensor = store_.tensors()[index];
    if (const Weight* weight = owner_[index]) {
      if (weight->parts().front() != index) return;
      header_.tensors.push_back(weight->info());
      places_.push_back({index, weight});
      return;
    }
    for (const std::string_view end : kPartEnds)
      if (tensor.name.ends_with(end))
        throw FormatError(
            fmt::format("{}: is a part of a weight that is not there; the download is incomplete, or "
                        "the file was made by another program",
                        place_of(store_, index)));
    const auto bytes = hf::stored_bytes(*tensor.dtype, {cols(tensor.shape)});
    if (!bytes) throw FormatError(fmt::format("{}: its rows are not whole bytes", place_of(store_, index)));
    header_.tensors.push_back({tensor.name, tensor.shape, std::string(tensor.dtype->encoding), *bytes,
                               store_.shard_name(tensor.shard), tensor.offset});
    places_.push_back({index, nullptr});
  }

  hf::TensorStore store_;
  ModelHeader header_;
  std::vector<std::unique_ptr<Weight>> weights_;
  std::vector<const Weight*> owner_;  // of each stored tensor
  std::vector<Place> places_;         // parallel to header_.tensors
  bool is_announced_ = false;
};

}  // namespace

std::unique_ptr<ModelReader> make_reader(hf::TensorStore store) {
  return std::make_unique<Reader>(std::move(store));
}

}  // namespace pq::bnb
