#include "calibration/site_sums.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

std::string describe(const Site& site) {
  std::string text = site.layer < 0 ? std::string("outside the layers") : fmt::format("layer {}", site.layer);
  if (site.expert >= 0) text += fmt::format(", expert {}", site.expert);
  return fmt::format("{}, site '{}'", text, site.name);
}

}  // namespace

void SiteSums::at_site(const Site& site, const Batch&, const DeviceMatrix& inputs) {
  SiteSum& sum = sums_[&site];
  sum.squares.resize(static_cast<std::size_t>(site.cols));
  device_.math().column_sums(inputs, ColumnSum::squares, sum.squares);
  sum.rows += inputs.rows();
  if (!std::all_of(sum.squares.begin(), sum.squares.end(), [](double x) { return std::isfinite(x); }))
    throw FormatError(fmt::format(
        "{}: activations are not finite; the model is damaged, or its numbers are too large for f32",
        describe(site)));
}

const SiteSum* SiteSums::find(const Site& site) const {
  const auto found = sums_.find(&site);
  return found == sums_.end() ? nullptr : &found->second;
}

}  // namespace pq
