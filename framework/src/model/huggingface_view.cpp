// GGUF -> Hugging Face.
#include "model/view_builder.hpp"

#include "model/config_template.hpp"
#include "model/gguf_config.hpp"
#include "model/gguf_names.hpp"
#include "model/gguf_tensors.hpp"
#include "model/sampling.hpp"
#include "model/tensor_links.hpp"
#include "model/tokenizer_export.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>
#include <map>

namespace pq {
namespace {

constexpr std::int64_t kMaxValues = 1 << 16;  // of a tensor that an expression may read

class HuggingFaceViewBuilder {
 public:
  HuggingFaceViewBuilder(const ModelReader& reader, const ModelFiles& files, const Family& family)
      : reader_(reader),
        header_(reader.header()),
        files_(files),
        family_(family),
        tensors_(gguf_tensors(header_, files.path().string())),
        metadata_scope_(header_.metadata, family.gguf_architecture, files.path().string()) {}

  void build(ModelView& view, const ViewOptions& options) {
    if (family_.config.is_null())
      throw FormatError(files_.path().string() + ": the family '" + family_.id +
                        "' has no config.json to go back to");
    for (std::size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
    add_functions();
    if (const std::string encoding = matrix_encoding(); encoding == "f16" || encoding == "bf16")
      matrix_encoding_ = encoding;
    config_ = fill_template(family_.config, metadata_scope_);
    const Json* rope = config_.find("rope_scaling");
    for (const char* key : {"type", "rope_type"})
      if (const Json* type = rope == nullptr ? nullptr : rope->find(key))
        metadata_scope_.set("config_rope_type", *type);
    refuse_class_defaults(family_, config_, files_.path().string());
    GgufConfigScope scope(family_, config_, files_.path().string());
    scope.set_tensors([this](const std::string& name) { return by_name_.contains(name); });
    check_config(scope);
    scope.set("wants_fused", Json(experts(options) == "fused"));
    const std::vector<TensorLink> links = tensor_links(family_, scope, header_.tensors.size());
    add_tensors(links, view);
    set_facts(view.facts, family_, scope);
    view.side_files.push_back({"config.json", {}, to_json(config_) + "\n"});
    if (!options.tensors_only) add_files(view);
    for (const ConditionText& warning : family_.reverse_warnings)
      if (warning.when.test(metadata_scope_, true))
        view.warnings.push_back(fill_in(warning.text, metadata_scope_));
  }

 private:
  const GgufTensor* find(const std::vector<Json>& arguments) const {
    const auto found = arguments.size() == 1 && arguments[0].is_string()
                           ? by_name_.find(arguments[0].string())
                           : by_name_.end();
    return found == by_name_.end() ? nullptr : &tensors_[found->second];
  }

  // What a folder with this config.json would be refused for.
  void check_config(const GgufConfigScope& scope) const {
    scope.check_kinds();
    const std::string_view file = "config.json: ";
    for (const ConditionText& condition : family_.errors) {
      if (!condition.when.test(scope, true)) continue;
      std::string text = fill_in(condition.text, scope);
      if (text.starts_with(file)) text.erase(0, file.size());
      throw FormatError(files_.path().string() +
                        ": the metadata give a config.json that cannot be used: " + text);
    }
  }

  // The form in which experts come back.
  std::string experts(const ViewOptions& options) const {
    const std::vector<std::string>& known = family_.experts;
    if (options.experts != "auto") {
      if (known.empty())
        throw ConfigError("options.experts: '" + options.experts + "' has no meaning for the family '" +
                          family_.id + "', whose tensors have one form; remove it");
      return options.experts;
    }
    const std::string source = header_.metadata.string("general.source.experts", "");
    if (std::find(known.begin(), known.end(), source) != known.end()) return source;
    return known.empty() ? "" : known.front();
  }

  void add_functions() {
    metadata_scope_.set_tensors([this](const std::string& name) { return by_name_.contains(name); });
    metadata_scope_.set_function("rows", [this](const auto& arguments) {
      const GgufTensor* tensor = find(arguments);
      return tensor == nullptr ? Json() : Json(rows(tensor->shape));
    });
    metadata_scope_.set_function("cols", [this](const auto& arguments) {
      const GgufTensor* tensor = find(arguments);
      return tensor == nullptr ? Json() : Json(cols(tensor->shape));
    });
    metadata_scope_.set_function("values", [this](const auto& arguments) { return values(find(arguments)); });
    metadata_scope_.set("torch_dtype", Json(torch_dtype()));
  }

  // Only small tensors of f32 are read: factors of rotary frequencies.
  Json values(const GgufTensor* tensor) const {
    if (tensor == nullptr) return Json();
    const std::size_t index = tensor->stored.front();
    const std::string& encoding = header_.tensors[index].encoding;
    if (encoding != "f32" || elements(tensor->shape) > kMaxValues)
      throw FormatError(files_.path().string() + ": tensor '" + tensor->name + "' is " +
                        to_string(tensor->shape) + " of " + encoding + "; it must be f32, of at most " +
                        std::to_string(kMaxValues) + " numbers, to be read as factors");
    std::vector<std::byte> scratch;
    const Bytes bytes = reader_.rows(index, 0, rows(tensor->shape), scratch);
    Json::Array list;
    for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4)
      list.emplace_back(shortest_double(load<float>(bytes.data() + at)));
    return Json(std::move(list));
  }

  // Of the first tensor that need not be f32.
  std::string matrix_encoding() const {
    for (const GgufTensor& tensor : tensors_)
      if (!GgufNames::installed().describe(tensor.name, tensor.shape).keep_f32)
        return header_.tensors[tensor.stored.front()].encoding;
    return "";
  }

  std::string torch_dtype() const {
    const std::string encoding = matrix_encoding();
    return encoding == "f32" ? "float32" : encoding == "f16" ? "float16" : "bfloat16";
  }

  void add_tensors(const std::vector<TensorLink>& links, ModelView& view) {
    std::vector<bool> used(tensors_.size(), false), present(links.size(), false);
    std::vector<std::size_t> stored(links.size(), 0);
    for (std::size_t i = 0; i < links.size(); ++i) {
      const auto found = by_name_.find(links[i].gguf);
      if (found == by_name_.end()) {
        if (links[i].optional || !links[i].generated.empty()) continue;
        throw FormatError(files_.path().string() + ": tensor '" + links[i].gguf +
                          "' is missing, which a model of the family '" + family_.id + "' needs");
      }
      check_shape(links[i], tensors_[found->second]);
      stored[i] = found->second;
      present[i] = used[found->second] = true;
    }
    refuse_unknown(used);
    std::vector<std::pair<std::size_t, ViewTensor>> ordered;
    for (ReverseTensor& reverse : reverse_links(links, present)) {
      const std::size_t place = stored[reverse.link];
      ordered.emplace_back(place, make_tensor(links, stored, std::move(reverse)));
    }
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    view.facts.tied_output = true;
    for (auto& [place, tensor] : ordered) {
      view.facts.parameters += elements(tensor.shape);
      if (tensor.role == "output") view.facts.tied_output = false;
      view.tensors.push_back(std::move(tensor));
    }
  }

  void check_shape(const TensorLink& link, const GgufTensor& info) const {
    if (info.shape == link.gguf_shape) return;
    throw FormatError(files_.path().string() + ": tensor '" + info.name + "' has the shape " +
                      to_string(info.shape) + ", but the metadata give " + to_string(link.gguf_shape));
  }

  void refuse_unknown(const std::vector<bool>& used) const {
    for (std::size_t i = 0; i < used.size(); ++i)
      if (!used[i] && !is_generated(tensors_[i].name) && !is_dropped(tensors_[i].name))
        throw FormatError(files_.path().string() + ": tensor '" + tensors_[i].name +
                          "' is not known to the family '" + family_.id + "'; it would be lost");
  }

  bool is_dropped(const std::string& name) const {
    return std::any_of(family_.gguf_drop.begin(), family_.gguf_drop.end(), [&](const DropRule& rule) {
      return matches(name, rule.pattern) && rule.when.test(metadata_scope_, true);
    });
  }

  // Tensors that stand for keys of config.json.
  bool is_generated(const std::string& name) const {
    return std::any_of(family_.tensors.begin(), family_.tensors.end(),
                       [&](const TensorRule& rule) { return !rule.values.empty() && rule.gguf == name; });
  }

  ViewTensor make_tensor(const std::vector<TensorLink>& links, const std::vector<std::size_t>& stored,
                         ReverseTensor reverse) const {
    const TensorLink& link = links[reverse.link];
    const GgufName name = GgufNames::installed().describe(link.gguf, link.gguf_shape);
    ViewTensor tensor;
    tensor.name = tensor.source_name = std::move(reverse.name);
    tensor.shape = std::move(reverse.shape);
    tensor.map = std::move(reverse.map);
    tensor.role = link.role.empty() ? name.role : link.role;
    tensor.layer = link.layer;
    tensor.is_expert = name.is_expert;
    if (keeps_columns(link)) {
      tensor.gguf_name = link.gguf;
      tensor.gguf_matrix = matrix_of_row(link, tensor.map.parts.front().first_row);
    }
    tensor.elements = link.elements;
    tensor.transpose = link.stored_transposed;
    tensor.add = -link.add;
    for (RowMap::Part& part : tensor.map.parts) part.stored = stored[part.stored];
    resolve_stacks(tensor);
    set_encodings(tensor, header_);
    if (name.keep_f32 && tensor.stored_encoding == "f32") tensor.matrix_encoding = matrix_encoding_;
    return tensor;
  }

  // Parts refer to tensors_; afterwards to what is stored. Rows of a stack of single experts are cut where an expert ends.
  void resolve_stacks(ViewTensor& tensor) const {
    std::vector<RowMap::Part> parts;
    for (const RowMap::Part& part : tensor.map.parts) {
      const GgufTensor& source = tensors_[part.stored];
      if (source.stored.size() == 1) {
        parts.push_back(part);
        parts.back().stored = source.stored.front();
        continue;
      }
      if (part.lanes != 1 || part.step != 1 || tensor.map.order != RowMap::Order::natural)
        throw FormatError(files_.path().string() + ": '" + tensor.name + "' cannot be put together from '" +
                          header_.tensors[source.stored.front()].name + "' and its like");
      const std::int64_t rows_each =
          part.transposed ? cols(source.shape) : source.shape[source.shape.size() - 2];
      for (std::int64_t row = part.first_row, end = row + part.rows; row < end;) {
        const std::int64_t count = std::min(end - row, rows_each - row % rows_each);
        parts.push_back(part);
        parts.back().stored = source.stored[static_cast<std::size_t>(row / rows_each)];
        parts.back().first_row = row % rows_each;
        parts.back().rows = count;
        row += count;
      }
    }
    tensor.map.parts = std::move(parts);
  }

  void add_files(ModelView& view) {
    view.metadata.set("format", std::string("pt"));  // transformers asks for it
    Json generation = fill_template(family_.generation_config, metadata_scope_);
    if (generation.is_object() || generation.is_null())
      restore_sampling(generation, header_.metadata, files_.path().string(), view.warnings);
    if (generation.is_object())
      view.side_files.push_back({"generation_config.json", {}, to_json(generation) + "\n"});
    view.warnings.emplace_back(
        "config.json and the tokenizer's files are made anew from the GGUF file: copy the original ones if "
        "you need settings that it does not hold, such as max_new_tokens or model_max_length");
    for (SideFile& file : export_tokenizer(header_.metadata, files_.path().string(), view.warnings))
      view.side_files.push_back(std::move(file));
  }

  const ModelReader& reader_;
  const ModelHeader& header_;
  const ModelFiles& files_;
  const Family& family_;
  const std::vector<GgufTensor> tensors_;
  MetadataScope metadata_scope_;
  Json config_;
  std::string matrix_encoding_;  // "f16" or "bf16", else ""
  std::map<std::string, std::size_t> by_name_;
};

}  // namespace

std::shared_ptr<ModelView> huggingface_view(std::shared_ptr<const ModelReader> reader,
                                            const ModelFiles& files, const Family& family,
                                            const ViewOptions& options) {
  auto view = std::make_shared<ModelView>();
  view->dialect = Dialect::huggingface;
  HuggingFaceViewBuilder(*reader, files, family).build(*view, options);
  view->reader = std::move(reader);
  return view;
}

}  // namespace pq
