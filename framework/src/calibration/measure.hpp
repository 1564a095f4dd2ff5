// Runs a model over samples and measures activations.
#pragma once

#include "calibration/gguf_matrices.hpp"
#include "calibration/imatrix.hpp"
#include "calibration/samples.hpp"
#include "calibration/site_sums.hpp"
#include "forward/forward_pass.hpp"

#include <functional>

namespace pq {

/// Gets layers done and layers in all.
using LayerProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// The sums of all sites over all samples, layer by layer; of the output head's input only with `with_output`.
SiteSums measure_sites(ForwardPass& pass, Device& device, const SampleSet& samples, bool with_output,
                       const LayerProgress& progress);

/// Entries under the names that GGUF has for the matrices, as llama-imatrix writes them. Experts that no sample reached have the count 0;
/// `warnings` gets one sentence about them, and one about matrices that have no GGUF name.
ImatrixData imatrix_of(const ForwardModel& model, const GgufMatrices& names, const SiteSums& sums,
                       const SampleSet& samples, std::int64_t length, std::vector<std::string>& warnings);

}  // namespace pq
