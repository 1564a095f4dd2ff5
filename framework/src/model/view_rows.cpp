// Reading the rows of a view: stored rows in another order, decoded, transposed, with an addition, or generated.
#include "model/view.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <map>

namespace pq {
namespace {

constexpr std::int64_t kBandWeights = 1 << 18;  // 1 MiB of f32 at a time while transposing

// Stored rows that are consecutive in the view. With a step only if they are columns, which are picked from the same stored rows.
struct Run {
  std::size_t stored = 0;
  std::int64_t first = 0;
  std::int64_t rows = 0;
  std::int64_t step = 1;
  bool transposed = false;
};

// Calls visit(run) for rows [from, to) of the part (or of the parts that take turns) at `part`.
template <class Visit>
void for_part_runs(const RowMap::Part* part, std::int64_t from, std::int64_t to, Visit visit) {
  const std::int64_t lanes = part->lanes;
  if (lanes == 1 && (part->step == 1 || part->transposed)) {
    visit(Run{part->stored, part->first_row + from * part->step, to - from, part->step, part->transposed});
    return;
  }
  for (std::int64_t r = from; r < to; ++r) {
    const RowMap::Part& lane = part[r % lanes];
    visit(Run{lane.stored, lane.first_row + r / lanes * lane.step, 1, 1, lane.transposed});
  }
}

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
  for (std::size_t i = 0; i < map.parts.size() && start < first + count;) {
    const RowMap::Part& part = map.parts[i];
    const std::int64_t rows = part.rows * part.lanes;
    const std::int64_t from = std::max(first, start), to = std::min(first + count, start + rows);
    if (from < to) for_part_runs(&part, from - start, to - start, visit);
    start += rows;
    i += static_cast<std::size_t>(part.lanes);
  }
}

// Columns of stored matrices as rows: bands of stored rows are decoded and spread.
void decode_columns(const ModelView& view, const Run& run, Matrix out, const RowDecoder& decoder,
                    std::vector<std::byte>& scratch) {
  const Shape& shape = view.reader->header().tensors[run.stored].shape;
  const std::int64_t width = cols(shape), height = shape[shape.size() - 2];
  const std::int64_t band = std::clamp<std::int64_t>(kBandWeights / width, 1, height);
  std::vector<float> weights(static_cast<std::size_t>(band * width));
  const Encoding& encoding = decoder.of(run.stored);
  for (std::int64_t done = 0; done < run.rows;) {
    const std::int64_t row = run.first + done * run.step, matrix = row / width, column = row % width;
    const std::int64_t count = std::min(run.rows - done, (width - column - 1) / run.step + 1);
    for (std::int64_t top = 0; top < height; top += band) {
      const std::int64_t rows = std::min(band, height - top);
      encoding.decode(view.reader->rows(run.stored, matrix * height + top, rows, scratch),
                      Matrix{weights.data(), rows, width, width});
      for (std::int64_t i = 0; i < count; ++i) {
        const auto to = out.row(done + i).subspan(static_cast<std::size_t>(top));
        const float* from = weights.data() + column + i * run.step;
        for (std::int64_t r = 0; r < rows; ++r) to[static_cast<std::size_t>(r)] = from[r * width];
      }
    }
    done += count;
  }
}

// Decodes mapped rows [first, first + out.rows), without addition or transposition of the result.
void decode_mapped(const ModelView& view, const RowMap& map, std::int64_t first, Matrix out,
                   const RowDecoder& decoder, std::vector<std::byte>& scratch) {
  std::int64_t done = 0;
  for_runs(map, first, out.rows, [&](const Run& run) {
    const Matrix rows = out.slice(done, run.rows);
    if (run.transposed)
      decode_columns(view, run, rows, decoder, scratch);
    else
      decoder.of(run.stored).decode(view.reader->rows(run.stored, run.first, run.rows, scratch), rows);
    done += run.rows;
  });
  PQ_ASSERT(done == out.rows, "the map gives every row");
}

// Single weights that move: the sources are decoded whole, then picked.
void decode_elements(const ModelView& view, const ViewTensor& tensor, std::int64_t first, Matrix out,
                     const RowDecoder& decoder, std::vector<std::byte>& scratch) {
  std::map<std::size_t, std::vector<float>> sources;
  const auto source = [&](std::size_t stored) -> const std::vector<float>& {
    std::vector<float>& weights = sources[stored];
    if (!weights.empty()) return weights;
    const Shape& shape = view.reader->header().tensors[stored].shape;
    weights.resize(static_cast<std::size_t>(elements(shape)));
    decoder.of(stored).decode(view.reader->rows(stored, 0, rows(shape), scratch),
                              Matrix{weights.data(), rows(shape), cols(shape), cols(shape)});
    return weights;
  };
  std::int64_t at = 0;
  for_runs(tensor.map, first * out.cols, out.rows * out.cols, [&](const Run& run) {
    const std::vector<float>& weights = source(run.stored);
    for (std::int64_t i = 0; i < run.rows; ++i, ++at)
      out.row(at / out.cols)[static_cast<std::size_t>(at % out.cols)] =
          weights[static_cast<std::size_t>(run.first + i)];
  });
}

// View row r of matrix g is column r of the mapped rows of that matrix.
void decode_transposed(const ModelView& view, const ViewTensor& tensor, std::int64_t first, Matrix out,
                       const RowDecoder& decoder, std::vector<std::byte>& scratch) {
  const std::int64_t matrix_rows = tensor.shape[tensor.shape.size() - 2], width = cols(tensor.shape);
  const std::int64_t band = std::clamp<std::int64_t>(kBandWeights / matrix_rows, 1, width);
  std::vector<float> lines(static_cast<std::size_t>(band * matrix_rows));
  for (std::int64_t r = first; r < first + out.rows;) {
    const std::int64_t matrix = r / matrix_rows, from = r % matrix_rows;
    const std::int64_t count = std::min(matrix_rows - from, first + out.rows - r);
    for (std::int64_t left = 0; left < width; left += band) {
      const std::int64_t part = std::min(band, width - left);
      decode_mapped(view, tensor.map, matrix * width + left,
                    Matrix{lines.data(), part, matrix_rows, matrix_rows}, decoder, scratch);
      for (std::int64_t i = 0; i < count; ++i) {
        const auto to = out.row(r - first + i).subspan(static_cast<std::size_t>(left));
        for (std::int64_t c = 0; c < part; ++c)
          to[static_cast<std::size_t>(c)] = lines[static_cast<std::size_t>(c * matrix_rows + from + i)];
      }
    }
    r += count;
  }
}

// The stored rows behind a row that is a column of stored matrices: all rows of the matrix.
std::pair<std::int64_t, std::int64_t> rows_of_column(const TensorInfo& stored, std::int64_t column) {
  if (stored.shape.size() < 2) return {0, rows(stored.shape)};
  const std::int64_t height = stored.shape[stored.shape.size() - 2];
  const std::int64_t matrix = column / std::max<std::int64_t>(1, cols(stored.shape));
  return {matrix * height, matrix * height + height};
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
                       const RowDecoder& decoder, std::vector<std::byte>& scratch) {
  const ViewTensor& wanted = view.tensors[tensor];
  if (!wanted.generated.empty()) return copy_generated(wanted, first, out);
  if (wanted.elements)
    decode_elements(view, wanted, first, out, decoder, scratch);
  else if (wanted.transpose)
    decode_transposed(view, wanted, first, out, decoder, scratch);
  else
    decode_mapped(view, wanted.map, first, out, decoder, scratch);
  if (wanted.add == 0) return;
  for (std::int64_t r = 0; r < out.rows; ++r)
    for (float& weight : out.row(r)) weight += wanted.add;
}

void release_rows(const ModelView& view, std::size_t tensor, std::int64_t first, std::int64_t count) {
  const ViewTensor& viewed = view.tensors[tensor];
  if (viewed.elements || !viewed.generated.empty() || count == 0) return;
  if (viewed.transpose && viewed.shape.size() >= 2) {
    // Mapped rows are columns of the view's matrices.
    const std::int64_t height = viewed.shape[viewed.shape.size() - 2], width = cols(viewed.shape);
    const std::int64_t last = (first + count - 1) / height;
    first = first / height * width;
    count = (last + 1) * width - first;
  }
  const auto& stored = view.reader->header().tensors;
  std::map<std::size_t, std::pair<std::int64_t, std::int64_t>> ranges;  // stored tensor -> its rows
  for_runs(viewed.map, first, count, [&](const Run& run) {
    const std::int64_t last = run.first + (run.rows - 1) * run.step;
    const TensorInfo& info = stored[run.stored];
    const std::int64_t begin = run.transposed ? rows_of_column(info, run.first).first : run.first;
    const std::int64_t end = run.transposed ? rows_of_column(info, last).second : last + 1;
    const auto [range, is_new] = ranges.try_emplace(run.stored, begin, end);
    if (is_new) return;
    range->second.first = std::min(range->second.first, begin);
    range->second.second = std::max(range->second.second, end);
  });
  // Rows of a rotary order lie between those of the next piece, which then reads their pages again: from the page cache.
  for (const auto& [index, range] : ranges)
    view.reader->release(index, range.first, range.second - range.first);
}

}  // namespace pq
