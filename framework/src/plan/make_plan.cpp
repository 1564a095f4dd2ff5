#include "allocation/recipe.hpp"
#include "config/pipeline_keys.hpp"
#include "config/place.hpp"
#include "model/open_model.hpp"
#include "plan/calibration.hpp"
#include "plan/check_layout.hpp"
#include "plan/choose_backend.hpp"
#include "plan/choose_encoding.hpp"
#include "plan/choose_quantizer.hpp"
#include "plan/dialect_metadata.hpp"
#include "plan/estimate.hpp"
#include "plan/folding.hpp"
#include "plan/kept_warnings.hpp"
#include "plan/output_notes.hpp"
#include "plan/output_request.hpp"
#include "plan/output_warnings.hpp"
#include "plan/own_recipes.hpp"
#include "plan/plan.hpp"
#include "plan/source_files.hpp"
#include "plan/view_cache.hpp"
#include "plan/view_request.hpp"
#include "plan/whole_source.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pq {
namespace {

/// Mistakes of options are said at the option, those of the model at the output.
std::shared_ptr<const ModelView> view_of(ViewCache& views, Dialect dialect, const OutputSpec& spec) {
  const auto again = []() -> std::shared_ptr<const ModelView> { throw; };
  try {
    return views.get(dialect, view_options(spec, dialect));
  } catch (const FormatError&) {
    return at_place(spec.mark, again);
  } catch (const Error&) {
    return at_place(view_mark(spec), again);
  }
}

void add_tensor(PlannedOutput& output, PlannedTensor planned) {
  const ViewTensor& tensor = output.view->tensors[planned.view_index];
  OutputTensor out{tensor.name, tensor.shape, tensor.stored_encoding, 0, 0};
  if (planned.encoding != nullptr) {
    out.encoding = planned.encoding->info().spec;
    out.row_bytes = planned.encoding->row_bytes(cols(tensor.shape));
    out.shared_bytes = planned.encoding->shared_bytes(cols(tensor.shape));
  } else {
    const TensorInfo& stored = output.view->reader->header().tensors[tensor.map.parts.front().stored];
    out.row_bytes = stored.row_bytes;
    out.shared_bytes = stored.shared.size();
  }
  output.model.tensors.push_back(std::move(out));
  output.tensors.push_back(std::move(planned));
}

/// The format as `format:` and `options:` describe it together: some options decide what it accepts, not only how it writes.
std::shared_ptr<const Format> make_format(const OutputSpec& spec, const PluginRegistry& registry) {
  const Node options = format_options(spec);
  if (!options.is_map() || options.members().empty()) return registry.format(spec.format);
  const ComponentSpec format = parse_component_spec(spec.format, "format");
  Node merged = Node::map(spec.format.mark());
  merged.set("type", Node::scalar(format.id, false, spec.format.mark()));
  for (const Node::Member& option : format.options.members())
    merged.set(option.key, option.value, option.mark);
  for (const Node::Member& option : options.members()) {
    if (merged.find(option.key) != nullptr)
      throw_at(option.mark,
               fmt::format("'{}' is given in 'format' and in 'options'; keep one of them", option.key));
    merged.set(option.key, option.value, option.mark);
  }
  return registry.format(merged);
}

void refuse_encoding_as_recipe(const OutputSpec& spec, const Node& own, const PluginRegistry& registry) {
  const auto known = known_recipes();
  if (own.find(spec.recipe) != nullptr || std::find(known.begin(), known.end(), spec.recipe) != known.end())
    return;
  const std::string id = spec.recipe.substr(0, spec.recipe.find(':'));
  for (const EncodingEntry* entry : registry.encodings())
    if (entry->id == id && !nearest(id, known))
      throw_at(spec.recipe_mark, fmt::format("'{}' is an encoding, not a recipe; write {}", spec.recipe,
                                             spec.mark.source ? "`encoding: " + spec.recipe + "`"
                                                              : "--encoding " + spec.recipe));
}

PlannedOutput plan_output(const OutputSpec& spec, const Node& recipes, ViewCache& views,
                          const PluginRegistry& registry, CalibrationPlanner* calibration, Plan& plan,
                          OutputWarnings& warnings) {
  PlannedOutput output;
  output.to = spec.to;
  output.to_mark = spec.to_mark;
  output.lossless_mark = spec.lossless_mark;
  output.format = make_format(spec, registry);
  if (!output.format->info().can_write)
    throw_at(spec.format.mark(), fmt::format("format '{}' can only be read", output.format->info().id));
  const Dialect dialect = output.format->info().dialect;
  output.view = view_of(views, dialect, spec);
  choose_quantizer(spec, registry, output);
  output.format_spec = node_text(spec.format) + " " + node_text(spec.options);
  output.asked = asked_for(spec);
  output.lossless = spec.lossless.value_or(Lossless::no);
  output.model.options = format_options(spec);

  std::optional<Recipe> recipe;
  if (!spec.recipe.empty()) {
    refuse_encoding_as_recipe(spec, recipes, registry);
    recipe = find_recipe(recipes, spec.recipe, spec.recipe_mark);
  }
  const EncodingChooser chooser(spec, *output.view, *output.format, registry, recipe ? &*recipe : nullptr,
                                plan.imatrix != nullptr || calibration != nullptr);
  for (std::size_t i = 0; i < output.view->tensors.size(); ++i) add_tensor(output, chooser.choose(i));
  check_quantizer(output, spec, calibration != nullptr);
  for (std::string& warning : chooser.unused_rules()) plan.warnings.push_back(std::move(warning));

  std::vector<std::string> said;
  if (plan.imatrix != nullptr) add_importance(output, plan.imatrix, said);
  if (calibration != nullptr) calibration->add(output, plan.imatrix != nullptr, said);
  if (output.folder != nullptr) {
    plan_folding(output, calibration->model(), spec.quantizer.mark(), said);
    check_quantizer(output, spec, true);  // of what is encoded anew now
  }
  warn_of_missing_importance(output, recipe && recipe->needs_importance, said);
  said.insert(said.end(), output.view->warnings.begin(), output.view->warnings.end());
  warn_of_kept_f32(output, said);
  warnings.add(output.to.string(), said);

  finish_metadata(output, recipe ? recipe->file_type : -1, plan.imatrix.get(),
                  calibration == nullptr ? nullptr : &calibration->samples());
  output.layout = at_place(spec.mark, [&] {
    const KeptWarnings kept;
    auto layout = output.format->layout(output.to, output.model);
    warnings.add(output.to.string(), kept.texts());
    return layout;
  });
  check_layout(output.layout, output.model.tensors.size(), *output.format, registry);
  warn_of_lost_files(output, plan.warnings);
  warn_of_ending(output, registry, plan.warnings);
  return output;
}

/// Codes of an unknown method can be carried along, with the config.json that describes them, but not read.
void check_carried_codes(const Plan& plan, const std::string& method) {
  if (method.empty()) return;
  for (const PlannedOutput& output : plan.outputs) {
    const auto& files = output.layout.files;
    const bool keeps_config =
        std::any_of(files.begin(), files.end(), [](const auto& file) { return file.name == "config.json"; });
    const bool keeps_bytes =
        std::all_of(output.tensors.begin(), output.tensors.end(),
                    [](const PlannedTensor& tensor) { return tensor.route == Route::copy; }) &&
        output.tensors.size() == plan.reader->header().tensors.size();
    if (!keeps_bytes || !keeps_config || output.format->info().dialect != Dialect::huggingface)
      throw_unknown_codes(plan.model, method);
  }
}

Effort parse_effort(const std::string& text) {
  return text == "fast" ? Effort::fast : text == "best" ? Effort::best : Effort::normal;
}

void set_backend(const Pipeline& pipeline, const PluginRegistry& registry, Plan& plan) {
  ChosenBackend chosen = choose_backend(pipeline.backend, registry);
  plan.backend = std::move(chosen.backend);
  plan.device = chosen.device;
  plan.backend_spec = std::move(chosen.spec);
  for (std::string& warning : chosen.warnings) plan.warnings.push_back(std::move(warning));
}

std::unique_ptr<CalibrationPlanner> plan_calibration(const Pipeline& pipeline, const OpenedModel& model,
                                                     const PluginRegistry& registry, Plan& plan) {
  if (!pipeline.calibration) return nullptr;
  const CalibrationSpec& spec = *pipeline.calibration;
  check_inputs(spec, pipeline.outputs.size());
  return at_place(spec.mark, [&] {
    auto planner = std::make_unique<CalibrationPlanner>(spec, model, pipeline.model, registry);
    for (const CalibrationSpec::Source& source : spec.sources) {
      const auto files = text_files(source.path);
      plan.inputs.push_back(source.path);
      plan.inputs.insert(plan.inputs.end(), files.begin(), files.end());
    }
    return planner;
  });
}

/// Where a file that only the run needs may lie: not in the memory that folders for temporary files often are.
std::filesystem::path scratch_folder(const Plan& plan) {
  if (!plan.work.empty()) return plan.work;
  std::error_code ignored;
  return std::filesystem::absolute(plan.outputs.front().to, ignored).parent_path();
}

}  // namespace

std::string_view to_string(Route route) {
  switch (route) {
    case Route::copy:
      return "copy";
    case Route::repack:
      return "repack";
    case Route::quantize:
      return "quantize";
  }
  return "";
}

StatisticsNeeded PlannedOutput::needs() const {
  const StatisticsNeeded& own = quantizer->info().needs;
  return folder == nullptr ? own : own | folder->info().fold_needs;
}

std::string PlannedOutput::quantizers() const {
  return folder == nullptr || folder == quantizer ? quantizer->info().id
                                                  : folder->info().id + ", " + quantizer->info().id;
}

std::int64_t PlannedOutput::weights() const {
  std::int64_t sum = 0;
  for (const OutputTensor& tensor : model.tensors) sum += elements(tensor.shape);
  return sum;
}

std::uint64_t PlannedOutput::bytes_of(std::size_t tensor) const {
  const OutputTensor& planned = model.tensors.at(tensor);
  const std::uint64_t placed = layout.tensors.at(tensor).bytes;
  return placed != 0 ? placed : planned.row_bytes * static_cast<std::uint64_t>(rows(planned.shape));
}

double PlannedOutput::bits_per_weight() const {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < model.tensors.size(); ++i) bytes += bytes_of(i);
  return weights() == 0 ? 0.0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(weights());
}

Plan make_plan(const Pipeline& pipeline, const PluginRegistry& registry, int threads,
               std::shared_ptr<const TokenizerAhead> tokenizer) {
  Plan plan;
  const OpenedModel model = at_place(pipeline.model_mark, [&] {
    OpenedModel opened = open_model(pipeline.model, registry, UnknownCodes::carry);
    refuse_importance_matrix(*opened.reader, pipeline.model);
    return opened;
  });
  plan.model = pipeline.model;
  plan.reader = model.reader;
  plan.source_format = model.format->info().id;
  plan.effort = parse_effort(pipeline.effort);
  plan.report = pipeline.report;
  plan.report_mark = pipeline.report_mark;
  plan.work = pipeline.work;
  plan.work_mark = pipeline.work_mark;
  for (const auto& input : {pipeline.file, pipeline.imatrix})
    if (!input.empty()) plan.inputs.push_back(input);
  if (!pipeline.imatrix.empty())
    plan.imatrix = at_place(pipeline.imatrix_mark, [&] { return Imatrix::open(pipeline.imatrix, registry); });
  plan.warnings = at_place(pipeline.model_mark, [&] { return source_warnings(model, pipeline.model); });
  if (plan.imatrix != nullptr)
    plan.warnings.insert(plan.warnings.end(), plan.imatrix->warnings().begin(),
                         plan.imatrix->warnings().end());
  check_recipes(pipeline, registry, plan.warnings);
  set_backend(pipeline, registry, plan);
  ViewCache views(model, std::move(tokenizer), pipeline.model);
  OutputWarnings warnings;
  const auto calibration = plan_calibration(pipeline, model, registry, plan);
  for (const OutputSpec& spec : pipeline.outputs)
    plan.outputs.push_back(
        plan_output(spec, pipeline.recipes, views, registry, calibration.get(), plan, warnings));
  at_place(pipeline.model_mark, [&] { check_carried_codes(plan, model.unknown_method); });
  warnings.append_to(plan.warnings);
  if (calibration != nullptr) plan.calibration = calibration->finish(scratch_folder(plan), plan.warnings);
  if (plan.calibration != nullptr) plan.calibration_hash = plan.calibration->identity();
  plan.plugins = plugins_of(plan, registry);
  estimate(plan, threads);
  return plan;
}

}  // namespace pq
