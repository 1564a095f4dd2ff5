#include "awq/storage.hpp"

#include "awq/gemm.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/affine_rows.hpp>

#include <fmt/format.h>

namespace pq::hf {
namespace {

constexpr int kBits = 4;

}  // namespace

std::optional<std::string> AwqStorage::rejects(const AffineOptions& options, const Shape& shape) const {
  const std::int64_t n = rows(shape), k = cols(shape);
  if (options.bits != kBits) return fmt::format("AWQ files hold 4 bits, not {}", options.bits);
  if (options.act_order) return std::string("AWQ files hold no order of columns (act_order)");
  if (options.zero != "integer")
    return fmt::format("AWQ files hold zero points that are integers, not zero={}", options.zero);
  if (options.scale == "f32") return std::string("AWQ files hold scales in f16 or bf16, not f32");
  // AutoAWQ's packer cuts off what is no multiple of 32 rows.
  if (n <= 0 || k <= 0 || n % 32 != 0 || k % 8 != 0)
    return fmt::format(
        "an AWQ matrix needs rows in multiples of 32 and columns in multiples of 8, its shape is {}",
        to_string(shape));
  if (options.group > 0 && k % options.group != 0)
    return fmt::format("AWQ needs groups that divide the columns, {} does not divide {}", options.group, k);
  return std::nullopt;
}

std::vector<PlannedTensor> AwqStorage::tensors(const LayerPlan& layer) const {
  const AffineRows layout(layer.options, cols(layer.shape));
  const std::int64_t n = rows(layer.shape);
  const auto groups = static_cast<std::int64_t>(layout.groups());
  return {{layer.module + ".qweight", find_dtype("I32"), {cols(layer.shape), n / 8}},
          {layer.module + ".qzeros", find_dtype("I32"), {groups, n / 8}},
          {layer.module + ".scales", dtype_of_encoding(layer.options.scale), {groups, n}}};
}

std::vector<std::vector<std::byte>> AwqStorage::pack(const LayerPlan& layer, Bytes encoded) const {
  const AffineRows layout(layer.options, cols(layer.shape));
  const auto count = static_cast<std::size_t>(rows(layer.shape));
  std::vector<std::vector<std::byte>> parts(3);
  parts[0].resize(count * layout.cols() / 2);
  parts[1].resize(layout.groups() * count / 2);
  parts[2].resize(layout.groups() * count * 2);
  streams_to_gemm({count, layout.cols(), layout.row_bytes()}, encoded.data() + layout.codes_at(),
                  parts[0].data());
  for (std::size_t g = 0; g < layout.groups(); ++g)
    for (std::size_t n = 0; n < count; ++n) {
      const std::byte* row = encoded.data() + n * layout.row_bytes();
      const int zero = layout.zero(row, g);
      if (zero > layout.max_code())
        throw VerifyError(
            fmt::format("tensor {}: row {}, group {} has the zero point {}; AWQ files hold 0 to 15",
                        shown(layer.module + std::string(kWeightEnd)), n, g, zero));
      put_gemm_number(parts[1].data() + g * count / 2, n, zero);
      std::memcpy(parts[2].data() + (g * count + n) * 2, row + g * 2, 2);
    }
  return parts;
}

}  // namespace pq::hf
