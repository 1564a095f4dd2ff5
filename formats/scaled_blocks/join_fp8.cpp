#include "scaled_blocks/join.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/half.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

namespace pq::hf {
namespace {

constexpr std::int64_t kUsualBlock = 128;

struct Tile {
  std::int64_t rows = kUsualBlock, cols = kUsualBlock;
};

// weight_block_size: [128, 128]; null = one scale for a matrix, which the scales' own shape tells.
Tile tile_of(const StorageConfig& config, const std::string& place) {
  const nlohmann::json* found = config.value("weight_block_size");
  if (found == nullptr) return {};
  const auto is_size = [](const nlohmann::json& size) {
    return size.is_number_integer() && size.get<std::int64_t>() > 0 && size.get<std::int64_t>() <= 1 << 30;
  };
  if (!found->is_array() || found->size() != 2 || !is_size((*found)[0]) || !is_size((*found)[1]))
    throw FormatError(fmt::format(
        "{}: quantization_config.weight_block_size must be two sizes, such as [128, 128]", place));
  return {(*found)[0].get<std::int64_t>(), (*found)[1].get<std::int64_t>()};
}

std::int64_t tiles(std::int64_t size, std::int64_t tile) { return size / tile + (size % tile != 0 ? 1 : 0); }

class Fp8Tensor final : public JoinedRows {
 public:
  Fp8Tensor(const TensorStore& store, std::size_t numbers, std::size_t scales, const StorageConfig& config,
            const std::string& place)
      : store_(store), tile_(tile_of(config, place + "/config.json")) {
    parts_ = {numbers, scales};
    const StoredTensor &codes = store.tensors()[numbers], &factors = store.tensors()[scales];
    scale_type_ = factors.dtype->name == "F32"       ? ScaleType::f32
                  : factors.dtype->name == "BF16"    ? ScaleType::bf16
                  : factors.dtype->name == "F8_E8M0" ? ScaleType::e8m0
                                                     : ScaleType::none;
    if (codes.dtype->name != "F8_E4M3" || codes.shape.size() < 2 || scale_type_ == ScaleType::none)
      throw FormatError(misfit(place, codes, factors, "F8_E4M3 numbers and F32, BF16 or F8_E8M0 scales"));
    height_ = codes.shape[codes.shape.size() - 2];
    width_ = cols(codes.shape);
    if (elements(factors.shape) == 1 && codes.shape.size() == 2)
      tile_ = {std::max<std::int64_t>(1, height_), std::max<std::int64_t>(1, width_)};
    Shape wanted = codes.shape;
    wanted[wanted.size() - 2] = tiles(height_, tile_.rows);
    wanted.back() = tiles(width_, tile_.cols);
    if (factors.shape != wanted && elements(factors.shape) != elements(wanted))
      throw FormatError(
          misfit(place, codes, factors,
                 fmt::format("scales {} for tiles of {} x {}", to_string(wanted), tile_.rows, tile_.cols)));
    if (factors.shape != wanted && elements(wanted) != 1)
      throw FormatError(misfit(place, codes, factors, "scales " + to_string(wanted)));
    row_scales_ = static_cast<std::size_t>(wanted.back());
    info_ = {codes.name,
             codes.shape,
             fmt::format("fp8_block:block={}", tile_.cols),
             static_cast<std::uint64_t>(width_) + row_scales_ * sizeof(float),
             store.shard_name(codes.shard),
             codes.offset};
  }

 private:
  void write_row(std::int64_t row, std::byte* out) const override {
    const auto width = static_cast<std::uint64_t>(width_);
    std::memcpy(out, store_.bytes(parts_[0], static_cast<std::uint64_t>(row) * width, width).data(), width);
    const std::int64_t line = row / height_ * tiles(height_, tile_.rows) + row % height_ / tile_.rows;
    const std::size_t size = scale_bytes();
    const Bytes factors =
        store_.bytes(parts_[1], static_cast<std::uint64_t>(line) * row_scales_ * size, row_scales_ * size);
    for (std::size_t b = 0; b < row_scales_; ++b) {
      store(out + width + b * sizeof(float), scale(factors.data() + b * size));
    }
  }

  enum class ScaleType { none, f32, bf16, e8m0 };

  std::size_t scale_bytes() const noexcept {
    return scale_type_ == ScaleType::f32 ? 4 : scale_type_ == ScaleType::bf16 ? 2 : 1;
  }
  float scale(const std::byte* at) const noexcept {
    if (scale_type_ == ScaleType::f32) return load<float>(at);
    if (scale_type_ == ScaleType::bf16) return bf16_to(load<std::uint16_t>(at));
    const int exponent = std::to_integer<int>(*at);  // 2^(exponent - 127); 255 is NaN
    return exponent == 255 ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0f, exponent - 127);
  }

  const TensorStore& store_;
  Tile tile_;
  ScaleType scale_type_ = ScaleType::none;
  std::int64_t height_ = 0, width_ = 0;
  std::size_t row_scales_ = 0;
};

}  // namespace

const JoinRule& fp8_rule() {
  static const JoinRule kRule{
      "fp8", ".weight", ".weight_scale_inv", "F8_E4M3",
      [](const TensorStore& store, std::size_t numbers, std::size_t scales, const StorageConfig& config,
         const std::string& place) -> std::unique_ptr<JoinedTensor> {
        return std::make_unique<Fp8Tensor>(store, numbers, scales, config, place);
      }};
  return kRule;
}

}  // namespace pq::hf
