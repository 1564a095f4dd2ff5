// A plugin that is built in several ways: by another compiler, with -O0, with -march=native. VARIANT is its name and its encoding's id. It uses
// much of what crosses the boundary: options, strings, errors of the core's types, spans and matrices.
#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>
#include <polyquant/plugin.hpp>

#include <cmath>
#include <string>

namespace {

struct Options {
  int bytes = 2;
  std::string note = "a default that is longer than what fits into a small string";
  double unused = 0.5;
};
const pq::Schema<Options>& schema() {
  static const auto instance =
      pq::Schema<Options>()
          .field("bytes", &Options::bytes, "Bytes kept of each weight.", pq::one_of({2, 3}))
          .field("note", &Options::note, "Text that the summary ends with.")
          .field("unused", &Options::unused, "A number.", pq::range(0, 1));
  return instance;
}

// The upper bytes of binary32, to nearest.
class Upper final : public pq::RowWiseEncoding {
 public:
  explicit Upper(const Options& options) : bytes_(static_cast<std::size_t>(options.bytes)) {
    info_.id = VARIANT;
    info_.spec =
        options.bytes == Options().bytes ? info_.id : info_.id + ":bytes=" + std::to_string(options.bytes);
    info_.summary = "upper bytes of binary32: " + options.note;
    info_.grid.code_bits = 8 * options.bytes;
    info_.bits_per_weight = 8.0 * options.bytes;
  }
  const pq::EncodingInfo& info() const override { return info_; }
  std::size_t row_bytes(std::int64_t cols) const override { return static_cast<std::size_t>(cols) * bytes_; }
  void encode_row(std::span<const float> weights, std::span<const float> importance, pq::Effort,
                  pq::MutableBytes out) const override {
    if (!importance.empty() && importance.size() != weights.size())
      throw pq::InternalError("importance has another length");
    const std::uint32_t half = 1u << (31 - 8 * bytes_);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(weights[i]);
      const std::uint32_t rounded = std::isfinite(weights[i]) ? bits + half : bits;
      std::memcpy(out.data() + i * bytes_, reinterpret_cast<const std::byte*>(&rounded) + 4 - bytes_, bytes_);
    }
  }
  void decode_row(pq::Bytes row, std::span<float> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::uint32_t bits = 0;
      std::memcpy(reinterpret_cast<std::byte*>(&bits) + 4 - bytes_, row.data() + i * bytes_, bytes_);
      out[i] = std::bit_cast<float>(bits);
    }
  }

 private:
  std::size_t bytes_;
  pq::EncodingInfo info_;
};

}  // namespace

PQ_PLUGIN(VARIANT, "1.2.3", "Built in an unusual way") {
  pq::log::debug("registering " VARIANT);
  registry.add(pq::EncodingEntry{
      VARIANT, "upper bytes of binary32", schema().table(),
      [](const pq::Node& options) { return std::make_unique<Upper>(schema().parse(options, VARIANT)); }});
}
