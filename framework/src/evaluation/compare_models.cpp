#include "evaluation/compare_models.hpp"

#include "base/interrupt.hpp"
#include "evaluation/pieces.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

namespace pq {
namespace {

// A tensor of both models, and how to get at its weights.
struct Pair {
  std::size_t a = 0, b = 0;  // in the views
  RowDecoder decoder_a, decoder_b;
  bool as_bytes = false;  // no decoder, but equal bytes are equal weights
};

// Memory of one running range.
struct Buffers {
  std::vector<float> a, b;
  std::vector<std::byte> scratch;
};

Matrix decode(const ModelView& view, std::size_t tensor, const Piece& piece, const RowDecoder& decoder,
              std::vector<float>& weights, std::vector<std::byte>& scratch) {
  const std::int64_t width = cols(view.tensors[tensor].shape);
  weights.resize(static_cast<std::size_t>(piece.count * width));
  const Matrix out{weights.data(), piece.count, width, width};
  read_decoded_rows(view, tensor, piece.first, out, decoder, scratch);
  return out;
}

class ModelComparer {
 public:
  ModelComparer(const ModelView& a, const ModelView& b, const EncodingLookup& find_encoding)
      : a_(a), b_(b), find_encoding_(find_encoding) {
    for (std::size_t i = 0; i < b.tensors.size(); ++i) by_name_.emplace(b.tensors[i].name, i);
    for (std::size_t i = 0; i < a.tensors.size(); ++i) match(i);
    for (const auto& [name, i] : by_name_) left_.push_back(i);
    std::sort(left_.begin(), left_.end());
    for (const std::size_t i : left_)
      result_.not_compared.push_back({b.tensors[i].name, std::string(kOnlyInB)});
  }

  Comparison run(Executor& executor, const std::function<void(std::int64_t, std::int64_t)>& progress);

 private:
  void match(std::size_t index);
  Difference compare(const Pair& pair, const Piece& piece, Buffers& buffers) const;

  const ModelView& a_;
  const ModelView& b_;
  const EncodingLookup& find_encoding_;
  std::map<std::string, std::size_t> by_name_;  // of B, those not met yet
  std::vector<std::size_t> left_;
  std::vector<Pair> pairs_;
  Comparison result_;
};

void ModelComparer::match(std::size_t index) {
  const ViewTensor& a = a_.tensors[index];
  const auto refuse = [&](std::string reason) {
    result_.not_compared.push_back({a.name, std::move(reason)});
  };
  const auto found = by_name_.find(a.name);
  if (found == by_name_.end()) return refuse(std::string(kOnlyInA));
  const std::size_t other = found->second;
  by_name_.erase(found);
  const ViewTensor& b = b_.tensors[other];
  if (a.shape != b.shape)
    return refuse(fmt::format("shape {} in A, {} in B", to_string(a.shape), to_string(b.shape)));
  Pair pair{index, other, RowDecoder::find(a_, a, find_encoding_), RowDecoder::find(b_, b, find_encoding_),
            false};
  const std::string& missing =
      pair.decoder_a.missing().empty() ? pair.decoder_b.missing() : pair.decoder_a.missing();
  if (!missing.empty()) {
    pair.as_bytes = a.stored_encoding == b.stored_encoding && a.rows_are_stored() && b.rows_are_stored();
    if (!pair.as_bytes) return refuse(fmt::format("no plugin decodes {}", missing));
  }
  pairs_.push_back(std::move(pair));
  result_.tensors.push_back({a.name, a.shape, a.encoding_name(), b.encoding_name(), {}});
}

Difference ModelComparer::compare(const Pair& pair, const Piece& piece, Buffers& buffers) const {
  Difference difference;
  if (pair.as_bytes) {
    std::vector<std::byte> other;
    const Bytes a = read_encoded_rows(a_, pair.a, piece.first, piece.count, buffers.scratch);
    const Bytes b = read_encoded_rows(b_, pair.b, piece.first, piece.count, other);
    difference.weights = piece.count * cols(a_.tensors[pair.a].shape);
    // Codes without a meaning: different ones are as unlike as NaN is to a number.
    if (a.size() != b.size() || std::memcmp(a.data(), b.data(), a.size()) != 0)
      difference.non_finite = difference.weights;
  } else {
    const Matrix a = decode(a_, pair.a, piece, pair.decoder_a, buffers.a, buffers.scratch);
    const Matrix b = decode(b_, pair.b, piece, pair.decoder_b, buffers.b, buffers.scratch);
    difference.add(a, b);
  }
  release_rows(a_, pair.a, piece.first, piece.count);
  release_rows(b_, pair.b, piece.first, piece.count);
  return difference;
}

Comparison ModelComparer::run(Executor& executor,
                              const std::function<void(std::int64_t, std::int64_t)>& progress) {
  std::vector<Piece> pieces;
  std::int64_t total = 0, done = 0;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const ViewTensor& a = a_.tensors[pairs_[i].a];
    append_pieces(pieces, i, weight_rows(a.shape),
                  std::max(piece_rows(a), piece_rows(b_.tensors[pairs_[i].b])));
    total += elements(a.shape);
  }
  std::vector<Difference> differences(pieces.size());
  std::mutex mutex;
  executor.for_ranges(static_cast<std::int64_t>(pieces.size()), 4, [&](std::int64_t begin, std::int64_t end) {
    Buffers buffers;
    std::int64_t weights = 0;
    for (auto p = static_cast<std::size_t>(begin); p < static_cast<std::size_t>(end); ++p) {
      throw_if_interrupted();
      differences[p] = compare(pairs_[pieces[p].tensor], pieces[p], buffers);
      weights += differences[p].weights;
    }
    if (!progress) return;
    const std::lock_guard lock(mutex);
    progress(done += weights, total);
  });
  for (std::size_t p = 0; p < pieces.size(); ++p)
    result_.tensors[pieces[p].tensor].difference.add(differences[p]);
  for (const TensorDifference& tensor : result_.tensors) result_.total.add(tensor.difference);
  return std::move(result_);
}

}  // namespace

Comparison compare_models(const ModelView& a, const ModelView& b, const EncodingLookup& find_encoding,
                          Executor& executor,
                          const std::function<void(std::int64_t, std::int64_t)>& progress) {
  return ModelComparer(a, b, find_encoding).run(executor, progress);
}

}  // namespace pq
