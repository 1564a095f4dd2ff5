// From the operations of a graph, as written, to operations on the tensors of one model: names are looked up, expressions computed, widths checked.
#pragma once

#include "forward/flow.hpp"
#include "forward/graph.hpp"
#include "forward/operation.hpp"
#include "model/scope.hpp"
#include "model/view.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pq {

/// What binding knows about the model so far.
class Binding {
 public:
  /// `names`: tensors by the name that the family knows them by. `place`: the model, in messages about its tensors; those about the
  /// configuration begin with the scope's source.
  Binding(const Graph& graph, ConfigScope& scope, const ModelView& view,
          const std::map<std::string, std::size_t>& names, std::string place);

  /// The operations of a list for layer `layer` (-1: outside the layers). Throws ConfigError for mistakes in the graph, FormatError for a model that
  /// does not fit it.
  Operations bind(const std::vector<Node>& steps, int layer);

  /// Columns of a value.
  std::int64_t width(const std::string& value) const;
  void set_width(const std::string& value, std::int64_t cols);
  /// Among how many experts a choice was made.
  std::int64_t routed(const std::string& choice) const;
  void set_routed(const std::string& choice, std::int64_t experts) { routed_[choice] = experts; }
  /// Of all values that were written so far.
  std::int64_t all_widths() const;
  /// All sites met so far.
  const std::vector<std::shared_ptr<Site>>& sites() const noexcept { return sites_; }
  const std::vector<bool>& used() const noexcept { return used_; }

  const Flow& flow() const noexcept { return flow_; }

  // For the operations:
  Flow& flow() noexcept { return flow_; }
  ConfigScope& scope() noexcept { return scope_; }
  const ModelView& view() const noexcept { return view_; }
  const std::string& place() const noexcept { return place_; }
  int layer() const noexcept { return layer_; }
  int expert() const noexcept { return expert_; }
  /// The tensor of a graph's name with N and E filled in; nothing if the model has none.
  std::optional<std::size_t> find(const std::string& name) const;
  std::string filled(const std::string& name) const;
  /// Marks the tensor as used. Throws FormatError if it is missing.
  std::size_t tensor(const std::string& name);
  void open_site(const std::string& value, std::shared_ptr<Site> site);
  /// A matrix is multiplied with `value`. The site that it belongs to, or nullptr.
  const Site* read_at_site(const std::string& value, const WeightSlice& slice);
  Operations bind_expert(const std::vector<Node>& steps, int expert);
  const RopeSpec& rope(const std::string& name);

 private:
  std::unique_ptr<Operation> bind_step(const Node& step);

  const Graph& graph_;
  ConfigScope& scope_;
  const ModelView& view_;
  const std::map<std::string, std::size_t>& names_;
  std::string place_;
  std::map<std::string, std::int64_t> widths_, routed_;
  std::map<std::string, std::shared_ptr<Site>> open_sites_;  // by value
  std::vector<std::shared_ptr<Site>> sites_;
  std::map<std::string, RopeSpec> ropes_;
  std::vector<bool> used_;
  Flow flow_;
  int layer_ = -1, expert_ = -1;
};

/// The arguments of one operation. Getters throw ConfigError at the argument's place for what the graph's author has to mend.
class Arguments {
 public:
  /// `op`: the operation's name, which is the key of its target.
  Arguments(Binding& binding, const Node& step, std::string op);
  Binding& binding() noexcept { return binding_; }
  const Mark& mark() const noexcept { return step_.mark(); }

  const std::string& target() const noexcept { return target_; }  // the value that the operation writes
  bool has(const char* key);
  std::string text(const char* key);  // as it stands: names of values and tensors
  std::string text(const char* key, const std::string& fallback);
  std::vector<std::string> texts(const char* key);
  const Node& node(const char* key);
  /// The width of a value that the operation reads. One that only passes rows on, to operations that read them, asks Binding::width().
  std::int64_t width(const std::string& value) const {
    binding_.flow().read(value);
    return binding_.width(value);
  }
  Json value(const char* key);  // of an expression; null if absent
  std::int64_t integer(const char* key);
  std::int64_t integer(const char* key, std::int64_t fallback);
  double number(const char* key);
  double number(const char* key, double fallback);
  bool flag(const char* key, bool fallback = false);
  std::string word(const char* key, const std::string& fallback);  // of an expression
  std::vector<double> numbers(const char* key);
  /// At least 1; FormatError otherwise.
  std::int64_t positive(const char* key);
  Activation activation(const char* key);

  /// `weight:` with take, groups, matrix, transposed, as a matrix for inputs of `in` columns.
  WeightSlice matrix(std::int64_t in);
  /// A vector of `size` numbers; `like`: rows taken as of that matrix.
  WeightSlice vector(const std::string& tensor, std::int64_t size, const WeightSlice* like = nullptr);
  /// `bias:`, or the weight's name with .bias if the model has it.
  std::optional<WeightSlice> bias(const WeightSlice& weight);

  /// Throws ConfigError for arguments that nobody asked for.
  void finish() const;
  [[noreturn]] void misfit(std::size_t tensor, const std::string& wanted) const;

 private:
  const Node* find(const char* key);
  /// Sets what `slice` takes of the `stored` rows of its matrix.
  void choose_rows(WeightSlice& slice, std::int64_t stored);

  Binding& binding_;
  const Node& step_;
  std::string op_, target_;
  std::vector<std::string> known_;
};

/// Makes an operation from its arguments; it sets the width of its target.
using OperationMaker = std::unique_ptr<Operation> (*)(Arguments&);
/// nullptr if there is no such operation.
OperationMaker find_operation(const std::string& name);
std::vector<std::string> operation_names();

}  // namespace pq
