#include "run/chunk.hpp"

#include "config/place.hpp"
#include "evaluation/pieces.hpp"
#include "run/failure.hpp"
#include "run/figures.hpp"
#include "run/near_packing.hpp"
#include "run/range_check.hpp"
#include "run/row_measures.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace pq {
namespace {

/// Calls body(first, count) for a few rows after the others, so few that they are still in the nearest cache for a second look.
template <class Body>
void for_pieces(std::int64_t rows, std::int64_t cols, const Body& body) {
  constexpr std::int64_t kPieceWeights = 1 << 14;  // 64 KiB of f32
  const std::int64_t step = std::max<std::int64_t>(1, kPieceWeights / std::max<std::int64_t>(cols, 1));
  for (std::int64_t first = 0; first < rows; first += step) body(first, std::min(step, rows - first));
}

/// The rows being processed, read and decoded at most once for all targets.
class ChunkRows {
 public:
  ChunkRows(const Plan& plan, const TensorTask& task, std::int64_t first, std::int64_t count,
            ChunkScratch& scratch)
      : plan_(plan),
        task_(task),
        tensor_(task.view->tensors[task.view_index]),
        first_(first),
        count_(count),
        scratch_(scratch) {}

  const ModelView& view() const { return *task_.view; }
  std::size_t view_index() const { return task_.view_index; }
  const ViewTensor& tensor() const { return tensor_; }
  std::int64_t first() const { return first_; }
  std::int64_t count() const { return count_; }

  /// The stored bytes; only if tensor().rows_are_stored().
  Bytes stored() {
    if (stored_.empty())
      stored_ = read_encoded_rows(*task_.view, task_.view_index, first_, count_, scratch_.stored);
    return stored_;
  }

  /// The weights as f32, all finite. `decoder` is the encoding of the stored rows.
  ConstMatrix weights(const RowDecoder& decoder) {
    const std::int64_t width = cols(tensor_.shape);
    scratch_.weights.resize(static_cast<std::size_t>(count_ * width));
    const Matrix out{scratch_.weights.data(), count_, width, width};
    if (decoded_) return out;
    if (tensor_.rows_are_stored() && decoder.common() != nullptr) {
      decode_stored(*decoder.common(), out);
    } else {
      read_decoded_rows(*task_.view, task_.view_index, first_, out, decoder, scratch_.stored);
      check_finite(out, 0, count_);
    }
    decoded_ = true;
    return out;
  }

 private:
  void decode_stored(const Encoding& decoder, Matrix out) {
    const Bytes bytes = stored();
    const std::size_t row_bytes = decoder.row_bytes(out.cols);
    for_pieces(out.rows, out.cols, [&](std::int64_t first, std::int64_t count) {
      decoder.decode(bytes.subspan(static_cast<std::size_t>(first) * row_bytes,
                                   static_cast<std::size_t>(count) * row_bytes),
                     out.slice(first, count));
      check_finite(out, first, count);
    });
  }

  void check_finite(ConstMatrix weights, std::int64_t first, std::int64_t count) const {
    for (std::int64_t r = first; r < first + count; ++r)
      if (!row_is_finite(weights.row(r)))
        throw Lasting<FormatError>(fmt::format(
            "{}: tensor '{}' holds NaN or infinite weights in row {}; the model is damaged, get it anew",
            plan_.model.string(), tensor_.source_name.empty() ? tensor_.name : tensor_.source_name,
            first_ + r));
  }

  const Plan& plan_;
  const TensorTask& task_;
  const ViewTensor& tensor_;
  std::int64_t first_, count_;
  ChunkScratch& scratch_;
  Bytes stored_;
  bool decoded_ = false;
};

/// Stores row `row` of the chunk with its stored codes and scales, if every weight fits exactly, or but for the rounding of offsets.
Fit repack_row(const PlannedTensor& planned, const Encoding& encoding, const NearPacking& near, Bytes stored,
               std::int64_t width, ChunkScratch& scratch, MutableBytes to) {
  if (!planned.stored.common()->unpack_affine(stored, width, scratch.affine)) return Fit::no;
  if (encoding.pack_affine(scratch.affine, to)) return Fit::exact;
  const Fit fit = near.round_offsets(scratch.affine, scratch.near);
  return fit != Fit::no && encoding.pack_affine(scratch.near, to) ? fit : Fit::no;
}

/// Encodes the rows into scratch.encoded: as they are stored where that fits, all others quantized, many at a time. Counts those that fit.
void encode_into(const PlannedTensor& planned, const MatrixRun& matrix, std::int64_t first_in_matrix,
                 ConstMatrix weights, ChunkRows& rows, std::uint64_t row_bytes, ChunkScratch& scratch,
                 QuantReport& report, ChunkResult& result) {
  const MutableBytes encoded = scratch.encoded;
  const auto quantize = [&](std::int64_t first, std::int64_t count) {
    if (count > 0)
      matrix.quantizer->quantize(weights.slice(first, count), first_in_matrix + first,
                                 encoded.subspan(static_cast<std::size_t>(first) * row_bytes,
                                                 static_cast<std::size_t>(count) * row_bytes),
                                 report);
  };
  if (planned.route != Route::repack) return quantize(0, weights.rows);
  const std::size_t stored_bytes = planned.stored.common()->row_bytes(weights.cols);
  const NearPacking near(*matrix.encoding, weights.cols);
  std::int64_t unfit = 0;  // first of the rows before this one that do not fit
  for (std::int64_t r = 0; r < weights.rows; ++r) {
    const auto at = static_cast<std::size_t>(r);
    const Fit fit =
        repack_row(planned, *matrix.encoding, near, rows.stored().subspan(at * stored_bytes, stored_bytes),
                   weights.cols, scratch, encoded.subspan(at * row_bytes, row_bytes));
    if (fit == Fit::no) continue;
    quantize(unfit, r - unfit);
    unfit = r + 1;
    ++(fit == Fit::exact ? result.exact_rows : result.near_rows);
  }
  quantize(unfit, weights.rows - unfit);
}

/// The samples go through the model as it is without scales of channels.
void follow(const TensorTask::Target& target, const ChunkRows& rows, std::int64_t first, Matrix decoded) {
  const OutputRun& output = *target.output;
  if (output.produced == nullptr || !output.plan->tensors[target.tensor].is_followed) return;
  if (output.folding != nullptr && output.folding->scales(target.tensor))
    output.folding->scale(target.tensor, first, decoded, true);
  output.produced->put(rows.view(), rows.view_index(), first, decoded);
}

/// Adds the error of the encoded rows against the weights.
void measure_error(const TensorTask::Target& target, const ChunkRows& rows, ConstMatrix weights,
                   const MatrixRun& matrix, ChunkScratch& scratch, ChunkResult& result) {
  const Encoding& encoding = *matrix.encoding;
  const Bytes encoded = scratch.encoded;
  const std::size_t row_bytes = encoding.row_bytes(weights.cols);
  for_pieces(weights.rows, weights.cols, [&](std::int64_t first, std::int64_t count) {
    scratch.decoded.resize(static_cast<std::size_t>(count * weights.cols));
    const Matrix decoded{scratch.decoded.data(), count, weights.cols, weights.cols};
    encoding.decode(encoded.subspan(static_cast<std::size_t>(first) * row_bytes,
                                    static_cast<std::size_t>(count) * row_bytes),
                    decoded);
    for (std::int64_t r = 0; r < count; ++r) {
      const RowError row = row_error(weights.row(first + r), decoded.row(r));
      check_range(rows.tensor().name, rows.first() + first + r, encoding, matrix.largest,
                  weights.row(first + r), decoded.row(r), row);
      result.squared_error += row.squared_error;
      result.squared_weight += row.squared_weight;
    }
    follow(target, rows, rows.first() + first, decoded);
  });
}

/// Rows that keep their stored bytes. Floating-point weights are still checked for NaN and infinities.
Bytes copy_rows(const PlannedTensor& planned, ChunkRows& rows, ChunkResult& result) {
  if (planned.stored.common() != nullptr) {
    const ConstMatrix weights = rows.weights(planned.stored);
    for (std::int64_t r = 0; r < weights.rows; ++r)
      result.squared_weight += row_error(weights.row(r), weights.row(r)).squared_weight;
  }
  result.exact_rows = rows.count();
  return rows.stored();
}

[[noreturn]] void throw_not_exact(const PlannedOutput& output, const PlannedTensor& planned,
                                  const ChunkRows& rows) {
  const bool in_pipeline = is_worth_naming(output.lossless_mark);
  throw Lasting<VerifyError>(fmt::format(
      "{}tensor '{}' cannot be stored exactly as {} (rows {} to {} change); choose another encoding or {}",
      place_prefix(output.lossless_mark), rows.tensor().name, planned.encoding->info().spec, rows.first(),
      rows.first() + rows.count() - 1, in_pipeline ? "`lossless: prefer`" : "--lossless prefer"));
}

/// The weights as this output wants them: with scales of channels, if it has any.
ConstMatrix weights_for(const TensorTask::Target& target, ChunkRows& rows, ChunkScratch& scratch) {
  const OutputRun& output = *target.output;
  const ConstMatrix weights = rows.weights(output.plan->tensors[target.tensor].stored);
  if (output.folding == nullptr || !output.folding->scales(target.tensor)) return weights;
  scratch.scaled.resize(static_cast<std::size_t>(weights.rows * weights.cols));
  const Matrix scaled{scratch.scaled.data(), weights.rows, weights.cols, weights.cols};
  for (std::int64_t r = 0; r < weights.rows; ++r)
    std::copy(weights.row(r).begin(), weights.row(r).end(), scaled.row(r).begin());
  output.folding->scale(target.tensor, rows.first(), scaled);
  return scaled;
}

/// A journal and JSON have no NaN.
void leave_out_infinite(const TensorTask::Target& target, std::vector<QuantFigure>& figures,
                        std::vector<std::string>& warnings) {
  std::erase_if(figures, [&](const QuantFigure& figure) {
    if (is_finite(figure)) return false;
    warnings.push_back(
        fmt::format("tensor '{}': the figure '{}' of quantizer '{}' is not finite in some rows, "
                    "which are left out of it",
                    target.output->plan->model.tensors[target.tensor].name, figure.name,
                    target.output->plan->quantizer->info().id));
    return true;
  });
}

Bytes encode_rows(const TensorTask::Target& target, ChunkRows& rows, ChunkScratch& scratch,
                  ChunkResult& result) {
  const PlannedTensor& planned = target.output->plan->tensors[target.tensor];
  const std::uint64_t row_bytes = target.output->plan->model.tensors[target.tensor].row_bytes;
  const ConstMatrix weights = weights_for(target, rows, scratch);
  scratch.encoded.resize(row_bytes * static_cast<std::uint64_t>(rows.count()));
  QuantReport report;
  TensorRun& run = target.output->tensors[target.tensor];
  const MatrixRun& matrix = run.matrix_of(rows.first());
  encode_into(planned, matrix, rows.first() % run.rows_per_matrix, weights, rows, row_bytes, scratch, report,
              result);
  result.warnings = std::move(report.warnings);
  leave_out_infinite(target, report.figures, result.warnings);
  add_figures(report.figures, result.figures);
  measure_error(target, rows, weights, matrix, scratch, result);
  if (target.output->plan->lossless == Lossless::require && result.squared_error > 0)
    throw_not_exact(*target.output->plan, planned, rows);
  return scratch.encoded;
}

}  // namespace

void process_chunk(const Plan& plan, const TensorTask& task, std::int64_t chunk, std::int64_t first,
                   std::int64_t count, ChunkScratch& scratch) {
  ChunkRows rows(plan, task, first, count, scratch);
  for (const TensorTask::Target& target : task.targets) {
    const auto start = std::chrono::steady_clock::now();
    const PlannedTensor& planned = target.output->plan->tensors[target.tensor];
    TensorRun& run = target.output->tensors[target.tensor];
    ChunkResult& result = run.chunks[static_cast<std::size_t>(chunk)];
    const Bytes bytes = planned.route == Route::copy ? copy_rows(planned, rows, result)
                                                     : encode_rows(target, rows, scratch, result);
    if (target.output->writer != nullptr) target.output->writer->write_rows(target.tensor, first, bytes);
    result.hash = hash_rows(bytes, run.matrix_of(first).shared);
    run.finish_chunk(first);
    target.output->nanoseconds += (std::chrono::steady_clock::now() - start).count();
  }
  release_rows(*task.view, task.view_index, first, count);
}

}  // namespace pq
