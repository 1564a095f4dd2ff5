#include "plan/importance.hpp"

#include "calibration/samples.hpp"
#include "plan/plan.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace pq {
namespace {

constexpr std::size_t kNamed = 3;        // tensors that a warning names
constexpr std::size_t kTextBytes = 127;  // of a text that llama-quantize records
// At and below IQ3_XXS llama-quantize refuses to work without an importance matrix (llama-quant.cpp, tensor_requires_imatrix).
constexpr double kFewBits = 3.07;

/// "a, b, c and 12 more"
std::string named(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kNamed, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamed) text += fmt::format(" and {} more", names.size() - kNamed);
  return text;
}

bool can_use_importance(const PlannedOutput& output, const PlannedTensor& tensor) {
  return elements(output.view->tensors[tensor.view_index].shape) > 0 && tensor.route != Route::copy &&
         output.needs().importance && tensor.encoding->info().uses_importance;
}

bool is_embedding(const ViewTensor& tensor) {
  return tensor.role == "embedding" || tensor.gguf_name == "per_layer_token_embd.weight";
}

std::int64_t matrices_of(const Shape& shape) {
  return shape.size() < 3 ? 1 : rows(shape) / shape[shape.size() - 2];
}

/// The importance of a tensor by its entry, or why the sizes do not fit.
TensorImportance match(const std::shared_ptr<const Imatrix>& imatrix, const ImatrixEntry& entry,
                       const ModelView& view, const ViewTensor& tensor, std::string& problem) {
  const std::int64_t width = cols(tensor.shape), matrices = matrices_of(tensor.shape);
  TensorImportance result{
      imatrix, &entry, tensor.gguf_matrix, matrices, entry.values / width, rows(tensor.shape) / matrices};
  // An expert that is a tensor of its own uses one of several matrices; every other tensor needs all of them.
  const bool is_part = view.dialect == Dialect::huggingface && tensor.is_expert;
  const bool fits =
      entry.values % width == 0 &&
      (is_part ? tensor.gguf_matrix + matrices <= result.entry_matrices : matrices == result.entry_matrices);
  const auto counts = static_cast<std::int64_t>(entry.counts.size());
  if (!fits)
    problem = fmt::format("the entry '{}' has {} values, but the tensor '{}' needs {} ({} of {} columns)",
                          entry.name, entry.values, tensor.name, width * matrices, matrices, width);
  else if (counts != 1 && counts != result.entry_matrices)
    problem = fmt::format("the entry '{}' has {} counts for {} matrices", entry.name, counts,
                          result.entry_matrices);
  return result;
}

/// What is missing in one output.
struct Gaps {
  std::vector<std::string> tensors;     // without an entry
  std::vector<std::string> embeddings;  // with an entry of another size
  std::vector<std::string> stacks;      // with matrices that were never measured
  std::int64_t matrices = 0, of_matrices = 0;
  std::size_t used = 0;
};

void note_unmeasured(const TensorImportance& importance, const ViewTensor& tensor, Gaps& gaps) {
  std::int64_t unmeasured = 0;
  for (std::int64_t m = 0; m < importance.matrices; ++m) unmeasured += importance.columns(m).empty() ? 1 : 0;
  if (unmeasured == 0) return;
  gaps.stacks.push_back(tensor.name);
  gaps.matrices += unmeasured;
  gaps.of_matrices += importance.matrices;
}

void add_to(PlannedOutput& output, const std::shared_ptr<const Imatrix>& imatrix, PlannedTensor& planned,
            Gaps& gaps) {
  const ViewTensor& tensor = output.view->tensors[planned.view_index];
  const ImatrixEntry* entry = tensor.gguf_name.empty() ? nullptr : imatrix->find(tensor.gguf_name);
  if (entry == nullptr) {
    gaps.tensors.push_back(tensor.name);
    return;
  }
  std::string problem;
  TensorImportance importance = match(imatrix, *entry, *output.view, tensor, problem);
  if (!problem.empty() && is_embedding(tensor)) {
    gaps.embeddings.push_back(tensor.name);
    return;
  }
  if (!problem.empty())
    throw FormatError(fmt::format("{}: {}; the importance matrix was made for another model",
                                  imatrix->path().string(), problem));
  note_unmeasured(importance, tensor, gaps);
  ++gaps.used;
  planned.importance = std::make_shared<const TensorImportance>(std::move(importance));
}

std::vector<std::string> unknown_entries(const ModelView& view, const Imatrix& imatrix) {
  std::set<std::string_view> known;
  for (const ViewTensor& tensor : view.tensors) known.insert(tensor.gguf_name);
  std::vector<std::string> unknown;
  for (const ImatrixEntry& entry : imatrix.entries())
    if (!known.contains(entry.name)) unknown.push_back(entry.name);
  return unknown;
}

std::string count_of(std::size_t n, const char* one, const char* many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

void report(const Gaps& gaps, const std::vector<std::string>& unknown, const std::string& file,
            std::vector<std::string>& warnings) {
  if (!gaps.tensors.empty() && gaps.used > 0)
    warnings.push_back(fmt::format("{} no importance in {}, so all columns count equally: {}",
                                   count_of(gaps.tensors.size(), "tensor has", "tensors have"), file,
                                   named(gaps.tensors)));
  if (!gaps.embeddings.empty())
    warnings.push_back(fmt::format("{} has importance of another size for {}, which is not used", file,
                                   named(gaps.embeddings)));
  if (!gaps.stacks.empty())
    warnings.push_back(
        fmt::format("{} of {} matrices had no activations when {} was measured, so all their columns "
                    "count equally ({})",
                    gaps.matrices, gaps.of_matrices, file, named(gaps.stacks)));
  if (!unknown.empty())
    warnings.push_back(fmt::format("{} of {} no tensor of the model: {}",
                                   count_of(unknown.size(), "entry", "entries"),
                                   file + (unknown.size() == 1 ? " names" : " name"), named(unknown)));
  if (gaps.used == 0)
    warnings.push_back(fmt::format("{} is not used: no tensor has an encoding that uses importance", file));
}

/// At most kTextBytes, without cutting a character in two.
std::string cut(std::string text) {
  if (text.size() <= kTextBytes) return text;
  std::size_t end = kTextBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  text.resize(end);
  return text;
}

}  // namespace

void add_importance(PlannedOutput& output, const std::shared_ptr<const Imatrix>& imatrix,
                    std::vector<std::string>& warnings) {
  const std::vector<std::string> unknown = unknown_entries(*output.view, *imatrix);
  if (unknown.size() == imatrix->entries().size())
    throw FormatError(
        fmt::format("{}: none of its {} entries names a tensor of this model (the first is '{}'); it was "
                    "made for another one, or the model's family is unknown",
                    imatrix->path().string(), unknown.size(), unknown.front()));
  Gaps gaps;
  for (PlannedTensor& planned : output.tensors)
    if (can_use_importance(output, planned)) add_to(output, imatrix, planned, gaps);
  report(gaps, unknown, imatrix->path().filename().string(), warnings);
}

void warn_of_missing_importance(const PlannedOutput& output, bool needs_importance,
                                std::vector<std::string>& warnings) {
  std::map<std::string, std::size_t> counts;
  for (const PlannedTensor& planned : output.tensors) {
    if (planned.route == Route::copy || planned.has_importance()) continue;
    const ViewTensor& tensor = output.view->tensors[planned.view_index];
    if (is_embedding(tensor) || tensor.role == "output") continue;
    const EncodingInfo& info = planned.encoding->info();
    const bool few = info.grid.family == GridFamily::lattice && info.bits_per_weight < kFewBits;
    if (info.uses_importance && (few || (needs_importance && info.bits_per_weight < kFewBits)))
      ++counts[info.id];
  }
  std::string text;
  for (const auto& [id, count] : counts)
    text += fmt::format("{}{} as {}", text.empty() ? "" : ", ", count, id);
  if (!text.empty())
    warnings.push_back(
        fmt::format("tensors in so few bits need the importance of columns, and these have none: {}; "
                    "give `imatrix: FILE` (--imatrix) or `calibration: {{data: TEXTS}}` (--calibration)",
                    text));
}

void record_calibration(PlannedOutput& output, const SampleSet& samples) {
  std::set<std::string_view> matrices;
  for (const PlannedTensor& tensor : output.tensors)
    if (!tensor.sites.empty()) matrices.insert(output.view->tensors[tensor.view_index].gguf_name);
  if (matrices.empty()) return;
  Metadata& metadata = output.model.metadata;
  metadata.set("quantize.imatrix.dataset", cut(samples.sources.front().path.filename().string()));
  metadata.set("quantize.imatrix.entries_count", static_cast<std::uint32_t>(matrices.size()));
  metadata.set("quantize.imatrix.chunks_count", static_cast<std::uint32_t>(samples.samples.size()));
}

void record_importance(Metadata& metadata, const Imatrix& imatrix) {
  metadata.set("quantize.imatrix.file", cut(imatrix.path().filename().string()));
  if (!imatrix.datasets().empty()) metadata.set("quantize.imatrix.dataset", cut(imatrix.datasets().front()));
  metadata.set("quantize.imatrix.entries_count", static_cast<std::uint32_t>(imatrix.entries().size()));
  if (imatrix.chunk_count() > 0)
    metadata.set("quantize.imatrix.chunks_count", static_cast<std::uint32_t>(imatrix.chunk_count()));
}

}  // namespace pq
