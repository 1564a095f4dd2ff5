#include "model/tensor_links.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

// Far above every model, so that a config.json with nonsense does not fill the memory.
constexpr std::int64_t kUsualLayers = 1000;  // cheap to write out: then it is said which tensor is missing
constexpr std::int64_t kMaxExperts = 10000;
constexpr std::size_t kMaxNames = 1'000'000;
constexpr std::size_t kMaxParts = 1'000'000;  // of rows that are taken from a tensor and put elsewhere
constexpr std::int64_t kMaxDimension = std::int64_t{1} << 48;
constexpr std::int64_t kMaxSize = std::int64_t{1} << 31;  // of one key in a message: the larger one is named

bool has_index(const std::string& name, char letter) { return with_index(name, letter, 7) != name; }

std::string as_bias(const std::string& name) {
  const std::string_view suffix = ".weight";
  if (!name.ends_with(suffix)) return name + ".bias";
  return name.substr(0, name.size() - suffix.size()) + ".bias";
}

// Writes out the rules for one layer at a time.
class Builder {
 public:
  Builder(const Family& family, ConfigScope& scope, std::size_t stored)
      : family_(family), scope_(scope), stored_(stored) {}

  std::vector<TensorLink> build() {
    const Expression layers = Expression::parse("layers");
    layers_ = layers.integer(scope_);
    if (layers_ < 0 || layers_ > kMaxLayers)
      layers.wrong(scope_, is_size, "is " + std::to_string(layers_) + ": so many layers are not possible");
    if (layers_ > kUsualLayers && static_cast<std::uint64_t>(layers_) > stored_)
      layers.wrong(scope_, is_size,
                   "is " + std::to_string(layers_) + ": so many layers do not lie in " +
                       std::to_string(stored_) + " tensors");
    for (const TensorRule& rule : family_.tensors) {
      if (!has_index(rule.gguf, 'N')) {
        add(rule, -1);
        continue;
      }
      for (std::int64_t layer = 0; layer < layers_; ++layer) {
        scope_.set("N", Json(layer));
        add(rule, static_cast<int>(layer));
      }
      scope_.set("N", Json());
    }
    return std::move(links_);
  }

 private:
  [[noreturn]] void fail(const TensorRule& rule, const std::string& what) const {
    throw_at(rule.mark, "the rule of '" + rule.gguf + "' does not work for this model: " + what);
  }

  // One factor of a size.
  static bool is_size(const Json& value) {
    return value.is_integer() && value.integer() > 0 && value.integer() < kMaxSize;
  }

  Shape shape(const std::vector<Expression>& expressions) const {
    Shape result;
    for (const Expression& expression : expressions) {
      const std::int64_t size = expression.integer(scope_);
      if (size <= 0 || size > kMaxDimension) no_size(expression, size);
      result.push_back(size);
    }
    std::uint64_t product = 1;
    for (const std::int64_t size : result) {
      const auto grown = checked_mul(product, static_cast<std::uint64_t>(size));
      product = grown.value_or(UINT64_MAX);
    }
    if (product <= static_cast<std::uint64_t>(kMaxDimension)) return result;
    const auto largest =
        static_cast<std::size_t>(std::max_element(result.begin(), result.end()) - result.begin());
    no_size(expressions[largest], result[largest]);
  }

  [[noreturn]] void no_size(const Expression& expression, std::int64_t size) const {
    expression.wrong(
        scope_, is_size,
        "makes '" + expression.text() + "' " + std::to_string(size) + ", which is no size of a tensor");
  }

  void add(const TensorRule& rule, int layer) {
    if (!rule.when.test(scope_, true)) return;
    add_link(rule, layer, false);
    if (rule.has_bias) add_link(rule, layer, true);
  }

  void add_link(const TensorRule& rule, int layer, bool bias) {
    if (names_ > kMaxNames)
      throw FormatError(scope_.source() + ": layers and experts give more than " + std::to_string(kMaxNames) +
                        " tensors");
    TensorLink link;
    link.layer = layer;
    link.gguf = with_index(rule.gguf, 'N', layer);
    link.role = rule.role;
    link.rule = &rule;
    if (!rule.values.empty()) {
      add_values(rule, link);
    } else {
      link.optional = bias ? !rule.bias.test(scope_, false) : rule.optional.test(scope_, false);
      link.shape = shape(rule.shape);
      if (bias) make_bias(rule, link);
      add_names(rule, link, bias);
      names_ += link.huggingface.size();
      add_rows(rule, link);
    }
    links_.push_back(std::move(link));
  }

  void add_values(const TensorRule& rule, TensorLink& link) const {
    const Json values = rule.values.evaluate(scope_);
    const auto is_list = [](const Json& value) {
      return value.is_array() && !value.array().empty() &&
             std::all_of(value.array().begin(), value.array().end(),
                         [](const Json& x) { return x.is_number(); });
    };
    if (!is_list(values)) rule.values.wrong(scope_, is_list, "must give a list of numbers");
    for (const Json& value : values.array()) link.generated.push_back(static_cast<float>(value.number()));
    link.gguf_shape = {static_cast<std::int64_t>(link.generated.size())};
  }

  // One number per output: the rows of a matrix, the columns of a transposed one, as many as the weights of a norm.
  static void make_bias(const TensorRule& rule, TensorLink& link) {
    link.gguf = as_bias(link.gguf);
    if (!link.role.empty()) link.role = "bias";
    if (link.shape.size() < 2) return;
    if (rule.transpose == TensorRule::Transpose::stored)
      std::swap(link.shape[link.shape.size() - 2], link.shape.back());
    link.shape.pop_back();
  }

  void add_names(const TensorRule& rule, TensorLink& link, bool bias) const {
    for (const std::string& pattern : rule.huggingface) {
      const std::string name = with_index(bias ? as_bias(pattern) : pattern, 'N', link.layer);
      if (!has_index(name, 'E')) {
        link.huggingface.push_back(name);
        continue;
      }
      const std::int64_t count = rule.count.integer(scope_);
      if (count <= 0 || count > kMaxExperts)
        rule.count.wrong(
            scope_, is_size,
            "is " + std::to_string(count) + "; 1 to " + std::to_string(kMaxExperts) + " are possible");
      for (std::int64_t expert = 0; expert < count; ++expert)
        link.huggingface.push_back(with_index(name, 'E', expert));
    }
  }

  void add_rows(const TensorRule& rule, TensorLink& link) {
    const bool is_matrix = link.shape.size() > 1;
    link.stored_transposed = is_matrix && rule.transpose == TensorRule::Transpose::stored;
    link.result_transposed = is_matrix && rule.transpose == TensorRule::Transpose::taken;
    link.add = rule.add.empty() ? 0.0f : static_cast<float>(rule.add.evaluate(scope_).number());
    // A vector is one row; its weights are moved one by one where the matrix' rows are moved.
    const bool moves = !rule.rotary.empty() || !rule.take.empty() || link.huggingface.size() > 1;
    link.elements = rule.elements || (!is_matrix && moves && link.huggingface.size() == 1);
    const Shape turned = mapped_shape(link);
    const std::int64_t source_rows = rows(turned);
    if (rule.take.empty())
      for (std::size_t i = 0; i < link.huggingface.size(); ++i) link.map.parts.push_back({i, 0, source_rows});
    else
      add_takes(rule, link, source_rows);
    for (RowMap::Part& part : link.map.parts) part.transposed = link.stored_transposed;
    std::int64_t total = 0;
    for (const RowMap::Part& part : link.map.parts) total += part.rows;
    add_gguf_shape(rule, link, turned, total);
    if (!rule.rotary.empty()) add_rotary(rule, link, total);
  }

  void add_takes(const TensorRule& rule, TensorLink& link, std::int64_t source_rows) {
    const std::int64_t groups = rule.groups.empty() ? 1 : rule.groups.integer(scope_);
    if (groups <= 0 || source_rows % groups != 0)
      rule.groups.wrong(scope_, is_size,
                        "is " + std::to_string(groups) + ", but the " + std::to_string(source_rows) +
                            " rows of tensor '" + link.gguf + "' cannot be cut into so many groups");
    const std::int64_t group_rows = source_rows / groups;
    const auto parts =
        checked_mul(rule.take.size() * link.huggingface.size(), static_cast<std::uint64_t>(groups));
    if (!parts || *parts > kMaxParts - parts_)
      rule.groups.wrong(scope_, is_size,
                        "is " + std::to_string(groups) + ", which cuts tensors like '" + link.gguf +
                            "' into more than " + std::to_string(kMaxParts) + " parts");
    parts_ += *parts;
    for (const TakeRule& take : rule.take) {
      const std::int64_t first = take.first.empty() ? 0 : take.first.integer(scope_);
      const std::int64_t step = take.step.empty() ? 1 : take.step.integer(scope_);
      const std::int64_t count = take.count.integer(scope_);
      if (first < 0 || step <= 0 || count <= 0 || count > group_rows || first >= group_rows ||
          (count - 1) * step >= group_rows - first)
        throw FormatError(scope_.source() + ": " + std::to_string(count) + " rows from row " +
                          std::to_string(first) + " on ('" + take.count.text() + "') reach outside the " +
                          std::to_string(group_rows) + " rows of a group of tensor '" + link.gguf + "' (" +
                          scope_.keys_of(rule.shape) + ")");
      for (std::size_t i = 0; i < link.huggingface.size(); ++i)
        for (std::int64_t group = 0; group < groups; ++group)
          link.map.parts.push_back({i, group * group_rows + first, count, step});
    }
  }

  void add_gguf_shape(const TensorRule& rule, TensorLink& link, const Shape& turned,
                      std::int64_t total_rows) const {
    const std::int64_t width = cols(turned);
    const bool stacked = link.huggingface.size() > 1 && has_index(rule.huggingface[0], 'E');
    if (!rule.gguf_shape.empty() && (link.shape.size() > 1 || rule.elements)) {
      link.gguf_shape = shape(rule.gguf_shape);
    } else if (link.elements) {
      link.gguf_shape = {total_rows};
    } else if (link.result_transposed) {
      link.gguf_shape = {width, total_rows};
    } else if (total_rows == rows(turned) && link.huggingface.size() == 1) {
      link.gguf_shape = turned;
    } else if (stacked && rule.take.empty()) {
      link.gguf_shape = turned;  // the count comes in front
      link.gguf_shape.insert(link.gguf_shape.begin(), static_cast<std::int64_t>(link.huggingface.size()));
    } else {
      link.gguf_shape = {total_rows, width};
    }
    if (elements(link.gguf_shape) != total_rows * width)
      fail(rule, "'gguf_shape' " + to_string(link.gguf_shape) + " does not hold the taken rows");
  }

  void add_rotary(const TensorRule& rule, TensorLink& link, std::int64_t total_rows) const {
    const std::int64_t heads = rule.rotary.integer(scope_);
    if (link.stored_transposed) fail(rule, "'rotary' does not go with 'transpose'");
    if (heads <= 0 || total_rows % heads != 0 || total_rows / heads % 2 != 0)
      rule.rotary.wrong(scope_, is_size,
                        "is " + std::to_string(heads) + ", but the " + std::to_string(total_rows) +
                            " rows of tensor '" + link.gguf +
                            "' cannot be cut into so many heads of an even number of rows");
    link.map.order = RowMap::Order::rotary_to_pairs;
    link.map.head_rows = total_rows / heads;
  }

  const Family& family_;
  ConfigScope& scope_;
  const std::size_t stored_;  // tensors of the model
  std::int64_t layers_ = 0;
  std::size_t names_ = 0, parts_ = 0;
  std::vector<TensorLink> links_;
};

}  // namespace

std::vector<TensorLink> tensor_links(const Family& family, ConfigScope& scope, std::size_t stored) {
  return Builder(family, scope, stored).build();
}

std::int64_t matrix_of_row(const TensorLink& link, std::int64_t row) {
  const Shape& shape = link.gguf_shape;
  return shape.size() < 3 ? 0 : row / shape[shape.size() - 2];
}

Shape mapped_shape(const TensorLink& link) {
  if (link.elements) return {elements(link.shape), 1};
  Shape shape = link.shape;
  if (link.stored_transposed) std::swap(shape[shape.size() - 2], shape.back());
  return shape;
}

}  // namespace pq
