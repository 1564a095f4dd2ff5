#include "gptq/storage.hpp"

#include "common/packed_words.hpp"
#include "common/printable.hpp"
#include "gptq/planes.hpp"
#include "gptq/zeros.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/affine_rows.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace pq::hf {
namespace {

constexpr std::size_t kIndexPart = 3;

const AffineRows layout_of(const LayerPlan& layer) { return {layer.options, cols(layer.shape)}; }

std::vector<std::byte> pack_scales(const AffineRows& layout, std::size_t count, const std::byte* rows) {
  const std::size_t size = layout.scale_bytes();
  std::vector<std::byte> scales(layout.groups() * count * size);
  for (std::size_t g = 0; g < layout.groups(); ++g)
    for (std::size_t n = 0; n < count; ++n)
      std::memcpy(scales.data() + (g * count + n) * size, rows + n * layout.row_bytes() + g * size, size);
  return scales;
}

std::vector<std::byte> pack_zeros(const LayerPlan& layer, GptqVersion version, std::size_t count,
                                  const std::byte* rows) {
  const AffineRows layout = layout_of(layer);
  const std::size_t bytes = count * static_cast<std::size_t>(layout.bits()) / 8;
  std::vector<std::byte> words(layout.groups() * bytes);
  std::vector<std::uint8_t> zeros(count);
  for (std::size_t g = 0; g < layout.groups(); ++g) {
    for (std::size_t n = 0; n < count; ++n) {
      const int zero = layout.zero(rows + n * layout.row_bytes(), g);
      if (zero > layout.max_code())
        throw VerifyError(fmt::format(
            "tensor {}: row {}, group {} has the zero point {}; GPTQ files hold 0 to {} for {} bits",
            shown(layer.module + std::string(kWeightEnd)), n, g, zero, layout.max_code(), layout.bits()));
      zeros[n] = static_cast<std::uint8_t>(zero);
    }
    write_zeros(zeros, version, layout.bits(), MutableBytes(words).subspan(g * bytes, bytes));
  }
  return words;
}

void pack_codes_in_planes(const AffineRows& layout, std::size_t count, const std::byte* rows,
                          std::byte* words) {
  const auto bits = static_cast<std::size_t>(layout.bits());
  std::vector<std::uint8_t> codes(layout.cols());
  std::array<std::uint32_t, 8> block{};
  for (std::size_t n = 0; n < count; ++n) {
    layout.unpack_codes(rows + n * layout.row_bytes(), codes.data());
    for (std::size_t b = 0; b < layout.cols() / kPlaneNumbers; ++b) {
      pack_planes(codes.data() + b * kPlaneNumbers, layout.bits(), block.data());
      for (std::size_t w = 0; w < bits; ++w) store(words + ((b * bits + w) * count + n) * 4, block[w]);
    }
  }
}

}  // namespace

std::optional<std::string> GptqStorage::rejects(const AffineOptions& options, const Shape& shape) const {
  const int bits = options.bits;
  if (version_ != GptqVersion::planar && bits != 2 && bits != 3 && bits != 4 && bits != 8)
    return fmt::format(
        "GPTQ files hold 2, 3, 4 or 8 bits, not {}; the format 'gptq:checkpoint_format=gptq_p' holds them, "
        "which only GPTQModel reads",
        bits);
  if (options.zero != "integer")
    return fmt::format("GPTQ files hold zero points that are integers, not zero={}", options.zero);
  if (options.scale == "f32") return std::string("GPTQ files hold scales in f16 or bf16, not f32");
  if (std::find(kGroups.begin(), kGroups.end(), options.group) == kGroups.end())
    return fmt::format("GPTQ files have groups of {} columns or -1 (the whole row), not {}",
                       fmt::join(kGroups.begin() + 1, kGroups.end(), ", "), options.group);
  for (const std::int64_t size : shape) {
    if (size > 0 && size % 32 == 0) continue;
    return fmt::format("rows and columns of a GPTQ matrix must be multiples of 32, its shape is {}",
                       to_string(shape));
  }
  return std::nullopt;
}

std::vector<PlannedTensor> GptqStorage::tensors(const LayerPlan& layer) const {
  const AffineRows layout = layout_of(layer);
  const std::int64_t n = rows(layer.shape), k = cols(layer.shape), bits = layout.bits();
  const auto groups = static_cast<std::int64_t>(layout.groups());
  const Dtype* words = find_dtype("I32");
  return {{layer.module + ".qweight", words, {k * bits / 32, n}},
          {layer.module + ".qzeros", words, {groups, n * bits / 32}},
          {layer.module + ".scales", dtype_of_encoding(layer.options.scale), {groups, n}},
          {layer.module + ".g_idx", words, {k}}};
}

std::vector<std::vector<std::byte>> GptqStorage::pack(const LayerPlan& layer, Bytes encoded) const {
  const AffineRows layout = layout_of(layer);
  const auto count = static_cast<std::size_t>(rows(layer.shape));
  std::vector<std::vector<std::byte>> parts(4);
  parts[0].resize(count * layout.code_bytes());
  if (is_in_planes(version_, layout.bits()))
    pack_codes_in_planes(layout, count, encoded.data(), parts[0].data());
  else
    streams_to_columns({layout.code_bytes() / 4, count, layout.row_bytes()},
                       encoded.data() + layout.codes_at(), parts[0].data());
  parts[1] = pack_zeros(layer, version_, count, encoded.data());
  parts[2] = pack_scales(layout, count, encoded.data());
  if (layer.options.act_order) return parts;  // g_idx is what the rows share
  const std::vector<std::int32_t> groups = natural_groups(layout);
  const Bytes bytes = std::as_bytes(std::span(groups));
  parts[kIndexPart].assign(bytes.begin(), bytes.end());
  return parts;
}

std::optional<std::size_t> GptqStorage::shared_part(const LayerPlan& layer) const {
  if (!layer.options.act_order) return std::nullopt;
  return kIndexPart;
}

}  // namespace pq::hf
