// Reading the rows of a view: stored rows in another order, decoded, transposed, with an addition, or generated.
#include "model/view.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <cstring>

namespace pq {
namespace {

// Consecutive stored rows that are consecutive in the view.
struct Run {
  std::size_t stored = 0;
  std::int64_t first = 0;
  std::int64_t rows = 0;
};

// Calls visit(run) for view rows [first, first + count) in order.
template <class Visit>
void for_runs(const RowMap& map, std::int64_t first, std::int64_t count, Visit visit) {
  if (map.order != RowMap::Order::natural) {
    Run run;
    for (std::int64_t r = first; r < first + count; ++r) {
      const auto [stored, row] = map.source(r);
      if (run.rows > 0 && run.stored == stored && run.first + run.rows == row) {
        ++run.rows;
        continue;
      }
      if (run.rows > 0) visit(run);
      run = {stored, row, 1};
    }
    if (run.rows > 0) visit(run);
    return;
  }
  std::int64_t start = 0;  // of the part, in view rows
  for (const RowMap::Part& part : map.parts) {
    const std::int64_t from = std::max(first, start), to = std::min(first + count, start + part.rows);
    if (from < to && part.step == 1) visit(Run{part.stored, part.first_row + from - start, to - from});
    if (part.step != 1)
      for (std::int64_t r = from; r < to; ++r)
        visit(Run{part.stored, part.first_row + (r - start) * part.step, 1});
    start += part.rows;
    if (start >= first + count) break;
  }
}

// Decodes mapped rows [first, first + out.rows), without addition or transposition.
void decode_mapped(const ModelView& view, const RowMap& map, std::int64_t first, Matrix out,
                   const Encoding& decoder, std::vector<std::byte>& scratch) {
  std::int64_t done = 0;
  for_runs(map, first, out.rows, [&](const Run& run) {
    decoder.decode(view.reader->rows(run.stored, run.first, run.rows, scratch), out.slice(done, run.rows));
    done += run.rows;
  });
  PQ_ASSERT(done == out.rows, "the map gives every row");
}

// A vector whose weights move: decoded whole, then picked.
void decode_elements(const ModelView& view, const ViewTensor& tensor, Matrix out, const Encoding& decoder,
                     std::vector<std::byte>& scratch) {
  std::vector<std::vector<float>> sources(view.reader->header().tensors.size());
  std::vector<float> picked(static_cast<std::size_t>(cols(tensor.shape)));
  for (std::size_t i = 0; i < picked.size(); ++i) {
    const auto [stored, element] = tensor.map.source(static_cast<std::int64_t>(i));
    std::vector<float>& source = sources[stored];
    if (source.empty()) {
      const std::int64_t length = elements(view.reader->header().tensors[stored].shape);
      source.resize(static_cast<std::size_t>(length));
      decoder.decode(view.reader->rows(stored, 0, 1, scratch), Matrix{source.data(), 1, length, length});
    }
    picked[i] = source[static_cast<std::size_t>(element)];
  }
  if (out.rows > 0) std::copy(picked.begin(), picked.end(), out.data);
}

// View row r of matrix g is column r of the mapped rows of that matrix.
void decode_transposed(const ModelView& view, const ViewTensor& tensor, std::int64_t first, Matrix out,
                       const Encoding& decoder, std::vector<std::byte>& scratch) {
  const std::int64_t matrix_rows = tensor.shape[tensor.shape.size() - 2], width = cols(tensor.shape);
  std::vector<float> line(static_cast<std::size_t>(matrix_rows));
  for (std::int64_t r = first; r < first + out.rows;) {
    const std::int64_t matrix = r / matrix_rows, from = r % matrix_rows;
    const std::int64_t count = std::min(matrix_rows - from, first + out.rows - r);
    for (std::int64_t c = 0; c < width; ++c) {
      decode_mapped(view, tensor.map, matrix * width + c, Matrix{line.data(), 1, matrix_rows, matrix_rows},
                    decoder, scratch);
      for (std::int64_t i = 0; i < count; ++i)
        out.row(r - first + i)[static_cast<std::size_t>(c)] = line[static_cast<std::size_t>(from + i)];
    }
    r += count;
  }
}

void copy_generated(const ViewTensor& tensor, std::int64_t first, Matrix out) {
  for (std::int64_t r = 0; r < out.rows; ++r)
    std::copy_n(tensor.generated.begin() + (first + r) * out.cols, out.cols, out.row(r).begin());
}

}  // namespace

Bytes read_encoded_rows(const ModelView& view, std::size_t tensor, std::int64_t first, std::int64_t count,
                        std::vector<std::byte>& scratch) {
  const ViewTensor& wanted = view.tensors[tensor];
  PQ_ASSERT(wanted.rows_are_stored(), "encoded rows are read only where they are stored as such");
  std::vector<Run> runs;
  for_runs(wanted.map, first, count, [&](const Run& run) { runs.push_back(run); });
  if (runs.size() == 1) return view.reader->rows(runs[0].stored, runs[0].first, runs[0].rows, scratch);
  std::vector<std::byte> inner;
  std::vector<std::byte> joined;
  for (const Run& run : runs) {
    const Bytes bytes = view.reader->rows(run.stored, run.first, run.rows, inner);
    if (joined.empty())
      joined.reserve(bytes.size() / static_cast<std::size_t>(run.rows) * static_cast<std::size_t>(count));
    joined.insert(joined.end(), bytes.begin(), bytes.end());
  }
  scratch = std::move(joined);
  return scratch;
}

void read_decoded_rows(const ModelView& view, std::size_t tensor, std::int64_t first, Matrix out,
                       const Encoding* decoder, std::vector<std::byte>& scratch) {
  const ViewTensor& wanted = view.tensors[tensor];
  if (!wanted.generated.empty()) return copy_generated(wanted, first, out);
  PQ_ASSERT(decoder != nullptr, "stored rows need a decoder");
  if (wanted.elements)
    decode_elements(view, wanted, out, *decoder, scratch);
  else if (wanted.transpose)
    decode_transposed(view, wanted, first, out, *decoder, scratch);
  else
    decode_mapped(view, wanted.map, first, out, *decoder, scratch);
  if (wanted.add == 0) return;
  for (std::int64_t r = 0; r < out.rows; ++r)
    for (float& weight : out.row(r)) weight += wanted.add;
}

}  // namespace pq
