// A weight that is stored as several tensors, as rows of one encoding.
#pragma once

#include "bitsandbytes/quant_state.hpp"
#include "common/tensor_store.hpp"

#include <polyquant/format.hpp>

#include <memory>
#include <string>
#include <vector>

namespace pq::bnb {

/// Immutable, callable from any thread.
class Weight {
 public:
  virtual ~Weight() = default;
  const TensorInfo& info() const noexcept { return info_; }
  /// Writes row `row` of the encoding, info().row_bytes long.
  virtual void write_row(std::int64_t row, std::byte* out) const = 0;
  /// The stored tensors that it is made of; the first has the codes.
  const std::vector<std::size_t>& parts() const noexcept { return parts_; }

 protected:
  TensorInfo info_;
  std::vector<std::size_t> parts_;
};

/// The weight that the tensor number `state`, named NAME.quant_state.bitsandbytes__nf4 or __fp4, describes. Throws FormatError for
/// anything missing or unfitting.
std::unique_ptr<Weight> open_four_bit(const hf::TensorStore& store, std::size_t state);

/// The weight of the I8 tensor number `codes`, named MODULE.weight, with MODULE.SCB and perhaps MODULE.weight_format.
std::unique_ptr<Weight> open_int8(const hf::TensorStore& store, std::size_t codes);

/// "FILE: tensor 'NAME'", the begin of messages.
std::string place_of(const hf::TensorStore& store, std::size_t tensor);

}  // namespace pq::bnb
