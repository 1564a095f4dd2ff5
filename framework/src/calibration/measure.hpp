// Runs a model over samples and measures activations.
#pragma once

#include "calibration/gguf_matrices.hpp"
#include "calibration/imatrix.hpp"
#include "calibration/samples.hpp"
#include "calibration/site_sums.hpp"
#include "forward/forward_pass.hpp"

#include <functional>

namespace pq {

/// Tokens that run together: large enough for matrix products, small enough for the caches of activations.
inline constexpr std::int64_t kMeasureRows = 2048;

/// Gets layers done and layers in all.
using LayerProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// What is measured, and how.
struct MeasureOptions {
  SiteSums::Needs needs;           // of every site
  bool with_output = false;        // the input of the output head, too
  std::int64_t hidden_bytes = -1;  // of residual streams that may lie in memory; more go to a file. -1: all
  std::filesystem::path scratch;   // folder of that file; empty = the system's for temporary files
  LayerProgress progress;
  /// Called when all samples have passed a layer: the sums of its sites are complete, and their Gram matrices may be dropped.
  std::function<void(int layer, SiteSums& sums)> layer_done;
  int layers = -1;     // that the samples go through; -1: all
  bool twice = false;  // what goes on is what a layer gives after layer_done, when its weights have changed
};

/// The sums of all sites over all samples, layer by layer.
SiteSums measure_sites(ForwardPass& pass, Device& device, const SampleSet& samples,
                       const MeasureOptions& options);

/// Sums of squares of every site: what an importance matrix is made of.
StatisticsNeeded importance_only(const Site& site);

/// Entries under the names that GGUF has for the matrices, as llama-imatrix writes them. Experts that no sample reached have the count 0;
/// `warnings` gets one sentence about them, and one about matrices that have no GGUF name.
ImatrixData imatrix_of(const ForwardModel& model, const GgufMatrices& names, const SiteSums& sums,
                       const SampleSet& samples, std::int64_t length, std::vector<std::string>& warnings);

}  // namespace pq
