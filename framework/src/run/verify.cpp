#include "run/output_run.hpp"

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

void verify_output(const OutputRun& output, const ModelReader& reader, Executor& executor) {
  const auto& tensors = output.plan->model.tensors;
  if (reader.header().tensors.size() != tensors.size())
    differs(output, fmt::format("{} tensors instead of {}", reader.header().tensors.size(), tensors.size()));
  executor.for_ranges(
      static_cast<std::int64_t>(tensors.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<std::byte> scratch;
        for (std::int64_t i = begin; i < end; ++i) {
          const auto index = static_cast<std::size_t>(i);
          const std::size_t at = find_tensor(output, reader, index);
          const Shape& shape = tensors[index].shape;
          const std::int64_t step = output.tensors[index].rows_per_chunk;
          const std::int64_t together = output.tensors[index].rows_per_matrix;
          std::size_t chunk = 0;
          for (std::int64_t first = 0, count = 0; first < weight_rows(shape); first += count) {
            throw_if_interrupted();
            count = rows_of_chunk(first, together, step);
            if (hash_rows(reader.rows(at, first, count, scratch), reader.header().tensors[at].shared) !=
                output.tensors[index].chunks[chunk++].hash)
              differs(output, fmt::format("rows {} to {} of tensor '{}' differ", first, first + count - 1,
                                          tensors[index].name));
            reader.release(at, first, count);
          }
        }
      });
}

}  // namespace pq
