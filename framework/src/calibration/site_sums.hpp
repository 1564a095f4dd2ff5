// Sums over the activations of every site: what importance matrices are made of.
#pragma once

#include "forward/observer.hpp"

#include <polyquant/backend.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace pq {

struct SiteSum {
  std::vector<double> squares;  // per column
  std::int64_t rows = 0;        // activations that were summed
};

/// Sums in f64, rows in the order of the batches, so that the result does not depend on the number of threads. One caller at a time.
class SiteSums final : public Observer {
 public:
  explicit SiteSums(Device& device) : device_(device) {}

  /// Throws FormatError naming layer and site if activations are not finite.
  void at_site(const Site& site, const Batch& batch, const DeviceMatrix& inputs) override;

  /// nullptr if nothing was ever measured there (an expert that no token chose).
  const SiteSum* find(const Site& site) const;

 private:
  Device& device_;
  std::map<const Site*, SiteSum> sums_;
};

}  // namespace pq
