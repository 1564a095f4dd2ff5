#include "run/output_run.hpp"

#include "base/in_order.hpp"
#include "base/interrupt.hpp"
#include "evaluation/pieces.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>  // the same hashes with the widest vectors of the processor
#endif

#include <algorithm>

namespace pq {
namespace {

[[noreturn]] void differs(const OutputRun& output, std::string_view what) {
  throw VerifyError(fmt::format("{} does not read back as written: {}; the disk or its driver may be failing",
                                output.plan->to.string(), what));
}

struct WrittenChunk {
  std::size_t tensor, number;  // of the output, of the tensor
  std::int64_t first, count;
};

void append_chunks(const TensorRun& tensor, std::size_t index, std::int64_t rows,
                   std::vector<WrittenChunk>& chunks) {
  std::size_t number = 0;
  for (std::int64_t first = 0, count = 0; first < rows; first += count) {
    count = rows_of_chunk(first, tensor.rows_per_matrix, tensor.rows_per_chunk);
    chunks.push_back({index, number++, first, count});
  }
}

void verify_chunk(const OutputRun& output, const ModelReader& reader, const WrittenChunk& chunk,
                  std::size_t place) {
  std::vector<std::byte> scratch;
  const auto& [tensor, number, first, count] = chunk;
  if (hash_rows(reader.rows(place, first, count, scratch), reader.header().tensors[place].shared) !=
      output.tensors[tensor].chunks[number].hash)
    differs(output, fmt::format("rows {} to {} of tensor '{}' differ", first, first + count - 1,
                                output.plan->model.tensors[tensor].name));
  reader.release(place, first, count);
}

}  // namespace

std::uint64_t hash_rows(Bytes rows, Bytes shared) {
  const XXH64_hash_t seed = shared.empty() ? 0 : XXH3_64bits(shared.data(), shared.size());
  return XXH3_64bits_withSeed(rows.data(), rows.size(), seed);
}

std::size_t find_tensor(const OutputRun& output, const ModelReader& reader, std::size_t index) {
  const OutputTensor& wanted = output.plan->model.tensors[index];
  const auto& found = reader.header().tensors;
  // The usual order is the planned one; formats may list tensors in another.
  std::size_t at = index;
  if (at >= found.size() || found[at].name != wanted.name)
    at = static_cast<std::size_t>(
        std::find_if(found.begin(), found.end(), [&](const TensorInfo& t) { return t.name == wanted.name; }) -
        found.begin());
  if (at == found.size()) differs(output, fmt::format("tensor '{}' is missing", wanted.name));
  const TensorInfo& info = found[at];
  if (elements(info.shape) != elements(wanted.shape) || cols(info.shape) != cols(wanted.shape) ||
      info.encoding != wanted.encoding)
    differs(output, fmt::format("tensor '{}' is {} {} instead of {} {}", wanted.name, info.encoding,
                                to_string(info.shape), wanted.encoding, to_string(wanted.shape)));
  return at;
}

void release_all(const ModelReader& reader) {
  const std::vector<TensorInfo>& tensors = reader.header().tensors;
  for (std::size_t i = 0; i < tensors.size(); ++i) reader.release(i, 0, rows(tensors[i].shape));
}

void verify_output(const OutputRun& output, const ModelReader& reader, Executor& executor) {
  const auto& tensors = output.plan->model.tensors;
  if (reader.header().tensors.size() != tensors.size())
    differs(output, fmt::format("{} tensors instead of {}", reader.header().tensors.size(), tensors.size()));
  std::vector<std::size_t> places;
  std::vector<WrittenChunk> chunks;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    places.push_back(find_tensor(output, reader, i));
    append_chunks(output.tensors[i], i, weight_rows(tensors[i].shape), chunks);
  }
  for_each_in_order(executor, static_cast<std::int64_t>(chunks.size()), [&](std::int64_t i) {
    throw_if_interrupted();
    const WrittenChunk& chunk = chunks[static_cast<std::size_t>(i)];
    verify_chunk(output, reader, chunk, places[chunk.tensor]);
  });
}

}  // namespace pq
