#include "model/view_builder.hpp"

#include "model/gguf_names.hpp"
#include "model/gguf_tensors.hpp"
#include "model/tensor_links.hpp"
#include "model/tokenizer_metadata.hpp"

#include <polyquant/base/error.hpp>

#include <map>
#include <set>
#include <utility>

namespace pq {
namespace {

ViewTensor stored_tensor(const TensorInfo& info, std::size_t index) {
  ViewTensor tensor;
  tensor.name = info.name;
  tensor.source_name = info.name;
  tensor.shape = info.shape;
  tensor.stored_encoding = info.encoding;
  tensor.map.parts.push_back({index, 0, rows(info.shape), 1});
  return tensor;
}

// A GGUF tensor of today's form: experts that are stored one by one become a stack.
ViewTensor gguf_tensor(const GgufTensor& source, const ModelHeader& header) {
  ViewTensor tensor;
  tensor.name = tensor.source_name = source.name;
  tensor.shape = source.shape;
  for (const std::size_t stored : source.stored)
    tensor.map.parts.push_back({stored, 0, rows(header.tensors[stored].shape)});
  set_encodings(tensor, header);
  return tensor;
}

// config.json as the family's rules would have it from GGUF metadata, or the model's own; nothing if the model has none.
struct Known {
  const Family* family = nullptr;
  Json config;
};

Known known_family(const ModelReader& reader, const ModelFiles& files) {
  Known known;
  if (reader.header().dialect == Dialect::gguf) {
    known.family = installed_family(reader.header().metadata);
    return known;
  }
  const Json config = files.json("config.json");
  if (!config.is_object()) return known;
  known.family = installed_family(config);
  if (known.family != nullptr) known.config = with_nested(config, *known.family);
  return known;
}

// Names and shapes of the class where the files have another form of the same matrices.
void unpack(ModelView& view, const Family& family) {
  for (ViewTensor& tensor : view.tensors)
    for (const UnpackRule& rule : family.unpacked) {
      if (!tensor.name.ends_with(rule.end) || !matches(tensor.name, rule.pattern)) continue;
      tensor.name.resize(tensor.name.size() - rule.end.size());
      tensor.source_name = tensor.name;
      if (rule.transpose && tensor.shape.size() > 1) {
        std::swap(tensor.shape[tensor.shape.size() - 2], tensor.shape.back());
        tensor.transpose = true;
      }
      break;
    }
}

// Roles of a Hugging Face folder: what the GGUF names of its tensors would say.
void add_huggingface_roles(ModelView& view, const Family& family, const Json& config,
                           const ModelFiles& files) {
  ConfigScope scope(&family.let, config, family.defaults, (files.path() / "config.json").string());
  std::set<std::string> names;
  for (const ViewTensor& tensor : view.tensors) names.insert(renamed(tensor.name, family));
  scope.set_tensors([&names](const std::string& name) { return names.contains(name); });
  set_facts(view.facts, family, scope);
  struct Origin {
    const TensorLink* link = nullptr;
    std::int64_t matrix = 0;  // of a stacked GGUF tensor
  };
  std::map<std::string, Origin> by_name;
  const std::vector<TensorLink> links = tensor_links(family, scope, view.tensors.size());
  for (const TensorLink& link : links) {
    std::int64_t row = 0;
    for (const RowMap::Part& part : link.map.parts) {
      by_name.emplace(link.huggingface[part.stored], Origin{&link, matrix_of_row(link, row)});
      row += part.rows;
    }
  }
  for (ViewTensor& tensor : view.tensors) {
    const auto found = by_name.find(renamed(tensor.name, family));
    if (found == by_name.end()) continue;
    const TensorLink& link = *found->second.link;
    const GgufName name = GgufNames::installed().describe(link.gguf, link.gguf_shape);
    tensor.role = link.role.empty() ? name.role : link.role;
    tensor.layer = link.layer;
    tensor.is_expert = name.is_expert;
    if (keeps_columns(link)) {
      tensor.gguf_name = link.gguf;
      tensor.gguf_matrix = found->second.matrix;
    }
  }
}

void add_gguf_roles(ModelView& view) {
  for (ViewTensor& tensor : view.tensors) {
    const GgufName name = GgufNames::installed().describe(tensor.name, tensor.shape);
    tensor.role = name.role;
    tensor.layer = name.layer;
    tensor.is_expert = name.is_expert;
    tensor.gguf_name = tensor.name;
    tensor.keep_f32 = name.keep_f32;
  }
}

// A number of layers, heads or experts.
int count_of(const Json& value, const std::string& source, const std::string& key) {
  if (!value.is_integer()) return 0;
  if (!std::in_range<int>(value.integer()) || value.integer() < 0)
    throw FormatError(source + ": key '" + key + "' is " + display(value) + ", which no model has");
  return static_cast<int>(value.integer());
}

void set_gguf_facts(ModelFacts& facts, const Metadata& metadata, const std::string& source) {
  facts.architecture = metadata.string("general.architecture", "");
  const std::string prefix = facts.architecture + ".";
  // Some architectures store lists, one number per layer: not a fact of the whole model.
  const auto integer = [&](const char* key) {
    const MetaValue* value = metadata.find(prefix + key);
    return count_of(value == nullptr ? Json() : to_json_value(*value, 1), source, prefix + key);
  };
  facts.layers = integer("block_count");
  facts.attention_heads = integer("attention.head_count");
  facts.key_value_heads = integer("attention.head_count_kv");
  if (facts.key_value_heads == 0) facts.key_value_heads = facts.attention_heads;
  facts.experts = integer("expert_count");
}

}  // namespace

void set_facts(ModelFacts& facts, const Family& family, const Scope& scope) {
  facts.family = family.id;
  const auto integer = [&](const char* name) {
    const auto fits = [](const Json& value) { return value.is_integer(); };
    return count_of(scope.lookup(name), scope.source(), scope.origin(name, fits));
  };
  facts.layers = integer("layers");
  facts.attention_heads = integer("heads");
  facts.key_value_heads = integer("kv_heads");
  facts.experts = integer("experts");
  const Json names = scope.lookup("architectures");
  if (facts.architecture.empty() && names.is_array() && !names.array().empty())
    facts.architecture = display(names.array()[0]);
}

std::shared_ptr<ModelView> identity_view(std::shared_ptr<const ModelReader> reader, const ModelFiles& files,
                                         const ViewOptions& options) {
  auto view = std::make_shared<ModelView>();
  const ModelHeader& header = reader->header();
  view->dialect = header.dialect;
  view->metadata = header.metadata;
  view->side_files = header.side_files;
  if (header.dialect == Dialect::gguf)
    for (const GgufTensor& tensor : gguf_tensors(header, files.path().string()))
      view->tensors.push_back(gguf_tensor(tensor, header));
  else
    for (std::size_t i = 0; i < header.tensors.size(); ++i)
      view->tensors.push_back(stored_tensor(header.tensors[i], i));
  for (const ViewTensor& tensor : view->tensors) view->facts.parameters += elements(tensor.shape);
  const Known known = known_family(*reader, files);
  if (header.dialect == Dialect::gguf) {
    if (!options.name.empty()) view->metadata.set("general.name", options.name);
    check_pre_tokenizer(options.pre_tokenizer, view->metadata.string("tokenizer.ggml.model", "none"));
    if (!options.pre_tokenizer.empty()) view->metadata.set("tokenizer.ggml.pre", options.pre_tokenizer);
    add_gguf_roles(*view);
    set_gguf_facts(view->facts, header.metadata, files.path().string());
    if (known.family != nullptr) view->facts.family = known.family->id;
  } else if (known.family != nullptr) {
    unpack(*view, *known.family);
    try {
      add_huggingface_roles(*view, *known.family, known.config, files);
    } catch (const FormatError& error) {
      // A config that does not fit its own class is no obstacle to copying tensors.
      view->warnings.push_back(
          std::string("the roles of tensors are not known, so recipes treat all alike: ") + error.what());
      const std::int64_t parameters = view->facts.parameters;
      view->facts = {};
      view->facts.parameters = parameters;
    }
  }
  bool has_output = false;
  for (const ViewTensor& tensor : view->tensors) has_output = has_output || tensor.role == "output";
  view->facts.tied_output = !has_output && !view->facts.family.empty();
  view->reader = std::move(reader);
  return view;
}

}  // namespace pq
