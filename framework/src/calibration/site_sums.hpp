// Sums over the activations of every site, all in one pass: what importance matrices (squares), AWQ (magnitudes) and GPTQ (X^T X) are made of.
#pragma once

#include "forward/observer.hpp"

#include <polyquant/backend.hpp>
#include <polyquant/quantizer.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace pq {

struct SiteSum {
  std::int64_t rows = 0;               // activations that were summed
  std::vector<double> squares;         // per column, in f64; empty: not asked for
  std::vector<double> magnitudes;      // sums of |x|, likewise
  std::unique_ptr<DeviceMatrix> gram;  // X^T X [cols, cols] in f32 on the device; nullptr: not asked for
};

/// Rows are summed in the order of the batches, so the result does not depend on the number of threads. One caller at a time.
class SiteSums final : public Observer {
 public:
  /// What is wanted of a site; a site of which nothing is wanted costs nothing.
  using Needs = std::function<StatisticsNeeded(const Site&)>;
  SiteSums(Device& device, Needs needs) : device_(device), needs_(std::move(needs)) {}

  /// Throws FormatError naming layer and site if activations are not finite, ResourceError if a Gram matrix does not fit into memory.
  void at_site(const Site& site, const Batch& batch, const DeviceMatrix& inputs) override;

  /// nullptr if nothing was ever measured there (an expert that no token chose).
  const SiteSum* find(const Site& site) const;
  /// The Gram matrix of a site is not needed any more: those of all layers together may be larger than the memory.
  void drop_gram(const Site& site);

 private:
  Device& device_;
  Needs needs_;
  std::map<const Site*, SiteSum> sums_;
};

/// The statistics of one site as quantizers get them.
struct HostStatistics {
  std::vector<float> importance;     // mean of x^2 per column; empty if all are zero: nothing is known then
  std::vector<float> mean_absolute;  // mean of |x| per column, likewise
  std::vector<float> gram;           // X^T X
  std::int64_t samples = 0, cols = 0;
  SiteStatistics view() const;
};
HostStatistics host_statistics(const SiteSum& sum, Device& device);

}  // namespace pq
