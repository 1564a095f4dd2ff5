#include "calibration/imatrix.hpp"

#include "calibration/imatrix_reader.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pq {
namespace {

constexpr std::int64_t kPieceValues = 1 << 16;

}  // namespace

std::shared_ptr<const Imatrix> Imatrix::open(const std::filesystem::path& path,
                                             const PluginRegistry& registry) {
  const auto imatrix = ImatrixReader(path).read(registry);
  imatrix->check_values();
  return imatrix;
}

const ImatrixEntry* Imatrix::find(std::string_view name) const noexcept {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), name,
                                      [](const ImatrixEntry& e, std::string_view n) { return e.name < n; });
  return found == entries_.end() || found->name != name ? nullptr : &*found;
}

std::vector<float> Imatrix::sums(const ImatrixEntry& entry, std::int64_t first, std::int64_t count) const {
  std::vector<float> values(static_cast<std::size_t>(count));
  const std::size_t bytes = values.size() * sizeof(float);
  const std::uint64_t place = entry.places[static_cast<std::size_t>(first / entry.part_values())];
  first %= entry.part_values();
  PQ_ASSERT(first + count <= entry.part_values(), "sums are read part by part");
  if (file_ != nullptr) {
    const std::uint64_t offset = place + static_cast<std::uint64_t>(first) * sizeof(float);
    std::memcpy(values.data(), file_->bytes(offset, bytes).data(), bytes);
    return values;
  }
  // Whole rows of the stored tensor, then the wanted part.
  const auto tensor = static_cast<std::size_t>(place);
  const std::int64_t width = cols(reader_->header().tensors[tensor].shape);
  const std::int64_t first_row = first / width, last_row = (first + count - 1) / width;
  std::vector<std::byte> scratch;
  const Bytes rows = reader_->rows(tensor, first_row, last_row - first_row + 1, scratch);
  const auto skipped = static_cast<std::size_t>(first - first_row * width) * sizeof(float);
  std::memcpy(values.data(), rows.data() + skipped, bytes);
  return values;
}

void Imatrix::check_values() const {
  for (const ImatrixEntry& entry : entries_)
    for (std::int64_t first = 0, count = 0; first < entry.values; first += count) {
      const std::int64_t part = entry.part_values();
      count = std::min(kPieceValues, part - first % part);
      if (entry.places[static_cast<std::size_t>(first / part)] == kNotMeasured) continue;
      const std::vector<float> piece = sums(entry, first, count);
      const auto bad = std::find_if(piece.begin(), piece.end(),
                                    [](float value) { return !std::isfinite(value) || value < 0; });
      if (bad != piece.end())
        throw FormatError(
            fmt::format("{}: value {} of '{}' is {}; a mean square is a finite number that is not negative, "
                        "so the file is "
                        "damaged or was measured on a model that overflows",
                        path_.string(), first + (bad - piece.begin()), entry.name, *bad));
    }
}

std::vector<float> Imatrix::mean_squares(const ImatrixEntry& entry, std::int64_t matrix,
                                         std::int64_t matrices) const {
  const std::int64_t width = entry.values / matrices;
  const double count = entry.counts[entry.counts.size() == 1 ? 0 : static_cast<std::size_t>(matrix)];
  if (count <= 0) return {};
  std::vector<float> values = sums(entry, matrix * width, width);
  bool known = false;
  for (float& value : values) {
    value /= static_cast<float>(count);  // in f32, as llama-quantize does
    known = known || value > 0;
  }
  return known ? values : std::vector<float>();
}

}  // namespace pq
