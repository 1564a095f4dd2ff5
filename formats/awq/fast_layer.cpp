#include "awq/layer.hpp"

#include "common/packed_reader.hpp"
#include "common/packed_words.hpp"

#include <polyquant/base/half.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace pq::hf {
namespace {

// Codes in words of 16 bits: row n, column k is nibble (k % 32) / 8 of word [n / 4][k / 64 * 64 + n % 4 * 16 + k % 64 / 32 * 8 + k % 8], so that
// eight words hold 32 columns of a row (AutoAWQ, awq/modules/linear/gemv_fast.py). Zeros are stored as offsets -(scale * zero), rounded.
class FastLayer final : public AwqLayer {
 public:
  FastLayer(const TensorStore& store, std::size_t codes, const AwqConfig& config, std::string_view zeros_end)
      : AwqLayer(store, codes, zeros_end) {
    const StoredTensor &words = part(0), &zeros = part(1), &scales = part(2);
    const std::string_view scale = scales.dtype->name;
    const char* wanted =
        "I16 qweight [out / 4, in], and zeros and scales [padded groups, out], both F16 or both BF16, with "
        "in "
        "a multiple of 64";
    if (words.dtype->name != "I16" || zeros.dtype != scales.dtype || (scale != "F16" && scale != "BF16") ||
        words.shape.size() != 2 || scales.shape.size() != 2 || zeros.shape != scales.shape ||
        words.bytes == 0 || scales.bytes == 0)
      refuse(wanted);
    rows_ = static_cast<std::size_t>(words.shape[0]) * 4;
    cols_ = static_cast<std::size_t>(words.shape[1]);
    if (cols_ % 64 != 0 || static_cast<std::size_t>(scales.shape[1]) != rows_) refuse(wanted);
    set_groups(config, 0);
    if (groups_ > static_cast<std::size_t>(scales.shape[0])) refuse("scales and zeros for all groups");
    options_.scale = scale == "F16" ? "f16" : "bf16";
    has_integers_ = has_integers();
    options_.zero = has_integers_ ? "integer" : "offset";
    finish();
  }

 private:
  float number(std::uint16_t bits) const { return options_.scale == "f16" ? f16_to(bits) : bf16_to(bits); }
  std::uint16_t at(std::size_t part, std::size_t row, std::size_t group) const {
    return load<std::uint16_t>(store_.bytes(parts_[part]).data() + (group * rows_ + row) * 2);
  }

  // The integer whose product with the scale rounds to the negative offset, or -1.
  int integer(std::size_t row, std::size_t group) const {
    const float scale = number(at(2, row, group)), offset = -number(at(1, row, group));
    if (scale == 0) return offset == 0 ? 0 : -1;
    const float zero = std::nearbyint(offset / scale);
    if (!(zero >= 0 && zero <= 15)) return -1;
    const float product = scale * zero;
    const float rounded = options_.scale == "f16" ? f16_to(f16_from(product)) : bf16_to(bf16_from(product));
    return rounded == offset ? static_cast<int>(zero) : -1;
  }
  bool has_integers() const {
    for (std::size_t g = 0; g < groups_; ++g)
      for (std::size_t n = 0; n < rows_; ++n)
        if (integer(n, g) < 0) return false;
    return true;
  }

  std::uint16_t scale_bits(std::size_t row, std::size_t group) const override { return at(2, row, group); }
  int zero(std::size_t row, std::size_t group) const override {
    return has_integers_ ? integer(row, group) : at(1, row, group);
  }
  void read_codes(std::size_t first, std::size_t count, std::size_t stride,
                  std::byte* streams) const override {
    const std::byte* codes = store_.bytes(parts_[0]).data();
    for (std::size_t n = 0; n < count; ++n)
      for (std::size_t b = 0; b < cols_ / 32; ++b) {
        const std::size_t row = first + n;
        const std::byte* from = codes + (row / 4 * cols_ + b / 2 * 64 + row % 4 * 16 + b % 2 * 8) * 2;
        std::array<std::uint32_t, 4> words{};
        for (std::size_t u = 0; u < 8; ++u) {
          const std::uint32_t word = load<std::uint16_t>(from + u * 2);
          for (std::size_t j = 0; j < 4; ++j) words[j] |= (word >> (4 * j) & 15) << (4 * u);
        }
        std::memcpy(streams + n * stride + b * 16, words.data(), 16);
      }
  }

  bool has_integers_ = false;
};

}  // namespace

std::unique_ptr<PackedLayer> open_fast_layer(const TensorStore& store, std::size_t codes,
                                             const AwqConfig& config) {
  const std::string& name = store.tensors()[codes].name;
  const std::string module = name.substr(0, name.size() - kCodesEnd.size());
  const bool llm_awq = store.find(module + ".scaled_zeros").has_value();
  return std::make_unique<FastLayer>(store, codes, config, llm_awq ? ".scaled_zeros" : ".qzeros");
}

}  // namespace pq::hf
