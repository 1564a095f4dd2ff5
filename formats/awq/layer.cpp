#include "awq/layer.hpp"

#include "awq/gemm.hpp"
#include "common/packed_reader.hpp"
#include "common/packed_words.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace pq::hf {
namespace {

constexpr int kMiddle = 8;

class WordLayer : public AwqLayer {
 protected:
  using AwqLayer::AwqLayer;

  void check_types(const std::string& wanted) const {
    const auto bad = [](const StoredTensor& tensor) { return tensor.shape.size() != 2 || tensor.bytes == 0; };
    const std::string_view scale = part(2).dtype->name;
    if (part(0).dtype->name != "I32" || part(1).dtype->name != "I32" || (scale != "F16" && scale != "BF16") ||
        bad(part(0)) || bad(part(1)) || bad(part(2)))
      refuse(wanted);
  }
  void decide(const AwqConfig& config, const AffineOptions* known) {
    options_.scale = part(2).dtype->name == "F16" ? "f16" : "bf16";
    if (known != nullptr)
      options_ = *known;
    else if (config.symmetric)
      options_.symmetric = has_middle_zeros();
    finish();
  }

 private:
  virtual int stored_zero(std::size_t row, std::size_t group) const = 0;
  int zero(std::size_t row, std::size_t group) const final { return stored_zero(row, group); }
  bool has_middle_zeros() const {
    for (std::size_t n = 0; n < rows_; ++n)
      for (std::size_t g = 0; g < groups_; ++g)
        if (stored_zero(n, g) != kMiddle) return false;
    return true;
  }
};

class GemmLayer final : public WordLayer {
 public:
  GemmLayer(const TensorStore& store, std::size_t codes, const AwqConfig& config, const AffineOptions* known)
      : WordLayer(store, codes, ".qzeros") {
    const char* wanted =
        "I32 qweight [in, out / 8], I32 qzeros [groups, out / 8] and F16 or BF16 scales "
        "[groups, out], with in and out multiples of 8";
    check_types(wanted);
    cols_ = static_cast<std::size_t>(part(0).shape[0]);
    rows_ = static_cast<std::size_t>(part(0).shape[1]) * 8;
    if (cols_ % 8 != 0 || part(1).shape[1] != part(0).shape[1] || part(1).shape[0] != part(2).shape[0] ||
        static_cast<std::size_t>(part(2).shape[1]) != rows_)
      refuse(wanted);
    set_groups(config, static_cast<std::size_t>(part(2).shape[0]));
    decide(config, known);
  }

 private:
  std::uint16_t scale_bits(std::size_t row, std::size_t group) const override {
    return load<std::uint16_t>(store_.bytes(parts_[2]).data() + (group * rows_ + row) * 2);
  }
  int stored_zero(std::size_t row, std::size_t group) const override {
    return gemm_number(store_.bytes(parts_[1]).data() + group * rows_ / 2, row);
  }
  void read_codes(std::size_t first, std::size_t count, std::size_t stride,
                  std::byte* streams) const override {
    gemm_to_streams({rows_, cols_, stride}, store_.bytes(parts_[0]).data(), first, count, streams);
  }
};

class GemvLayer final : public WordLayer {
 public:
  GemvLayer(const TensorStore& store, std::size_t codes, const AwqConfig& config, const AffineOptions* known)
      : WordLayer(store, codes, ".qzeros") {
    const char* wanted =
        "I32 qweight [out, in / 8], I32 qzeros [out, words] and F16 or BF16 scales [out, 8 * words]";
    check_types(wanted);
    rows_ = static_cast<std::size_t>(part(0).shape[0]);
    cols_ = static_cast<std::size_t>(part(0).shape[1]) * 8;
    padded_ = static_cast<std::size_t>(part(2).shape[1]);
    if (part(1).shape[0] != part(0).shape[0] || part(2).shape[0] != part(0).shape[0] ||
        static_cast<std::size_t>(part(1).shape[1]) * 8 != padded_)
      refuse(wanted);
    set_groups(config, 0);
    if (groups_ > padded_) refuse(fmt::format("scales and zeros for {} groups", groups_));
    decide(config, known);
  }

 private:
  std::uint16_t scale_bits(std::size_t row, std::size_t group) const override {
    return load<std::uint16_t>(store_.bytes(parts_[2]).data() + (row * padded_ + group) * 2);
  }
  int stored_zero(std::size_t row, std::size_t group) const override {
    return static_cast<int>(stream_number(store_.bytes(parts_[1]).data() + row * padded_ / 2, 4, group));
  }
  void read_codes(std::size_t first, std::size_t count, std::size_t stride,
                  std::byte* streams) const override {
    const std::byte* codes = store_.bytes(parts_[0]).data();
    for (std::size_t n = 0; n < count; ++n)
      std::memcpy(streams + n * stride, codes + (first + n) * cols_ / 2, cols_ / 2);
  }

  std::size_t padded_ = 0;  // groups with padding
};

}  // namespace

AwqLayer::AwqLayer(const TensorStore& store, std::size_t codes, std::string_view zeros_end) : store_(store) {
  const StoredTensor& stored = store.tensors()[codes];
  parts_ = {codes, part_of_layer(store, stored, zeros_end), part_of_layer(store, stored, ".scales")};
  info_.name = stored.name.substr(0, stored.name.size() - kCodesEnd.size()) + std::string(kWeightEnd);
}

void AwqLayer::refuse(const std::string& wanted) const {
  throw FormatError(layer_misfit(store_, parts_, wanted));
}

void AwqLayer::set_groups(const AwqConfig& config, std::size_t groups) {
  if (!config.group && groups == 0) refuse("a group_size in quantization_config");
  if (!config.group && cols_ % groups == 0) {
    options_.group = groups == 1 ? -1 : static_cast<std::int64_t>(cols_ / groups);
  } else {
    options_.group = config.group.value_or(-1);
  }
  const std::size_t size = options_.group < 0 ? cols_ : static_cast<std::size_t>(options_.group);
  groups_ = cols_ / size;
  if (cols_ % size != 0 || groups_ == 0 || (groups != 0 && groups != groups_))
    refuse(fmt::format("groups of {} in {} columns", size, cols_));
}

void AwqLayer::finish() {
  const AffineRows layout(options_, static_cast<std::int64_t>(cols_));
  info_.shape = {static_cast<std::int64_t>(rows_), static_cast<std::int64_t>(cols_)};
  info_.encoding = affine_spec(options_);
  info_.row_bytes = layout.row_bytes();
  info_.file = store_.shard_name(part(0).shard);
  info_.offset = part(0).offset;
}

void AwqLayer::read(std::size_t first, std::size_t count, std::byte* rows) const {
  const AffineRows layout(options_, static_cast<std::int64_t>(cols_));
  for (std::size_t g = 0; g < groups_; ++g)
    for (std::size_t n = 0; n < count; ++n) {
      std::byte* row = rows + n * layout.row_bytes();
      store(row + g * 2, scale_bits(first + n, g));
      if (layout.zero_kind() == AffineZero::integer) layout.set_zero(row, g, zero(first + n, g));
      if (layout.zero_kind() == AffineZero::offset)
        store(row + layout.zeros_at() + g * 2, static_cast<std::uint16_t>(zero(first + n, g)));
    }
  read_codes(first, count, layout.row_bytes(), rows + layout.codes_at());
}

std::unique_ptr<PackedLayer> AwqOpener::open(const TensorStore& store, std::size_t codes,
                                             const AffineOptions* known) const {
  if (config_.version == AwqVersion::fast) return open_fast_layer(store, codes, config_);
  if (config_.version == AwqVersion::gemv) return std::make_unique<GemvLayer>(store, codes, config_, known);
  return std::make_unique<GemmLayer>(store, codes, config_, known);
}

AwqConfig parse_awq_config(const StorageConfig& config) {
  AwqConfig result;
  const std::string method = config.text({"quant_method", "method"}).value_or("awq");
  if (method != "awq")
    throw FormatError(fmt::format("{}: quant_method is {}, not awq", config.place(), shown(method)));
  if (const auto bits = config.integer({"bits", "w_bit"}); bits && *bits != 4)
    throw FormatError(fmt::format("{}: AWQ files have 4 bits, not {}", config.place(), *bits));
  const std::string version = config.text({"version", "format", "checkpoint_format"}).value_or("gemm");
  const std::string backend = config.text({"backend"}).value_or("");
  if (version == "gemv_fast" || version == "llm-awq" || backend == "llm-awq")
    result.version = AwqVersion::fast;
  else if (version == "gemv")
    result.version = AwqVersion::gemv;
  else if (version != "gemm" && version != "exllama" &&
           version != "ipex")  // both are made from gemm when loaded
    throw FormatError(fmt::format("{}: version {} is not read; gemm, gemv and gemv_fast are", config.place(),
                                  shown(version)));
  result.group = config.integer({"group_size", "q_group_size"});
  if (result.group && *result.group == 0)
    throw FormatError(config.place() + ": group_size must be -1 or at least 1, it is 0");
  result.symmetric =
      config.boolean({"sym"}).value_or(false) || !config.boolean({"zero_point"}).value_or(true);
  return result;
}

}  // namespace pq::hf
