#include "bitsandbytes/tensors.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <cstring>

namespace pq::bnb {
namespace {

class Int8Weight final : public hf::JoinedRows {
 public:
  Int8Weight(const hf::TensorStore& store, std::size_t codes) : store_(store) {
    const hf::StoredTensor& numbers = store.tensors()[codes];
    const std::string place = place_of(store, codes);
    const std::string module = numbers.name.substr(0, numbers.name.rfind('.'));
    const auto scales = store.find(module + ".SCB");
    if (!scales || numbers.shape.size() < 2)
      throw FormatError(
          fmt::format("{}: I8 {} is no weight of LLM.int8(): {}", place, to_string(numbers.shape),
                      scales ? "it is no matrix" : "there is no SCB with the scales of its rows"));
    const hf::StoredTensor& factors = store.tensors()[*scales];
    if (factors.dtype->name != "F32" || elements(factors.shape) != rows(numbers.shape))
      throw FormatError(fmt::format("{}: {} {}, but {} rows need F32 [{}]", place_of(store, *scales),
                                    factors.dtype->name, to_string(factors.shape), rows(numbers.shape),
                                    rows(numbers.shape)));
    parts_ = {codes, *scales};
    scales_ = store.bytes(*scales);
    if (const auto layout = store.find(module + ".weight_format")) check_layout(*layout);
    cols_ = static_cast<std::uint64_t>(cols(numbers.shape));
    info_ = {numbers.name,  numbers.shape, "int8", cols_ + sizeof(float), store.shard_name(numbers.shard),
             numbers.offset};
  }

 private:
  void write_row(std::int64_t row, std::byte* out) const override {
    const auto r = static_cast<std::uint64_t>(row);
    std::memcpy(out, scales_.data() + r * sizeof(float), sizeof(float));
    std::memcpy(out + sizeof(float), store_.bytes(parts_.front(), r * cols_, cols_).data(), cols_);
  }

  void check_layout(std::size_t layout) {
    const hf::StoredTensor& stored = store_.tensors()[layout];
    if (stored.dtype->name != "U8" || stored.bytes != 1)
      throw FormatError(fmt::format("{}: {} {} must be one number of type U8", place_of(store_, layout),
                                    stored.dtype->name, to_string(stored.shape)));
    if (const auto value = std::to_integer<int>(store_.bytes(layout)[0]); value != 0)
      throw FormatError(
          fmt::format("{}: the layout {} is for one kind of GPU (0 is rows; 1 col32, 2 col_turing, 3 "
                      "col_ampere); load and save the model with bitsandbytes 0.45 or later",
                      place_of(store_, layout), value));
    parts_.push_back(layout);
  }

  const hf::TensorStore& store_;
  Bytes scales_;
  std::uint64_t cols_ = 0;
};

}  // namespace

std::unique_ptr<Weight> open_int8(const hf::TensorStore& store, std::size_t codes) {
  return std::make_unique<Int8Weight>(store, codes);
}

}  // namespace pq::bnb
