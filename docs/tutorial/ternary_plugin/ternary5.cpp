// Weights of three values, five to a byte:  w[i] = scale * (code[i] - 1)  with code 0, 1 or 2.
// A group is its scale (f16), then ceil(group / 5) bytes; byte j holds code[5j] ... code[5j + 4] as the digits
// of a number to base 3, the first one lowest. Digits after the end of the group are 0.
#include <polyquant/base/half.hpp>
#include <polyquant/plugin.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace {
struct Options {
  int group = 64;
};
pq::Schema<Options> schema() {
  return pq::Schema<Options>().field("group", &Options::group, "Weights that share a scale.",
                                     pq::one_of({32, 64, 128}));
}

class Ternary5 final : public pq::RowWiseEncoding {
 public:
  explicit Ternary5(const Options& options) : group_(static_cast<std::size_t>(options.group)) {
    info_.id = "ternary5";
    info_.spec = "ternary5:group=" + std::to_string(options.group);
    info_.summary = "three values per weight, five weights per byte";
    info_.grid = {pq::GridFamily::affine, 2, options.group, true};  // 2 bits per code, symmetric
    info_.block_cols = options.group;
    info_.bits_per_weight = 8.0 * static_cast<double>(bytes_) / options.group;
  }
  const pq::EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override { return std::size_t(cols) / group_ * bytes_; }

  void encode_row(std::span<const float> row, std::span<const float> /*importance*/, pq::Effort /*effort*/,
                  pq::MutableBytes out) const override {
    for (std::byte* to = out.data(); !row.empty(); row = row.subspan(group_), to += bytes_) {
      const std::uint16_t scale = pq::f16_from(fit_scale(row.first(group_)));
      pq::store(to, scale);
      for (std::size_t first = 0; first < group_; first += 5) {
        int byte = 0;
        for (std::size_t i = std::min(first + 5, group_); i-- > first;)
          byte = 3 * byte + code(row[i], pq::f16_to(scale));
        to[2 + first / 5] = static_cast<std::byte>(byte);
      }
    }
  }
  void decode_row(pq::Bytes row, std::span<float> out) const override {
    constexpr int kPowers[5] = {1, 3, 9, 27, 81};
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::byte* from = row.data() + i / group_ * bytes_;
      const int code = static_cast<int>(from[2 + i % group_ / 5]) / kPowers[i % group_ % 5] % 3;
      out[i] = pq::f16_to(pq::load<std::uint16_t>(from)) * static_cast<float>(code - 1);
    }
  }

 private:
  // The nearest one; NaN gets 1, which stands for zero.
  static int code(float w, float scale) { return std::fabs(w) > 0.5f * scale ? (w > 0 ? 2 : 0) : 1; }
  // In turn the best codes for the scale, and the best scale for the codes: the mean of |w| where w is not 0.
  static float fit_scale(std::span<const float> group) {
    double scale = 0;
    for (int step = 0; step < 8; ++step) {
      double sum = 0, count = 0;
      for (const float w : group)
        if (std::isfinite(w) && std::fabs(w) > 0.5 * scale) sum += std::fabs(w), ++count;
      if (count > 0) scale = sum / count;
    }
    return static_cast<float>(std::min(scale, 65504.0));  // the largest f16
  }
  std::size_t group_, bytes_ = 2 + (group_ + 4) / 5;
  pq::EncodingInfo info_;
};
}  // namespace

PQ_PLUGIN("ternary5", "1.0.0", "Weights of three values, five to a byte") {
  const auto make = [](const pq::Node& node) {
    return std::make_unique<Ternary5>(schema().parse(node, "ternary5"));
  };
  registry.add(pq::EncodingEntry{"ternary5", "three values per weight", schema().table(), make});
}
