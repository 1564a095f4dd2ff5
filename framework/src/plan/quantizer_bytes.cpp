#include "evaluation/pieces.hpp"
#include "forward/observer.hpp"
#include "plan/quantizer_costs.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace pq {
namespace {

/// One matrix of an output, in the order in which they are prepared.
struct PreparedMatrix {
  const Site* site = nullptr;
  QuantMemory memory;
  std::int64_t chunks = 0;
};

/// By layer: a layer's matrices are there when its inputs are measured.
std::map<int, std::vector<PreparedMatrix>> matrices_of(const Plan& plan) {
  std::map<int, std::vector<PreparedMatrix>> layers;
  for (const PlannedOutput& output : plan.outputs)
    for (std::size_t i = 0; i < output.tensors.size(); ++i) {
      const PlannedTensor& planned = output.tensors[i];
      if (!has_feedback(output, planned)) continue;
      const ViewTensor& tensor = output.view->tensors[planned.view_index];
      const std::int64_t in_matrix = rows(tensor.shape) / static_cast<std::int64_t>(planned.sites.size());
      const std::int64_t step = rows_at_a_time(tensor, plan.chunk_weights);
      QuantMemory memory = output.quantizer->memory(*planned.encoding, in_matrix, cols(tensor.shape));
      if (output.quantizer == output.folder) memory.preparing = 0;  // that of its scales: folding_bytes()
      for (const Site* site : planned.sites)
        layers[site->layer].push_back(
            {site, memory, (in_matrix + step - 1) / std::max<std::int64_t>(1, step)});
    }
  return layers;
}

/// With freed blocks that the heap of the thread keeps between calls, because those of other columns have other sizes. Measured with glibc 2.36.
std::uint64_t with_slack(std::uint64_t quantizing) { return quantizing + quantizing / 4; }

/// As a pass prepares them: one after the other until there is enough work for all threads.
std::uint64_t peak_of(const std::vector<PreparedMatrix>& matrices, int threads) {
  constexpr std::int64_t kChunksPerThread = 64;
  std::set<const Site*> sites;
  std::uint64_t now = 0, peak = 0;
  std::int64_t chunks = 0;
  for (const PreparedMatrix& matrix : matrices) {
    if (chunks >= kChunksPerThread * threads) {
      sites.clear();
      now = 0;
      chunks = 0;
    }
    const bool is_new = sites.insert(matrix.site).second;
    now += matrix.memory.prepared + (is_new ? matrix.memory.site : 0);
    chunks += matrix.chunks;
    peak = std::max({peak, now + (is_new ? matrix.memory.preparing : 0),
                     now + with_slack(matrix.memory.quantizing) * static_cast<std::uint64_t>(threads)});
  }
  return peak;
}

/// Every thread has a tensor that is not complete, one more has begun, and one is being written.
std::uint64_t gathered_bytes(const Plan& plan, int threads) {
  std::uint64_t bytes = 0;
  for (const PlannedOutput& output : plan.outputs) {
    std::vector<std::uint64_t> gathered;
    for (const OutputTensor& tensor : output.model.tensors)
      gathered.push_back(output.format->gathered_bytes(tensor));
    std::sort(gathered.rbegin(), gathered.rend());
    const std::size_t count = std::min(gathered.size(), static_cast<std::size_t>(3 * threads));
    for (std::size_t i = 0; i < count; ++i) bytes += gathered[i];
  }
  return bytes;
}

}  // namespace

bool has_feedback(const PlannedOutput& output, const PlannedTensor& tensor) {
  if (!output.quantizer->info().needs.gram || tensor.sites.empty() || tensor.route == Route::copy)
    return false;
  return tensor.encoding->info().grid.has_codes();
}

QuantizerBytes quantizer_bytes(const Plan& plan, int threads) {
  QuantizerBytes result;
  for (const auto& [layer, matrices] : matrices_of(plan)) {
    result.producing = std::max(result.producing, peak_of(matrices, threads));
    for (const PreparedMatrix& matrix : matrices)
      result.between = std::max(result.between, matrix.memory.site);
  }
  result.producing += gathered_bytes(plan, threads);
  return result;
}

}  // namespace pq
