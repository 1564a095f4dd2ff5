// Hugging Face -> GGUF.
#include "model/view_builder.hpp"

#include "model/gguf_metadata.hpp"
#include "model/gguf_names.hpp"
#include "model/tensor_links.hpp"
#include "model/tensor_shapes.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>
#include <map>
#include <optional>

namespace pq {
namespace {

// Of an embedding and a head: plans read headers and little else.
constexpr std::int64_t kComparedRows = 256;

class GgufViewBuilder {
 public:
  GgufViewBuilder(const ModelReader& reader, const ModelFiles& files, const Family& family,
                  const Json& config)
      : reader_(reader),
        header_(reader.header()),
        files_(files),
        family_(family),
        scope_(&family.let, config, family.defaults, (files.path() / "config.json").string()) {}

  void build(ModelView& view) {
    refuse_storage();
    index_tensors();
    scope_.set_tensors([this](const std::string& name) { return by_name_.contains(name); });
    check_config();
    used_.assign(header_.tensors.size(), false);
    std::vector<std::pair<std::size_t, ViewTensor>> ordered;
    for (const TensorLink& link : tensor_links(family_, scope_, header_.tensors.size()))
      if (auto tensor = make_tensor(link)) ordered.emplace_back(position(*tensor), std::move(*tensor));
    refuse_unknown();
    // As the real converter: where the last of a tensor's sources stands; generated ones first.
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [place, tensor] : ordered) view.tensors.push_back(std::move(tensor));
    add_facts(view);
    for (const ConditionText& warning : family_.warnings)
      if (warning.when.test(scope_, true)) view.warnings.push_back(fill_in(warning.text, scope_));
    if (const auto head = another_head(view))
      view.warnings.push_back(
          header_.tensors[*head].name +
          " is stored and is not the embedding, though config.json says that it is (tie_word_embeddings): " +
          (used_[*head]
               ? "the file has what is stored, as llama.cpp's converter writes it, and llama.cpp "
                 "computes with it, as transformers 5 does; older versions take the embedding"
               : "it is left out, as llama.cpp's converter does for this architecture, and llama.cpp "
                 "computes with the embedding; transformers 5 does so with what is stored"));
  }

  ConfigScope& scope() { return scope_; }

 private:
  void check_config() {
    scope_.check_kinds();
    for (const ConditionText& condition : family_.errors)
      if (condition.when.test(scope_, true))
        throw FormatError(files_.path().string() + ": " + fill_in(condition.text, scope_));
  }

  // Quantized storage of other programs that no format plugin took.
  void refuse_storage() const {
    for (const RefuseRule& rule : family_.refuse)
      for (const TensorInfo& info : header_.tensors)
        if (matches(info.name, rule.pattern))
          throw FormatError(files_.path().string() + (info.file.empty() ? "" : "/" + info.file) +
                            ": tensor '" + info.name + "': " + rule.text);
  }

  void index_tensors() {
    for (std::size_t i = 0; i < header_.tensors.size(); ++i) {
      const auto [place, is_new] = by_name_.emplace(renamed(header_.tensors[i].name, family_), i);
      if (!is_new)
        throw FormatError(files_.path().string() + ": tensors '" + header_.tensors[place->second].name +
                          "' and '" + header_.tensors[i].name + "' have the same meaning");
    }
  }

  // A wrong number of layers shows as a layer too many or too few.
  std::string layers_note(bool wanted) const {
    return wanted ? " (" + scope_.keys_of({Expression::parse("layers")}) + ")" : "";
  }

  std::optional<ViewTensor> make_tensor(const TensorLink& link) {
    ViewTensor tensor;
    tensor.name = link.gguf;
    tensor.shape = link.gguf_shape;
    tensor.generated = link.generated;
    tensor.add = link.add;
    tensor.transpose = link.result_transposed;
    tensor.elements = link.elements;
    tensor.map = link.map;
    const GgufName name = GgufNames::installed().describe(link.gguf, link.gguf_shape);
    tensor.role = link.role.empty() ? name.role : link.role;
    tensor.layer = link.layer;
    tensor.is_expert = name.is_expert;
    tensor.gguf_name = link.gguf;
    tensor.keep_f32 = name.keep_f32;
    tensor.source_name = link.huggingface.empty() ? link.gguf : link.huggingface.front();
    return link.huggingface.empty() || find_sources(link, tensor) ? std::optional(std::move(tensor))
                                                                  : std::nullopt;
  }

  // Sets the stored indices; false if an optional tensor is not there.
  bool find_sources(const TensorLink& link, ViewTensor& tensor) {
    std::vector<std::size_t> stored;
    for (const std::string& name : link.huggingface) {
      const auto found = by_name_.find(name);
      if (found == by_name_.end()) {
        if (link.optional && stored.empty()) return false;
        throw FormatError(files_.path().string() + ": tensor '" + name +
                          "' is missing, which a model of the family '" + family_.id +
                          "' with this config.json needs" + layers_note(link.layer >= 0) +
                          defaults_note(scope_));
      }
      stored.push_back(found->second);
      const TensorInfo& info = header_.tensors[found->second];
      check_shape(link, info.name, info.shape, files_.path().string(), info.file, scope_);
      used_[found->second] = true;
    }
    for (RowMap::Part& part : tensor.map.parts) part.stored = stored[part.stored];
    set_encodings(tensor, header_);
    return true;
  }

  static std::size_t position(const ViewTensor& tensor) {
    std::size_t last = 0;
    for (const RowMap::Part& part : tensor.map.parts) last = std::max(last, part.stored + 1);
    return last;
  }

  bool is_zero(std::size_t index) const {
    std::vector<std::byte> scratch;
    const Bytes bytes = reader_.rows(index, 0, rows(header_.tensors[index].shape), scratch);
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte x) { return x == std::byte{0}; });
  }

  bool is_dropped(std::size_t index) const {
    const std::string& name = header_.tensors[index].name;
    return std::any_of(family_.drop.begin(), family_.drop.end(), [&](const DropRule& rule) {
      return matches(name, fill_in(rule.pattern, scope_)) && rule.when.test(scope_, true) &&
             (!rule.zero || is_zero(index));
    });
  }

  void refuse_unknown() const {
    for (std::size_t i = 0; i < used_.size(); ++i)
      if (!used_[i] && !is_dropped(i))
        throw FormatError(files_.path().string() + ": tensor '" + header_.tensors[i].name +
                          "' is not known to the family '" + family_.id +
                          "' with this config.json; it would be lost" +
                          layers_note(matches(header_.tensors[i].name, "*.*.*.*")) + defaults_note(scope_));
  }

  // Of all rows some, evenly spread, the first and the last among them.
  bool same_bytes(std::size_t a, std::size_t b) const {
    const TensorInfo &first = header_.tensors[a], &second = header_.tensors[b];
    if (first.shape != second.shape || first.encoding != second.encoding) return false;
    const std::int64_t all = rows(first.shape), count = std::min(all, kComparedRows);
    std::vector<std::byte> scratch, other;
    bool same = true;
    for (std::int64_t i = 0; same && i < count; ++i) {
      const std::int64_t row = count < 2 ? 0 : i * (all - 1) / (count - 1);
      const Bytes x = reader_.rows(a, row, 1, scratch), y = reader_.rows(b, row, 1, other);
      same = std::equal(x.begin(), x.end(), y.begin(), y.end());
    }
    for (const std::size_t tensor : {a, b}) reader_.release(tensor, 0, all);
    return same;
  }

  // The stored head that config.json ties to the embedding, if it is another one.
  std::optional<std::size_t> another_head(const ModelView& view) const {
    if (!is_true(scope_.lookup("tie_word_embeddings"))) return std::nullopt;
    const auto with_role = [&](const char* role) -> std::optional<std::size_t> {
      for (const ViewTensor& tensor : view.tensors)
        if (tensor.role == role) return tensor.map.parts.front().stored;
      return std::nullopt;
    };
    auto head = with_role("output");
    const auto embedding = with_role("embedding");
    // Some families leave it out.
    if (const auto stored = by_name_.find("lm_head.weight"); !head && stored != by_name_.end())
      head = stored->second;
    return head && embedding && !same_bytes(*head, *embedding) ? head : std::nullopt;
  }

  void add_facts(ModelView& view) {
    set_facts(view.facts, family_, scope_);
    view.facts.tied_output = true;
    for (const ViewTensor& tensor : view.tensors) {
      if (tensor.generated.empty()) view.facts.parameters += elements(tensor.shape);
      if (tensor.role == "output") view.facts.tied_output = false;
    }
  }

  const ModelReader& reader_;
  const ModelHeader& header_;
  const ModelFiles& files_;
  const Family& family_;
  ConfigScope scope_;
  std::map<std::string, std::size_t> by_name_;
  std::vector<bool> used_;
};

}  // namespace

std::shared_ptr<ModelView> gguf_view(std::shared_ptr<const ModelReader> reader, const ModelFiles& files,
                                     const Family& family, const Json& config, const ViewOptions& options) {
  auto view = std::make_shared<ModelView>();
  view->dialect = Dialect::gguf;
  GgufViewBuilder builder(*reader, files, family, config);
  builder.build(*view);
  if (!options.tensors_only) add_gguf_metadata(*view, family, builder.scope(), files, config, options);
  view->reader = std::move(reader);
  return view;
}

}  // namespace pq
