#include "gptq/layer.hpp"

#include "common/packed_reader.hpp"
#include "common/packed_words.hpp"
#include "common/printable.hpp"
#include "gptq/planes.hpp"
#include "gptq/storage.hpp"
#include "gptq/zeros.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/affine_rows.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace pq::hf {
namespace {

std::size_t groups_of(std::size_t cols, std::int64_t group) {
  if (group < 0) return 1;
  const auto size = static_cast<std::size_t>(group);
  return cols / size + (cols % size != 0 ? 1 : 0);
}

std::string_view scale_name(const Dtype& dtype) {
  return dtype.name == "F16" ? "f16" : dtype.name == "BF16" ? "bf16" : dtype.name == "F32" ? "f32" : "";
}

class GptqLayer final : public PackedLayer {
 public:
  GptqLayer(const TensorStore& store, std::size_t codes, const GptqConfig& config, const AffineOptions* known)
      : store_(store), version_(config.version) {
    const StoredTensor& stored = store.tensors()[codes];
    parts_ = {codes, part_of_layer(store, stored, ".qzeros"), part_of_layer(store, stored, ".scales")};
    const std::string module = stored.name.substr(0, stored.name.size() - kCodesEnd.size());
    const auto index = store.find(module + ".g_idx");
    if (index) parts_.push_back(*index);
    measure(config);
    const std::vector<std::int32_t> groups = index ? read_index(*index) : std::vector<std::int32_t>();
    options_.scale = scale_name(*part(2).dtype);
    if (known != nullptr)
      take(*known);
    else
      infer(config, groups);
    finish(module, groups);
  }

  void read(std::size_t first, std::size_t count, std::byte* rows) const override {
    const AffineRows layout(options_, static_cast<std::int64_t>(cols_));
    read_scales(layout, first, count, rows);
    if (!options_.symmetric) read_zero_points(layout, first, count, rows);
    if (is_in_planes(version_, options_.bits))
      read_planes(layout, first, count, rows);
    else
      columns_to_streams({words_, rows_, layout.row_bytes()}, store_.bytes(parts_[0]).data(), first, count,
                         rows + layout.codes_at());
  }

 private:
  const StoredTensor& part(std::size_t i) const { return store_.tensors()[parts_[i]]; }

  [[noreturn]] void refuse(const std::string& wanted) const {
    throw FormatError(layer_misfit(store_, parts_, wanted));
  }

  // Sizes from the shapes alone; the files have the bytes that they claim.
  void measure(const GptqConfig& config) {
    const StoredTensor &codes = part(0), &zeros = part(1), &scales = part(2);
    if (codes.dtype->name != "I32" || zeros.dtype->name != "I32" || scale_name(*scales.dtype).empty() ||
        codes.shape.size() != 2 || zeros.shape.size() != 2 || scales.shape.size() != 2 || codes.bytes == 0 ||
        zeros.bytes == 0 || scales.bytes == 0)
      refuse(
          "I32 qweight [in * bits / 32, out], I32 qzeros [groups, out * bits / 32] and F16, BF16 or F32 "
          "scales [groups, out]");
    words_ = static_cast<std::size_t>(codes.shape[0]);
    rows_ = static_cast<std::size_t>(codes.shape[1]);
    groups_ = static_cast<std::size_t>(scales.shape[0]);
    const auto zero_bits = static_cast<std::uint64_t>(zeros.shape[1]) * 32;
    const std::uint64_t bits = zero_bits / rows_;
    if (zeros.shape[0] != scales.shape[0] || scales.shape[1] != codes.shape[1] || zero_bits % rows_ != 0 ||
        bits < 2 || bits > 8 || words_ * 32 % bits != 0)
      refuse("as many groups and rows in all of them, and 2 to 8 bits");
    options_.bits = static_cast<int>(bits);
    cols_ = words_ * 32 / bits;
    if (config.bits && !config.has_overrides && *config.bits != options_.bits)
      refuse(fmt::format("{} bits as the configuration says, these have {}", *config.bits, bits));
    const bool needs_planes = bits == 5 || bits == 6 || bits == 7;
    if (needs_planes && version_ != GptqVersion::planar)
      refuse(fmt::format("2, 3, 4 or 8 bits; {} need checkpoint_format gptq_p", bits));
    if (is_in_planes(version_, options_.bits) && (rows_ % kPlaneNumbers != 0 || cols_ % kPlaneNumbers != 0))
      refuse("multiples of 32 rows and columns for bit planes");
  }

  // What the writer of these tensors says. They need not be written yet: where zeros are, nothing can be inferred.
  void take(const AffineOptions& known) {
    if (known.bits != options_.bits || known.scale != options_.scale ||
        groups_of(cols_, known.group) != groups_)
      refuse("what has been planned, " + affine_spec(known));
    options_ = known;
  }

  void infer(const GptqConfig& config, const std::vector<std::int32_t>& groups) {
    options_.group = group_size(config, groups);
    options_.act_order = !is_trivial(groups);
    if (config.symmetric || config.has_overrides) options_.symmetric = has_middle_zeros();
  }

  std::vector<std::int32_t> read_index(std::size_t index) const {
    const StoredTensor& stored = store_.tensors()[index];
    if (stored.dtype->name != "I32" || stored.shape != Shape{static_cast<std::int64_t>(cols_)})
      refuse(fmt::format("I32 g_idx [{}]", cols_));
    std::vector<std::int32_t> groups(cols_);
    const Bytes bytes = store_.bytes(index);
    std::memcpy(groups.data(), bytes.data(), bytes.size());
    for (const std::int32_t group : groups)
      if (group < 0 || static_cast<std::size_t>(group) >= groups_)
        refuse(fmt::format("groups 0 to {} in g_idx, it has {}", groups_ - 1, group));
    return groups;
  }

  // The configured size if it makes as many groups. Single layers may have another one (`dynamic`): then g_idx comes first, and without it
  // an even division counts only if GPTQModel knows the size. 576 columns in 3 groups are 256 + 256 + 64, or 3 * 192.
  std::int64_t group_size(const GptqConfig& config, const std::vector<std::int32_t>& groups) const {
    const bool fits = config.group && groups_of(cols_, *config.group) == groups_;
    if (fits && (!config.has_overrides || groups_ == 1)) return *config.group;
    if (config.group && !config.has_overrides)
      refuse(fmt::format("{} groups of {} columns", groups_of(cols_, *config.group), *config.group));
    if (groups_ == 1) return -1;
    const std::int64_t told = told_size(groups);
    if (told != 0 && groups_of(cols_, told) == groups_) return told;
    if (fits) return *config.group;
    const auto even = static_cast<std::int64_t>(cols_ / groups_);
    // Of powers of two at most one makes a given number of groups above 1.
    const bool is_sure =
        cols_ % groups_ == 0 && std::find(kGroups.begin(), kGroups.end(), even) != kGroups.end();
    if (told != 0 || !is_sure)
      refuse("groups of 16, 32, 64 and so on up to 1024 columns, or a g_idx that tells them");
    return even;
  }

  // The size of groups by g_idx: its first run, or its largest group if columns are mixed. 0 if there is none, or zeros in its place.
  std::int64_t told_size(const std::vector<std::int32_t>& groups) const {
    std::vector<std::int64_t> sizes(groups_);
    for (const std::int32_t group : groups) ++sizes[static_cast<std::size_t>(group)];
    if (groups.empty() || sizes[0] == static_cast<std::int64_t>(groups.size())) return 0;
    return std::is_sorted(groups.begin(), groups.end()) ? sizes[0]
                                                        : *std::max_element(sizes.begin(), sizes.end());
  }

  // Natural order; also all zeros, which some files have in its place (exllamav2 reads them so).
  bool is_trivial(const std::vector<std::int32_t>& groups) const {
    if (std::all_of(groups.begin(), groups.end(), [](std::int32_t group) { return group == 0; })) return true;
    const auto size = options_.group < 0 ? cols_ : static_cast<std::size_t>(options_.group);
    for (std::size_t k = 0; k < groups.size(); ++k)
      if (static_cast<std::size_t>(groups[k]) != k / size) return false;
    return true;
  }

  Bytes zero_words(std::size_t group) const {
    const std::uint64_t bytes = part(1).bytes / groups_;
    return store_.bytes(parts_[1], group * bytes, bytes);
  }

  bool has_middle_zeros() const {
    std::vector<std::uint8_t> zeros(rows_);
    const auto middle = static_cast<std::uint8_t>(1 << (options_.bits - 1));
    for (std::size_t g = 0; g < groups_; ++g) {
      read_zeros(zero_words(g), version_, options_.bits, 0, zeros);
      if (std::any_of(zeros.begin(), zeros.end(), [&](std::uint8_t zero) { return zero != middle; }))
        return false;
    }
    return true;
  }

  void finish(const std::string& module, const std::vector<std::int32_t>& groups) {
    const AffineRows layout(options_, static_cast<std::int64_t>(cols_));
    PQ_ASSERT(layout.groups() == groups_, "the group size gives the groups");
    info_.name = module + std::string(kWeightEnd);
    info_.shape = {static_cast<std::int64_t>(rows_), static_cast<std::int64_t>(cols_)};
    info_.encoding = affine_spec(options_);
    info_.row_bytes = layout.row_bytes();
    info_.file = store_.shard_name(part(0).shard);
    info_.offset = part(0).offset;
    if (!options_.act_order) return;
    const Bytes bytes = std::as_bytes(std::span(groups));
    info_.shared.assign(bytes.begin(), bytes.end());
  }

  void read_scales(const AffineRows& layout, std::size_t first, std::size_t count, std::byte* rows) const {
    const std::size_t size = layout.scale_bytes();
    const std::byte* scales = store_.bytes(parts_[2]).data();
    for (std::size_t g = 0; g < groups_; ++g)
      for (std::size_t n = 0; n < count; ++n)
        std::memcpy(rows + n * layout.row_bytes() + g * size, scales + (g * rows_ + first + n) * size, size);
  }

  void read_zero_points(const AffineRows& layout, std::size_t first, std::size_t count,
                        std::byte* rows) const {
    std::vector<std::uint8_t> zeros(count);
    for (std::size_t g = 0; g < groups_; ++g) {
      read_zeros(zero_words(g), version_, options_.bits, first, zeros);
      for (std::size_t n = 0; n < count; ++n) layout.set_zero(rows + n * layout.row_bytes(), g, zeros[n]);
    }
  }

  void read_planes(const AffineRows& layout, std::size_t first, std::size_t count, std::byte* rows) const {
    const auto bits = static_cast<std::size_t>(options_.bits);
    const std::byte* words = store_.bytes(parts_[0]).data();
    std::array<std::uint32_t, 8> block{};
    std::vector<std::uint8_t> codes(cols_);
    for (std::size_t n = 0; n < count; ++n) {
      for (std::size_t b = 0; b < cols_ / kPlaneNumbers; ++b) {
        for (std::size_t w = 0; w < bits; ++w)
          block[w] = load<std::uint32_t>(words + ((b * bits + w) * rows_ + first + n) * 4);
        unpack_planes(block.data(), options_.bits, codes.data() + b * kPlaneNumbers);
      }
      layout.pack_codes(codes.data(), rows + n * layout.row_bytes());
    }
  }

  const TensorStore& store_;
  GptqVersion version_;
  AffineOptions options_;
  std::size_t words_ = 0;  // of a column of codes
  std::size_t rows_ = 0, cols_ = 0, groups_ = 0;
};

}  // namespace

std::unique_ptr<PackedLayer> GptqOpener::open(const TensorStore& store, std::size_t codes,
                                              const AffineOptions* known) const {
  return std::make_unique<GptqLayer>(store, codes, config_, known);
}

}  // namespace pq::hf
