// Models in memory.
#pragma once

#include "model/view.hpp"

#include <polyquant/row_wise_encoding.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pq::test {

/// Plain f32.
class F32 final : public RowWiseEncoding {
 public:
  F32() { info_.id = info_.spec = "f32"; }
  const EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override { return static_cast<std::size_t>(cols) * 4; }
  void encode_row(std::span<const float> weights, std::span<const float>, Effort,
                  MutableBytes out) const override {
    std::memcpy(out.data(), weights.data(), out.size());
  }
  void decode_row(Bytes row, std::span<float> out) const override {
    std::memcpy(out.data(), row.data(), row.size());
  }
  std::optional<std::string> check_rows(Bytes rows, std::int64_t) const override {
    for (std::size_t i = 0; i < rows.size(); i += 4)
      if (const float w = load<float>(rows.data() + i); w != w) return "a weight is NaN";
    return std::nullopt;
  }

 private:
  EncodingInfo info_;
};

/// Tensors of f32, or of any other encoding with four bytes per weight.
class MemoryModel final : public ModelReader {
 public:
  MemoryModel& add(std::string name, Shape shape, const std::vector<float>& weights,
                   std::string encoding = "f32") {
    std::vector<std::byte> bytes(weights.size() * 4);
    std::memcpy(bytes.data(), weights.data(), bytes.size());
    header_.tensors.push_back({std::move(name), shape, std::move(encoding),
                               static_cast<std::uint64_t>(cols(shape)) * 4, "memory", 0});
    data_.push_back(std::move(bytes));
    return *this;
  }
  const ModelHeader& header() const override { return header_; }
  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>&) const override {
    const std::size_t row = header_.tensors[tensor].row_bytes;
    return Bytes(data_[tensor])
        .subspan(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(count) * row);
  }

 private:
  ModelHeader header_;
  std::vector<std::vector<std::byte>> data_;
};

/// A view of the tensors as they are. `model` is copied.
inline ModelView view_of(const MemoryModel& model) {
  ModelView view;
  view.reader = std::make_shared<MemoryModel>(model);
  for (std::size_t i = 0; i < model.header().tensors.size(); ++i) {
    const TensorInfo& info = model.header().tensors[i];
    ViewTensor tensor;
    tensor.name = tensor.source_name = info.name;
    tensor.shape = info.shape;
    tensor.stored_encoding = info.encoding;
    tensor.map.parts.push_back({i, 0, rows(info.shape), 1});
    view.tensors.push_back(std::move(tensor));
  }
  return view;
}

inline std::shared_ptr<const Encoding> only_f32(const std::string& spec) {
  return spec == "f32" ? std::make_shared<F32>() : nullptr;
}

}  // namespace pq::test
