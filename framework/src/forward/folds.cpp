#include "forward/folds.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace pq {
namespace {

/// Stored as the products read it: rows are rows of the source.
bool is_plain(const ModelView& view, const WeightSlice& slice) {
  const ViewTensor& tensor = view.tensors[slice.tensor];
  return !slice.transposed && !tensor.is_transposed() && tensor.generated.empty() && !tensor.elements;
}

class FoldFinder {
 public:
  FoldFinder(const Flow& flow, const ModelView& view) : flow_(flow), view_(view), shared_(flow.kept()) {
    find_shared();
  }

  std::vector<Fold> find() {
    std::vector<Fold> folds;
    for (const FlowValue& value : flow_.values()) {
      Fold fold;
      if (add_readers(value, fold) && add_producer(value, fold)) folds.push_back(std::move(fold));
    }
    return folds;
  }

 private:
  const FlowStep& step(std::size_t index) const { return flow_.steps()[index]; }
  bool is_free(const WeightSlice& slice) const {
    return is_plain(view_, slice) && !shared_.contains(slice.tensor);
  }

  /// Tensors of which two operations read the same rows: what one of them needs would change for the other.
  void find_shared() {
    std::map<std::pair<std::size_t, std::int64_t>, std::vector<WeightSlice>> slices;
    for (const FlowStep& step : flow_.steps())
      for (const auto* list : {&step.weights, &step.biases})
        for (const WeightSlice& slice : *list) slices[{slice.tensor, slice.matrix}].push_back(slice);
    for (const auto& [place, list] : slices)
      if (list.size() > 1 && overlap(list)) shared_.insert(place.first);
  }
  bool overlap(const std::vector<WeightSlice>& slices) const {
    std::set<std::int64_t> rows;
    for (const WeightSlice& slice : slices)
      for (std::int64_t r = 0; r < slice.out; ++r)
        if (!rows.insert(slice.source_row(r, stored_rows(slice))).second) return true;
    return false;
  }
  std::int64_t stored_rows(const WeightSlice& slice) const {
    const Shape& shape = view_.tensors[slice.tensor].shape;
    if (slice.matrix < 0) return elements(shape);
    return slice.transposed || shape.size() < 2 ? shape.back() : shape[shape.size() - 2];
  }

  /// False if anything but products of this layer reads the value.
  bool add_readers(const FlowValue& value, Fold& fold) const {
    fold.layer = step(value.writer).layer;
    if (fold.layer < 0 || value.readers.empty()) return false;
    for (const std::size_t reader : value.readers) {
      const FlowStep& linear = step(reader);
      if (linear.kind != FlowStep::Kind::linear || linear.layer != fold.layer ||
          !is_free(linear.weights.front()))
        return false;
      fold.readers.push_back(linear.weights.front());
      const auto& sites = fold.sites;
      if (linear.site != nullptr && std::find(sites.begin(), sites.end(), linear.site) == sites.end())
        fold.sites.push_back(linear.site);
    }
    return true;
  }

  bool add_producer(const FlowValue& value, Fold& fold) const {
    const FlowStep& writer = step(value.writer);
    switch (writer.kind) {
      case FlowStep::Kind::norm:
        fold.is_norm = true;
        fold.offset = writer.offset;
        return add_weights(writer, value.width, fold);
      case FlowStep::Kind::linear:
        return add_weights(writer, value.width, fold);
      case FlowStep::Kind::glu:
      case FlowStep::Kind::attention:
        return add_inner(writer, value, fold);
      default:
        return false;
    }
  }

  /// The value that the writer passes on channel by channel is scaled where it is made, if nobody else reads it.
  bool add_inner(const FlowStep& writer, const FlowValue& value, Fold& fold) const {
    if (writer.linear_in < 0) return false;
    const FlowValue& inner = flow_.values()[static_cast<std::size_t>(writer.linear_in)];
    const FlowStep& maker = step(inner.writer);
    const std::set<std::size_t> readers(inner.readers.begin(), inner.readers.end());
    if (readers != std::set{value.writer} || maker.kind != FlowStep::Kind::linear ||
        maker.layer != fold.layer)
      return false;
    if (writer.heads != writer.kv_heads) {
      const std::int64_t head = inner.width / writer.kv_heads, sharing = writer.heads / writer.kv_heads;
      for (std::int64_t c = 0; c < value.width; ++c)
        fold.channel_of_column.push_back(static_cast<std::int32_t>(c / head / sharing * head + c % head));
    }
    return add_weights(maker, inner.width, fold);
  }

  bool add_weights(const FlowStep& maker, std::int64_t channels, Fold& fold) const {
    fold.channels = channels;
    std::int64_t sum = 0;
    for (const WeightSlice& slice : maker.weights) {
      if (!is_free(slice)) return false;
      sum += slice.out;
    }
    for (const WeightSlice& slice : maker.biases)
      if (shared_.contains(slice.tensor) || slice.matrix >= 0) return false;
    if (sum != channels) return false;
    fold.weights = maker.weights;
    fold.biases = maker.biases;
    fold.producer = view_.tensors[maker.weights.front().tensor].name;
    return true;
  }

  const Flow& flow_;
  const ModelView& view_;
  std::set<std::size_t> shared_;
};

}  // namespace

std::vector<Fold> find_folds(const Flow& flow, const ModelView& view) {
  return FoldFinder(flow, view).find();
}

}  // namespace pq
