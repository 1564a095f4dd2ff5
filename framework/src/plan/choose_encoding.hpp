// Which encoding a tensor of an output gets.
#pragma once

#include "allocation/recipe.hpp"
#include "config/pattern.hpp"
#include "plan/plan.hpp"

#include <vector>

namespace pq {

/// Chooses encodings for the tensors of one output.
class EncodingChooser {
 public:
  /// `recipe` nullptr: `encoding:` of the output, or what is stored. `has_importance`: a fact that recipes ask for. All arguments must
  /// outlive the chooser.
  EncodingChooser(const OutputSpec& spec, const ModelView& view, const Format& format,
                  const PluginRegistry& registry, const Recipe* recipe, bool has_importance = false);

  /// The encoding of one tensor: rules, then the recipe, `encoding:`, or what is stored; the first that the format can store and whose block
  /// divides the columns, then `fallback:`. Throws ConfigError naming tensor, reason and cure if none does, PluginError if a built-in recipe
  /// wants an encoding that no plugin has.
  PlannedTensor choose(std::size_t index) const;

  /// Rules that no tensor matched. Throws ConfigError for one whose word is nearly that of a role: a typing error.
  std::vector<std::string> unused_rules() const;

 private:
  struct Candidates {
    std::vector<Node> specs;
    std::string asked_by;
    Mark mark;                    // of what asks
    bool by_built_in = false;     // a recipe of the installation
    bool is_stored = false;       // nothing was asked for: what the model has
    bool first_if_exact = false;  // the first of `specs` only where it changes no weight
    std::string note = "";        // why it is not what the output asks for
  };
  const Mark& place_of(const Mark& key) const;
  Candidates candidates(std::size_t index) const;
  std::shared_ptr<const Encoding> make(const Node& spec, const Candidates& wanted,
                                       const ViewTensor& tensor) const;
  bool fits(std::size_t rule, const ViewTensor& tensor) const;
  PlannedTensor carry(std::size_t index, const Candidates& candidates) const;
  void check_names() const;
  bool in_pipeline() const;  // else on the command line, which has another syntax
  bool is_convert() const;   // `polyquant convert`, which has no --recipe
  Candidates by_encoding(const ViewTensor& tensor) const;
  std::string column_cure(const ViewTensor& tensor) const;
  std::string stored_cure() const;
  bool can_pack(const std::string& id) const;
  bool is_taken(const Candidates& wanted) const;
  std::string fallback_for(const ViewTensor& tensor) const;
  [[noreturn]] void refuse(const ViewTensor& tensor, const Candidates& wanted, const std::string& reason,
                           bool is_for_columns) const;
  Route route(std::size_t index, const Encoding& target, const Encoding* stored) const;

  const OutputSpec& spec_;
  const ModelView& view_;
  const Format& format_;
  const PluginRegistry& registry_;
  const Recipe* recipe_;
  RecipeFacts facts_;              // only with a recipe
  bool is_narrow_ = false;         // `encoding:` has fewer than 16 bits per weight
  std::vector<Pattern> patterns_;  // parallel to spec_.rules
};

}  // namespace pq
