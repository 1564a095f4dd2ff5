#include "forward/forward_model.hpp"

#include "forward/binding.hpp"
#include "model/tensor_links.hpp"
#include "model/tensor_shapes.hpp"
#include "model/unknown_family.hpp"
#include "model/view_builder.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <bit>
#include <cmath>

namespace pq {
namespace {

bool is_folder(const ModelView& view) { return view.reader->header().dialect == Dialect::huggingface; }

std::shared_ptr<const ModelView> tensors_of(const OpenedModel& model, const std::filesystem::path& path) {
  refuse_importance_matrix(*model.reader, path);
  ViewOptions options;
  options.tensors_only = true;  // a tokenizer is read by those who need it
  return make_view(model.reader, path, Dialect::huggingface, options);
}

// config.json in the Hugging Face dialect: the model's own, or what the view makes of GGUF metadata.
Json config_of(const ModelView& view, const std::filesystem::path& path) {
  if (is_folder(view)) return read_config(ModelFiles(*view.reader, path));
  for (const SideFile& file : view.side_files)
    if (file.name == "config.json") return parse_json(file.content, path.string());
  throw FormatError(path.string() + ": no config.json follows from this file, so it cannot be run");
}

const Family& family_of(const Json& config, const std::string& source) {
  if (const Family* family = installed_family(config)) return *family;
  const Json* names = config.find("architectures");
  const bool listed = names != nullptr && names->is_array() && !names->array().empty();
  const Json* type = config.find("model_type");
  const std::string name = listed ? display(names->array()[0]) : type != nullptr ? display(*type) : "(none)";
  throw_unknown_family(source, name, ", so it cannot be run");
}

bool is_zero(const ModelView& view, std::size_t tensor) {
  const ViewTensor& wanted = view.tensors[tensor];
  if (!wanted.rows_are_stored()) return false;
  std::vector<std::byte> scratch;
  const Bytes bytes = read_encoded_rows(view, tensor, 0, rows(wanted.shape), scratch);
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte x) { return x == std::byte{0}; });
}

// A tensor that nobody reads would change what the model computes.
void refuse_unread(const Binding& binding, const Graph& graph, const Family& family, const ModelView& view,
                   ConfigScope& scope) {
  scope.set("N", Json());
  const auto is_needless = [&](std::size_t index) {
    const std::string& name = view.tensors[index].name;
    const auto fits = [&](const std::string& pattern) { return matches(renamed(name, family), pattern); };
    if (std::any_of(graph.unused.begin(), graph.unused.end(), fits)) return true;
    return std::any_of(family.drop.begin(), family.drop.end(), [&](const DropRule& rule) {
      return matches(name, fill_in(rule.pattern, scope)) && rule.when.test(scope, true) &&
             (!rule.zero || is_zero(view, index));
    });
  };
  for (std::size_t i = 0; i < view.tensors.size(); ++i)
    if (!binding.used()[i] && !is_needless(i))
      throw FormatError(binding.place() + ": the graph of the family '" + family.id +
                        "' does not read tensor '" + view.tensors[i].name +
                        "'; the model would compute something else");
}

void refuse_storage(const Family& family, const ModelView& view, const std::string& place) {
  for (const RefuseRule& rule : family.refuse)
    for (const ViewTensor& tensor : view.tensors)
      if (matches(tensor.name, rule.pattern))
        throw FormatError(place + ": tensor '" + tensor.name + "': " + rule.text);
}

// Per head the slope of ALiBi: powers of 2 that fall to 2^-bias_max; with a number of heads that is no power of two the odd ones of twice as many
// are appended.
Json alibi_slopes(const std::vector<Json>& arguments) {
  if (arguments.size() != 2 || !arguments[0].is_integer() || !arguments[1].is_number())
    throw FormatError("alibi_slopes() needs the number of heads and the largest exponent");
  const std::int64_t heads = std::clamp<std::int64_t>(arguments[0].integer(), 1, 1 << 16);
  const std::int64_t whole = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(heads)));
  const double step = arguments[1].number() / static_cast<double>(whole);
  Json::Array slopes;
  for (std::int64_t h = 0; h < heads; ++h)
    slopes.emplace_back(std::exp2(h < whole ? -static_cast<double>(h + 1) * step
                                            : -static_cast<double>(2 * (h - whole) + 1) * step / 2));
  return Json(std::move(slopes));
}

// Texts of conditions begin with the name of the file.
void check_config(const Family& family, const Graph& graph, const ConfigScope& scope,
                  const std::string& place) {
  scope.check_kinds();
  for (const auto* conditions : {&family.errors, &graph.errors})
    for (const ConditionText& condition : *conditions)
      if (condition.when.test(scope, true)) throw FormatError(place + ": " + fill_in(condition.text, scope));
}

using Names = std::map<std::string, std::size_t>;

Names names_of(const ModelView& view, const Family& family) {
  Names names;
  for (std::size_t i = 0; i < view.tensors.size(); ++i)
    names.emplace(renamed(view.tensors[i].name, family), i);
  return names;
}

// What a graph reads of a tensor follows from the configuration; of a larger tensor something would be left out. (Tensors of GGUF files have
// passed the same check on their way into the view.)
void check_shapes(const ModelView& view, const Family& family, const Json& config, const Names& names,
                  const std::string& place) {
  ConfigScope scope(&family.let, config, family.defaults, place + "/config.json");
  scope.set_tensors([&names](const std::string& name) { return names.contains(name); });
  for (const TensorLink& link : tensor_links(family, scope))
    for (const std::string& name : link.huggingface) {
      const auto found = names.find(name);
      if (found == names.end()) continue;  // the graph knows what it needs
      const ViewTensor& tensor = view.tensors[found->second];
      const std::string& file = view.reader->header().tensors[tensor.map.parts.front().stored].file;
      check_shape(link, tensor.name, tensor.shape, place, file, scope);
    }
}

}  // namespace

ForwardModel::ForwardModel(const OpenedModel& model, const std::filesystem::path& path)
    : view_(tensors_of(model, path)) {
  const std::string place = path.string(), source = is_folder(*view_) ? place + "/config.json" : place;
  const Json stored = config_of(*view_, path);
  const Family& family = family_of(stored, source);
  family_ = family.id;
  refuse_storage(family, *view_, place);
  const Graph graph = installed_graph(family);
  const Json config = with_nested(stored, family);
  const Names names = names_of(*view_, family);
  ConfigScope scope(&graph.let, config, family.defaults, source);
  scope.set_tensors([&names](const std::string& name) { return names.contains(name); });
  scope.set_function("alibi_slopes", alibi_slopes);
  check_config(family, graph, scope, place);
  if (is_folder(*view_)) check_shapes(*view_, family, config, names, place);
  Binding binding(graph, scope, *view_, names, place);
  bind(graph, binding);
  refuse_unread(binding, graph, family, *view_, scope);
}

void ForwardModel::bind(const Graph& graph, Binding& binding) {
  embed_ = binding.bind(graph.embed, -1);
  hidden_ = binding.width(kHidden);
  const std::int64_t layers = Expression::parse("layers").integer(binding.scope());
  if (layers < 1 || layers > kMaxLayers)
    throw FormatError(binding.scope().source() + ": " + std::to_string(layers) + " layers are not possible");
  for (int layer = 0; layer < layers; ++layer) layers_.push_back(binding.bind(graph.layer, layer));
  if (binding.width(kHidden) != hidden_) throw ConfigError("the graph changes the width of the value 'x'");
  value_cols_ = binding.all_widths();
  head_ = binding.bind(graph.head, -1);
  vocabulary_ = binding.width(kLogits);
  sites_ = binding.sites();
  folds_ = find_folds(binding.flow(), *view_);
  fold_map_ = std::make_shared<const FoldMap>(folds_, *view_);
}

}  // namespace pq
