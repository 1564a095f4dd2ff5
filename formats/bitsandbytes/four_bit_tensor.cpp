#include "bitsandbytes/tensors.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/table_row.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>

namespace pq::bnb {
namespace {

constexpr std::uint64_t kMaxStateBytes = 64 << 10;
constexpr std::int64_t kLargestBlock = 4096;  // of the encodings
// The library's kernels have the tables built in and do not look at quant_map: one that says something else was made by another program.
constexpr float kMapTolerance = 1e-6f;

class FourBitWeight final : public hf::JoinedRows {
 public:
  FourBitWeight(const hf::TensorStore& store, std::size_t state_index);

 private:
  void write_row(std::int64_t row, std::byte* out) const override;
  std::size_t find_part(std::string_view end, std::string_view dtype, std::int64_t count);
  void check_codes() const;
  void check_map(std::size_t map) const;
  void read_nested();
  void copy_codes(std::uint64_t first, std::byte* out) const;
  float scale(std::uint64_t block) const;
  float nested_range(std::uint64_t block) const {
    return load<float>(nested_.data() + block / static_cast<std::uint64_t>(state_.nested_block) * 4);
  }

  const hf::TensorStore& store_;
  std::string name_;
  QuantState state_;
  std::uint64_t cols_ = 0, count_ = 0, blocks_ = 0;
  std::uint64_t block_ = 0;  // of the rows; shorter than the stored one if that goes beyond a row
  bool as_stored_ = true;    // the rows' blocks are the stored ones
  Bytes scales_, nested_;
  NestedScales shared_;
};

FourBitWeight::FourBitWeight(const hf::TensorStore& store, std::size_t state_index) : store_(store) {
  const hf::StoredTensor& stored = store.tensors()[state_index];
  const std::string place = place_of(store, state_index);
  name_ = stored.name.substr(0, stored.name.find(kStateEnd));
  const std::string type = stored.name.substr(name_.size() + kStateEnd.size());
  if (type != "nf4" && type != "fp4")
    throw FormatError(
        fmt::format("{}: the kind {} is unknown; bitsandbytes has nf4 and fp4", place, hf::shown(type)));
  if (stored.dtype->name != "U8" || stored.bytes > kMaxStateBytes)
    throw FormatError(fmt::format("{}: {} {} must be at most {} bytes of JSON as U8", place,
                                  stored.dtype->name, to_string(stored.shape), kMaxStateBytes));
  const Bytes text = store.bytes(state_index);
  state_ = parse_state({reinterpret_cast<const char*>(text.data()), text.size()}, place);
  if (state_.type != type)
    throw FormatError(fmt::format("{}: its quant_type is {}, its name says {}", place, state_.type, type));

  const std::int64_t cols = pq::cols(state_.shape), rows = pq::rows(state_.shape);
  cols_ = static_cast<std::uint64_t>(cols);
  count_ = static_cast<std::uint64_t>(elements(state_.shape));
  blocks_ = (count_ - 1) / static_cast<std::uint64_t>(state_.block) + 1;
  const auto codes = store.find(name_);
  if (!codes)
    throw FormatError(fmt::format("{}: the tensor {} that it describes is missing", place, hf::shown(name_)));
  parts_.push_back(*codes);
  check_codes();
  scales_ =
      store.bytes(find_part(".absmax", state_.nested ? "U8" : "F32", static_cast<std::int64_t>(blocks_)));
  check_map(find_part(".quant_map", "F32", 16));
  if (state_.nested) read_nested();
  parts_.push_back(state_index);

  std::int64_t block = std::gcd(cols, state_.block);
  if (block > kLargestBlock) block = std::gcd(block, kLargestBlock);
  block_ = static_cast<std::uint64_t>(block);
  as_stored_ = block == state_.block;
  const bool nested = state_.nested && as_stored_;
  const hf::StoredTensor& numbers = store.tensors()[*codes];
  info_ = {name_,
           state_.shape,
           fmt::format("{}:block={}{}", type, block, nested ? ",double_quant=true" : ""),
           TableRow(cols, block, nested).bytes(),
           store.shard_name(numbers.shard),
           numbers.offset};
  if (nested) {
    info_.shared.resize(NestedScales::kBytes);
    shared_.write(info_.shared.data());
  }
  if (!checked_mul(info_.row_bytes, static_cast<std::uint64_t>(rows)))
    throw FormatError(place + ": the size of its rows overflows");
}

std::size_t FourBitWeight::find_part(std::string_view end, std::string_view dtype, std::int64_t count) {
  const std::string name = name_ + std::string(end);
  const auto found = store_.find(name);
  if (!found)
    throw FormatError(
        fmt::format("{}: its part {} is missing; the download is incomplete or the file was made "
                    "by another program",
                    place_of(store_, parts_.front()), hf::shown(name)));
  const hf::StoredTensor& part = store_.tensors()[*found];
  if (part.dtype->name != dtype || elements(part.shape) != count)
    throw FormatError(fmt::format("{}: {} {}, but {} weights in blocks of {} need {} [{}]",
                                  place_of(store_, *found), part.dtype->name, to_string(part.shape), count_,
                                  state_.block, dtype, count));
  parts_.push_back(*found);
  return *found;
}

// The bytes may be disguised as any type (bnb_4bit_quant_storage).
void FourBitWeight::check_codes() const {
  const hf::StoredTensor& codes = store_.tensors()[parts_.front()];
  const std::uint64_t needed = (count_ + 1) / 2, unit = static_cast<std::uint64_t>(codes.dtype->bits) / 8;
  const bool is_storage = codes.dtype->name == "U8" || codes.dtype->name == "BF16" ||
                          codes.dtype->name == "F16" || codes.dtype->name == "F32";
  if (!is_storage || codes.bytes < needed || codes.bytes - needed >= unit)
    throw FormatError(fmt::format("{}: {} {} holds {} bytes, the codes of {} need {}",
                                  place_of(store_, parts_.front()), codes.dtype->name, to_string(codes.shape),
                                  codes.bytes, to_string(state_.shape), needed));
}

void FourBitWeight::check_map(std::size_t map) const {
  const auto& table = state_.type == "nf4" ? kNf4Values : kFp4Values;
  const Bytes stored = store_.bytes(map);
  for (std::size_t i = 0; i < table.size(); ++i)
    if (const float value = load<float>(stored.data() + i * 4);
        !(std::abs(value - table[i]) <= kMapTolerance))
      throw FormatError(
          fmt::format("{}: entry {} is {}, in the table of {} it is {}; bitsandbytes decodes with its "
                      "own table, so the file is damaged or not for it",
                      place_of(store_, map), i, value, state_.type, table[i]));
}

void FourBitWeight::read_nested() {
  const auto groups = (blocks_ - 1) / static_cast<std::uint64_t>(state_.nested_block) + 1;
  nested_ = store_.bytes(find_part(".nested_absmax", "F32", static_cast<std::int64_t>(groups)));
  const Bytes map = store_.bytes(find_part(".nested_quant_map", "F32", 256));
  std::memcpy(shared_.map.data(), map.data(), map.size());
  shared_.offset = state_.offset;
  shared_.range = 0.0f;
  for (std::uint64_t g = 0; g < groups; ++g)
    if (const float range = load<float>(nested_.data() + g * 4); std::isfinite(range))
      shared_.range = std::max(shared_.range, range);
}

float FourBitWeight::scale(std::uint64_t block) const {
  if (!state_.nested) return load<float>(scales_.data() + block * 4);
  return shared_.scale(load<std::uint8_t>(scales_.data() + block), nested_range(block));
}

// Codes of weights first .. first + cols_ - 1 of the whole tensor.
void FourBitWeight::copy_codes(std::uint64_t first, std::byte* out) const {
  const std::uint64_t begin = first / 2, end = (first + cols_ + 1) / 2, length = (cols_ + 1) / 2;
  const Bytes from = store_.bytes(parts_.front(), begin, end - begin);
  if (first % 2 == 0) {
    std::memcpy(out, from.data(), length);
  } else {
    for (std::uint64_t i = 0; i < length; ++i) {
      const std::byte next = i + 1 < from.size() ? from[i + 1] : std::byte{0};
      out[i] = (from[i] << 4) | (next >> 4);
    }
  }
  if (cols_ % 2 != 0) out[length - 1] &= std::byte{0xF0};
}

void FourBitWeight::write_row(std::int64_t row, std::byte* out) const {
  const std::uint64_t first = static_cast<std::uint64_t>(row) * cols_;
  const bool nested = state_.nested && as_stored_;
  const TableRow layout(static_cast<std::int64_t>(cols_), static_cast<std::int64_t>(block_), nested);
  copy_codes(first, out);
  for (std::size_t b = 0; b < layout.blocks(); ++b) {
    const std::uint64_t stored = (first + b * block_) / static_cast<std::uint64_t>(state_.block);
    if (nested) {
      out[layout.scales_at() + b] = scales_[stored];
      store(out + layout.ranges_at() + b * 4, nested_range(stored));
    } else {
      store(out + layout.scales_at() + b * 4, scale(stored));
    }
  }
}

}  // namespace

std::string place_of(const hf::TensorStore& store, std::size_t tensor) {
  const hf::StoredTensor& stored = store.tensors()[tensor];
  return fmt::format("{}: tensor {}", store.shards()[stored.shard]->path().string(), hf::shown(stored.name));
}

std::unique_ptr<Weight> open_four_bit(const hf::TensorStore& store, std::size_t state) {
  return std::make_unique<FourBitWeight>(store, state);
}

}  // namespace pq::bnb
