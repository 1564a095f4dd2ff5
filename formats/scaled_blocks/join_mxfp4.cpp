#include "scaled_blocks/join.hpp"

#include <polyquant/base/error.hpp>

#include <cstring>

namespace pq::hf {
namespace {

constexpr std::int64_t kWeights = 32;         // of a block
constexpr std::size_t kCodes = kWeights / 2;  // bytes
constexpr std::size_t kBlockBytes = 1 + kCodes;

/// Byte b of a stored block holds weights 2b (low nibble) and 2b + 1; byte j of a block of `mxfp4` weights j and j + 16, behind the exponent
/// (llama.cpp, conversion/gpt_oss.py).
void repack(const std::byte* stored, std::byte exponent, std::byte* out) {
  const auto weight = [&](std::size_t i) {
    return static_cast<unsigned>(stored[i / 2]) >> (i % 2 * 4) & 15u;
  };
  out[0] = exponent;
  for (std::size_t j = 0; j < kCodes; ++j)
    out[1 + j] = static_cast<std::byte>(weight(j) | weight(j + kCodes) << 4);
}

class Mxfp4Tensor final : public JoinedRows {
 public:
  Mxfp4Tensor(const TensorStore& store, std::size_t numbers, std::size_t scales, const std::string& place)
      : store_(store) {
    parts_ = {numbers, scales};
    const StoredTensor &codes = store.tensors()[numbers], &exponents = store.tensors()[scales];
    Shape shape = codes.shape;
    if (codes.dtype->name != "U8" || exponents.dtype->name != "U8" || shape.size() < 3 ||
        shape.back() != static_cast<std::int64_t>(kCodes))
      throw FormatError(
          misfit(place, codes, exponents, "U8 [.., rows, blocks, 16] and U8 [.., rows, blocks]"));
    shape.pop_back();
    if (exponents.shape != shape)
      throw FormatError(misfit(place, codes, exponents, "one scale for each block"));
    blocks_ = static_cast<std::size_t>(shape.back());
    shape.back() *= kWeights;
    info_ = {codes.name, shape, "mxfp4", blocks_ * kBlockBytes, store.shard_name(codes.shard), codes.offset};
  }

 private:
  void write_row(std::int64_t row, std::byte* out) const override {
    const std::uint64_t first = static_cast<std::uint64_t>(row) * blocks_;
    const Bytes codes = store_.bytes(parts_[0], first * kCodes, blocks_ * kCodes);
    const Bytes exponents = store_.bytes(parts_[1], first, blocks_);
    for (std::size_t b = 0; b < blocks_; ++b)
      repack(codes.data() + b * kCodes, exponents[b], out + b * kBlockBytes);
  }

  const TensorStore& store_;
  std::size_t blocks_ = 0;  // of a row
};

}  // namespace

const JoinRule& mxfp4_rule() {
  static const JoinRule kRule{
      "mxfp4", "_blocks", "_scales", "U8",
      [](const TensorStore& store, std::size_t numbers, std::size_t scales, const StorageConfig&,
         const std::string& place) -> std::unique_ptr<JoinedTensor> {
        return std::make_unique<Mxfp4Tensor>(store, numbers, scales, place);
      }};
  return kRule;
}

}  // namespace pq::hf
