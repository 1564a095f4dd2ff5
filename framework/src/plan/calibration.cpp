#include "plan/calibration.hpp"

#include "calibration/model_documents.hpp"
#include "model/open_tokenizer.hpp"
#include "plan/plan.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace pq {
namespace {

constexpr std::uint64_t kMemoryShare = 4;  // residual streams beyond a fourth of the memory go to a file

std::uint64_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), bytes = ::sysconf(_SC_PAGE_SIZE);
  return pages > 0 && bytes > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(bytes)
                                : UINT64_MAX;
}

SampleSet samples_of(const CalibrationSpec& spec, const OpenedModel& model, const std::filesystem::path& path,
                     std::int64_t vocabulary) {
  SampleOptions options;
  for (const CalibrationSpec::Source& source : spec.sources)
    options.sources.push_back({source.path, source.weight});
  options.samples = spec.samples;
  options.length = spec.length;
  options.seed = spec.seed;
  std::shared_ptr<const Tokenizer> tokenizer;
  const TokenizerOpener opened = [&] {
    if (tokenizer == nullptr) tokenizer = std::make_shared<const Tokenizer>(open_tokenizer(model, path));
    return tokenizer;
  };
  return cut_samples(options, document_encoder(model, path, opened, vocabulary));
}

bool has_codes(const PlannedOutput& output, const PlannedTensor& tensor) {
  if (tensor.route == Route::copy || elements(output.view->tensors[tensor.view_index].shape) == 0)
    return false;
  return tensor.encoding->info().grid.has_codes();
}

bool rows_are_stored(const ViewTensor& tensor) {
  return !tensor.is_transposed() && !tensor.elements && tensor.add == 0 && tensor.generated.empty();
}

/// What the quantizer wants to know of this tensor's input.
StatisticsNeeded needs_of(const PlannedOutput& output, const PlannedTensor& tensor, bool has_imatrix) {
  if (!has_codes(output, tensor)) return {};
  StatisticsNeeded needs = output.needs();
  needs.importance = needs.importance && !has_imatrix && tensor.encoding->info().uses_importance;
  return needs;
}

std::string not_measured(const ModelView& view, const std::vector<const ViewTensor*>& tensors) {
  const ViewTensor& first = *tensors.front();
  if (tensors.size() > 1)
    return fmt::format(
        "the inputs of {} tensors are not measured: they are quantized without statistics: {}, ...",
        tensors.size(), first.name);
  const bool is_output = first.role == "output" || (first.role == "embedding" && view.facts.tied_output);
  return fmt::format(
      "the inputs of '{}' are not measured: it is quantized without statistics{}", first.name,
      is_output ? "; an importance matrix of `polyquant imatrix --output` has those of the output matrix"
                : "");
}

}  // namespace

void check_inputs(const CalibrationSpec& spec, std::size_t outputs) {
  if (spec.quantized_inputs && outputs > 1)
    throw_at(spec.inputs_mark,
             "with 'inputs: quantized' the samples go through one quantized model; make one output per "
             "pipeline, or use 'inputs: original'");
}

StatisticsNeeded PlannedCalibration::needs_of(const Site& site) const {
  const auto found = needs.find(&site);
  return found == needs.end() ? StatisticsNeeded{} : found->second;
}

int PlannedCalibration::layers() const {
  if (quantized_inputs) return model->layers();
  int last = -1;
  for (const auto& [site, needed] : needs) last = std::max(last, site->layer);
  return last + 1;
}

CalibrationPlanner::CalibrationPlanner(const CalibrationSpec& spec, const OpenedModel& model,
                                       const std::filesystem::path& path, const PluginRegistry& registry)
    : spec_(spec) {
  PlannedCalibration& c = *calibration_;
  c.model = std::make_shared<const ForwardModel>(model, path);
  c.weights = stored_weights(
      c.model->view(), [&registry](const std::string& encoding) { return registry.find_encoding(encoding); });
  const GgufMatrices names(model, path);
  for (const auto& site : c.model->sites()) {
    if (site->layer < 0)
      continue;  // the head: mostly it is not quantized by its inputs, and running it costs much
    for (const WeightSlice& reader : site->readers)
      for (const GgufMatrix& matrix : names.of(*c.model->view(), reader))
        sites_.try_emplace({matrix.name, matrix.matrix}, site.get());
  }
  for (const ViewTensor& tensor : c.model->view()->tensors)
    if (!rows_are_stored(tensor))
      for (const RowMap::Part& part : tensor.map.parts) turned_.insert(part.stored);
  c.samples = samples_of(spec, model, path, c.model->vocabulary());
  c.length = spec.length;
  c.hidden_bytes = c.samples.tokens() * c.model->hidden_cols() * static_cast<std::int64_t>(sizeof(float));
}

bool CalibrationPlanner::add_sites(const PlannedOutput& output, PlannedTensor& planned,
                                   const StatisticsNeeded& needs) {
  const ViewTensor& tensor = output.view->tensors[planned.view_index];
  if (tensor.gguf_name.empty()) return false;
  const std::int64_t matrices =
      tensor.shape.size() < 3 ? 1 : rows(tensor.shape) / tensor.shape[tensor.shape.size() - 2];
  std::vector<const Site*> sites;
  for (std::int64_t m = 0; m < matrices; ++m) {
    const auto found = sites_.find({tensor.gguf_name, tensor.gguf_matrix + m});
    if (found == sites_.end() || found->second->cols != cols(tensor.shape)) return false;
    sites.push_back(found->second);
  }
  for (const Site* site : sites) {
    StatisticsNeeded& known = calibration_->needs[site];
    known = known | needs;
  }
  planned.sites = std::move(sites);
  return true;
}

/// The samples go through what the rows decode to, so these must be rows of the source, and rows that the forward pass multiplies by. Embedding
/// and head belong to no layer: the samples start from the original embedding, and nothing is measured behind the head.
void CalibrationPlanner::follow(const PlannedOutput& output, PlannedTensor& planned) const {
  const ViewTensor& tensor = output.view->tensors[planned.view_index];
  if (!spec_.quantized_inputs || tensor.layer < 0 || !has_codes(output, planned)) return;
  const auto is_turned = [&](const RowMap::Part& part) { return turned_.count(part.stored) != 0; };
  if (!rows_are_stored(tensor) || std::any_of(tensor.map.parts.begin(), tensor.map.parts.end(), is_turned))
    throw_at(
        spec_.inputs_mark,
        fmt::format("tensor '{}' is stored in another form than it is quantized in, so that the samples "
                    "cannot go through the quantized model; use 'inputs: original', or keep it in 16 bits",
                    tensor.name));
  planned.is_followed = true;
}

void CalibrationPlanner::add(PlannedOutput& output, bool has_imatrix, std::vector<std::string>& warnings) {
  std::vector<const ViewTensor*> without;
  std::size_t with = 0;
  for (PlannedTensor& planned : output.tensors) {
    const StatisticsNeeded needs = needs_of(output, planned, has_imatrix);
    follow(output, planned);
    if (needs == StatisticsNeeded{}) continue;
    if (add_sites(output, planned, needs))
      ++with;
    else
      without.push_back(&output.view->tensors[planned.view_index]);
  }
  if (!without.empty() && with > 0) warnings.push_back(not_measured(*output.view, without));
}

std::shared_ptr<const PlannedCalibration> CalibrationPlanner::finish(const std::filesystem::path& scratch,
                                                                     std::vector<std::string>& warnings) {
  if (calibration_->needs.empty()) {
    warnings.push_back(
        "the calibration data are not used: no output has a tensor that needs statistics of its inputs");
    return nullptr;
  }
  warnings.insert(warnings.end(), calibration_->samples.warnings.begin(),
                  calibration_->samples.warnings.end());
  calibration_->hidden_in_file =
      spec_.activations == "file" ||
      (spec_.activations == "auto" &&
       static_cast<std::uint64_t>(calibration_->hidden_bytes) > machine_memory() / kMemoryShare);
  calibration_->scratch = scratch;
  calibration_->quantized_inputs = spec_.quantized_inputs;
  return calibration_;
}

}  // namespace pq
