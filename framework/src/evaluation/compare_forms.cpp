#include "evaluation/compare_forms.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <algorithm>
#include <set>

namespace pq {
namespace {

struct Views {
  std::shared_ptr<const ModelView> a, b;
};

Views in_dialect(const ComparedModel& a, const ComparedModel& b, Dialect dialect) {
  ViewOptions options;
  options.tensors_only = true;
  return {make_view(a.reader, a.path, dialect, options), make_view(b.reader, b.path, dialect, options)};
}

Views by_source_names(const ComparedModel& a, const ComparedModel& b) {
  try {
    return in_dialect(a, b, Dialect::huggingface);
  } catch (const FormatError& error) {
    const Dialect dialect = a.reader->header().dialect;
    if (dialect != b.reader->header().dialect) throw;
    log::info(std::string(error.what()) + ": comparing by the stored names");
    return in_dialect(a, b, dialect);
  }
}

bool is_one_sided(const NotCompared& tensor) {
  return tensor.reason == kOnlyInA || tensor.reason == kOnlyInB;
}

// The tensors of `other`, a view of the same model, that need stored tensors which no compared one of `view` needs.
ModelView left_over(const ModelView& view, const Comparison& compared, const ModelView& other) {
  std::set<std::string> names;
  for (const NotCompared& tensor : compared.not_compared)
    if (is_one_sided(tensor)) names.insert(tensor.name);
  std::set<std::size_t> left;
  for (const ViewTensor& tensor : view.tensors)
    if (names.contains(tensor.name))
      for (const RowMap::Part& part : tensor.map.parts) left.insert(part.stored);
  ModelView result = other;
  std::erase_if(result.tensors, [&](const ViewTensor& tensor) {
    return std::none_of(tensor.map.parts.begin(), tensor.map.parts.end(),
                        [&](const RowMap::Part& part) { return left.contains(part.stored); });
  });
  return result;
}

void append(Comparison& all, Comparison&& more) {
  std::erase_if(all.not_compared, is_one_sided);
  for (TensorDifference& tensor : more.tensors) all.tensors.push_back(std::move(tensor));
  for (NotCompared& tensor : more.not_compared) all.not_compared.push_back(std::move(tensor));
  all.total.add(more.total);
}

bool both_sides_are_left(const Comparison& comparison) {
  const auto has = [&](std::string_view reason) {
    return std::any_of(comparison.not_compared.begin(), comparison.not_compared.end(),
                       [&](const NotCompared& tensor) { return tensor.reason == reason; });
  };
  return has(kOnlyInA) && has(kOnlyInB);
}

}  // namespace

Comparison compare_forms(const ComparedModel& a, const ComparedModel& b, const EncodingLookup& find_encoding,
                         Executor& executor) {
  const Views views = by_source_names(a, b);
  Comparison result = compare_models(*views.a, *views.b, find_encoding, executor);
  if (!both_sides_are_left(result) || views.a->dialect == Dialect::gguf) return result;
  Views other;
  try {
    other = in_dialect(a, b, Dialect::gguf);
  } catch (const FormatError& error) {
    log::debug(std::string("names that differ are not compared by GGUF's: ") + error.what());
    return result;
  }
  Comparison more = compare_models(left_over(*views.a, result, *other.a),
                                   left_over(*views.b, result, *other.b), find_encoding, executor);
  if (!more.tensors.empty()) append(result, std::move(more));
  return result;
}

}  // namespace pq
