#include "plan/pass_memory.hpp"

#include "evaluation/pieces.hpp"

#include <algorithm>

namespace pq {
namespace {

/// Of mapped files pages are given back in windows (base/mapped_file.cpp). All threads are in one and behind it, or some already in the next.
constexpr std::uint64_t kWindowBytes = 8ull << 20;
/// Stack, errors of some rows, what encoders need, and what the allocator keeps for the thread.
constexpr std::uint64_t kThreadBytes = 512ull << 10;
/// Transposed rows are decoded in two bands (model/view_rows.cpp).
constexpr std::uint64_t kBandBytes = 2ull << 20;

std::uint64_t bytes_of(std::int64_t count) { return static_cast<std::uint64_t>(count); }

/// The largest chunk: sums of the largest of each kind, since threads keep their memory from chunk to chunk.
struct ChunkBytes {
  std::uint64_t decoded = 0, stored = 0, encoded = 0;
  std::uint64_t mapped = 0;  // what reading one touches
};

/// A row that is stored as a column needs all of its matrix.
void add_stored(const ModelReader& reader, const ViewTensor& tensor, std::int64_t weights,
                ChunkBytes& chunk) {
  for (const RowMap::Part& part : tensor.map.parts) {
    const TensorInfo& info = reader.header().tensors[part.stored];
    const auto width = bytes_of(std::max<std::int64_t>(1, cols(info.shape)));
    const auto stored = [&](std::int64_t count) { return bytes_of(count) * info.row_bytes / width; };
    const std::int64_t matrix =
        cols(info.shape) * (info.shape.size() < 2 ? 1 : info.shape[info.shape.size() - 2]);
    chunk.stored = std::max(chunk.stored, stored(weights));
    chunk.mapped =
        std::max(chunk.mapped, stored(tensor.is_transposed() ? std::max(matrix, weights) : weights));
    if (tensor.elements)
      chunk.decoded = std::max(chunk.decoded, bytes_of(elements(info.shape)) * 2 * sizeof(float));
  }
}

ChunkBytes largest_chunk(const Plan& plan) {
  ChunkBytes chunk;
  for (const PlannedOutput& output : plan.outputs)
    for (std::size_t i = 0; i < output.tensors.size(); ++i) {
      const ViewTensor& tensor = output.view->tensors[output.tensors[i].view_index];
      const std::int64_t count =
          std::min(rows_at_a_time(tensor, plan.chunk_weights), weight_rows(tensor.shape));
      const std::int64_t weights = count * cols(tensor.shape);
      chunk.decoded = std::max(chunk.decoded,
                               bytes_of(weights) * sizeof(float) + (tensor.is_transposed() ? kBandBytes : 0));
      if (output.tensors[i].route != Route::copy)
        chunk.encoded = std::max(chunk.encoded, bytes_of(count) * output.model.tensors[i].row_bytes);
      add_stored(*output.view->reader, tensor, weights, chunk);
    }
  return chunk;
}

std::uint64_t largest_file(const Plan& plan) {
  std::uint64_t largest = 0;
  for (const TensorInfo& tensor : plan.reader->header().tensors) largest += tensor.bytes();
  for (const PlannedOutput& output : plan.outputs) largest = std::max(largest, output.layout.total_bytes());
  return largest;
}

}  // namespace

PassMemory pass_memory(const Plan& plan, int threads) {
  const ChunkBytes chunk = largest_chunk(plan);
  const auto count = bytes_of(threads);
  const bool is_scaled = std::any_of(plan.outputs.begin(), plan.outputs.end(),
                                     [](const PlannedOutput& output) { return output.folding != nullptr; });
  PassMemory memory;
  memory.threads =
      count * (chunk.decoded * (is_scaled ? 2 : 1) + chunk.stored + chunk.encoded + kThreadBytes);
  memory.mapped = std::min(largest_file(plan), (threads == 1 ? 2 : 3) * kWindowBytes +
                                                   count * std::max(chunk.mapped, chunk.encoded));
  return memory;
}

}  // namespace pq
