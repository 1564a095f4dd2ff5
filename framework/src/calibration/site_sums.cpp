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
  const StatisticsNeeded needs = needs_(site);
  if (needs == StatisticsNeeded{}) return;
  SiteSum& sum = sums_[&site];
  sum.rows += inputs.rows();
  const auto cols = static_cast<std::size_t>(site.cols);
  // Squares are summed whatever is wanted: they tell at once if an activation is not finite.
  sum.squares.resize(cols);
  device_.math().column_sums(inputs, ColumnSum::squares, sum.squares);
  if (!std::all_of(sum.squares.begin(), sum.squares.end(), [](double x) { return std::isfinite(x); }))
    throw FormatError(fmt::format(
        "{}: activations are not finite; the model is damaged, or its numbers are too large for f32",
        describe(site)));
  if (needs.mean_absolute) {
    sum.magnitudes.resize(cols);
    device_.math().column_sums(inputs, ColumnSum::magnitudes, sum.magnitudes);
  }
  if (needs.gram) {
    if (sum.gram == nullptr) sum.gram = device_.allocate(site.cols, site.cols);
    device_.math().accumulate_gram(inputs, *sum.gram);
  }
}

const SiteSum* SiteSums::find(const Site& site) const {
  const auto found = sums_.find(&site);
  return found == sums_.end() ? nullptr : &found->second;
}

void SiteSums::drop_gram(const Site& site) {
  if (const auto found = sums_.find(&site); found != sums_.end()) found->second.gram.reset();
}

namespace {

// Divided in f32 as those of an importance matrix are when they are read, so that a file in between changes nothing.
std::vector<float> means(const std::vector<double>& sums, std::int64_t rows) {
  std::vector<float> result;
  for (const double sum : sums) result.push_back(static_cast<float>(sum) / static_cast<float>(rows));
  const bool known = std::any_of(result.begin(), result.end(), [](float mean) { return mean > 0; });
  return known ? result : std::vector<float>();
}

}  // namespace

SiteStatistics HostStatistics::view() const {
  SiteStatistics result;
  result.importance = importance;
  result.mean_absolute = mean_absolute;
  if (!gram.empty()) result.gram = {gram.data(), cols, cols, cols};
  result.samples = samples;
  return result;
}

HostStatistics host_statistics(const SiteSum& sum, Device& device) {
  HostStatistics result;
  result.samples = sum.rows;
  result.cols = static_cast<std::int64_t>(sum.squares.size());
  if (sum.rows == 0) return result;
  result.importance = means(sum.squares, sum.rows);
  result.mean_absolute = means(sum.magnitudes, sum.rows);
  if (sum.gram == nullptr) return result;
  result.gram.resize(static_cast<std::size_t>(result.cols * result.cols));
  device.download(*sum.gram, Matrix{result.gram.data(), result.cols, result.cols, result.cols});
  return result;
}

}  // namespace pq
