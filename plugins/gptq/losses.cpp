#include "losses.hpp"

#include <algorithm>

namespace pq::gptq {
namespace {

/// Rounds everything to zero: what error feedback then leaves is the loss of dropping all weights.
class ZeroCodec final : public ColumnCodec {
 public:
  explicit ZeroCodec(const Cut& cut) : cut_(cut) {}
  int fit_cols() const override { return static_cast<int>(cut_.fit); }
  int round_cols() const override { return static_cast<int>(cut_.at_once); }
  void fit(ConstMatrix, std::span<const float>) override {}
  void round(ConstMatrix, Matrix rounded) override {
    for (std::int64_t r = 0; r < rounded.rows; ++r) std::ranges::fill(rounded.row(r), 0.0f);
  }
  void emit(std::int64_t, MutableBytes) const override {}

 private:
  const Cut& cut_;
};

}  // namespace

std::vector<double> losses(ConstMatrix rows, const Columns& columns) {
  std::vector<double> result;
  for (std::int64_t first = 0; first < rows.rows; first += kLanes) {
    const ConstMatrix some = rows.slice(first, std::min<std::int64_t>(kLanes, rows.rows - first));
    ZeroCodec codec(columns.cut);
    RowTile tile(some, codec, columns);
    tile.round_in_order();
    for (std::int64_t r = 0; r < some.rows; ++r) {
      double squares = 0;
      for (const float d : some.row(r)) squares += static_cast<double>(d) * static_cast<double>(d);
      result.push_back(
          std::max(0.0, tile.error(static_cast<std::size_t>(r)) - columns.factor.damping * squares));
    }
  }
  return result;
}

}  // namespace pq::gptq
