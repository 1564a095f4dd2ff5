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

// What of a model is compared by GGUF's names.
struct LeftOver {
  ModelView view;               // tensors that need stored tensors which nothing compared so far needs
  std::set<std::string> names;  // of the tensors in the Hugging Face dialect that they stand for
};

std::set<std::size_t> stored_parts(const ModelView& view) {
  std::set<std::size_t> parts;
  for (const ViewTensor& tensor : view.tensors)
    for (const RowMap::Part& part : tensor.map.parts) parts.insert(part.stored);
  return parts;
}

// `other`: the model of `view` with GGUF's names. What GGUF has no place for keeps its own name.
LeftOver left_over(const ModelView& view, std::string_view reason, const Comparison& compared,
                   const ModelView& other) {
  std::set<std::string> one_sided;
  for (const NotCompared& tensor : compared.not_compared)
    if (tensor.reason == reason) one_sided.insert(tensor.name);
  ModelView rest = view;
  std::erase_if(rest.tensors, [&](const ViewTensor& tensor) { return !one_sided.contains(tensor.name); });
  const std::set<std::size_t> left = stored_parts(rest);
  LeftOver result{other, {}};
  std::erase_if(result.view.tensors, [&](const ViewTensor& tensor) {
    return std::none_of(tensor.map.parts.begin(), tensor.map.parts.end(),
                        [&](const RowMap::Part& part) { return left.contains(part.stored); });
  });
  const std::set<std::size_t> kept = stored_parts(result.view);
  for (const ViewTensor& tensor : rest.tensors)
    if (std::all_of(tensor.map.parts.begin(), tensor.map.parts.end(),
                    [&](const RowMap::Part& part) { return kept.contains(part.stored); }))
      result.names.insert(tensor.name);
  return result;
}

void append(Comparison& all, Comparison&& more, const LeftOver& a, const LeftOver& b) {
  std::erase_if(all.not_compared, [&](const NotCompared& tensor) {
    return (tensor.reason == kOnlyInA && a.names.contains(tensor.name)) ||
           (tensor.reason == kOnlyInB && b.names.contains(tensor.name));
  });
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
  const LeftOver left_a = left_over(*views.a, kOnlyInA, result, *other.a),
                 left_b = left_over(*views.b, kOnlyInB, result, *other.b);
  Comparison more = compare_models(left_a.view, left_b.view, find_encoding, executor);
  if (!more.tensors.empty()) append(result, std::move(more), left_a, left_b);
  return result;
}

}  // namespace pq
